"""Strategies that spend less on most architectures: halving, bandits, early stopping."""
