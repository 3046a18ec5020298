"""The floor that every strategy is compared with: random search and its relatives."""
