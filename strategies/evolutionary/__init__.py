"""Strategies that vary what they know: evolution, local search, annealing, tree search."""
