"""Optimisers of other projects behind the same ask/tell contract."""
