"""Strategies that learn a policy: reinforcement learning."""
