"""Readers of containers that others wrote: bounded, typed errors, and nothing in a file is ever executed."""
