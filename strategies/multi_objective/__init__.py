"""Strategies that look for a Pareto front."""
