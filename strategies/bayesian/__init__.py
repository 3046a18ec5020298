"""Strategies that model the values: Bayesian optimisation and predictor-guided search."""
