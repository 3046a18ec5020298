"""The verbs of the command line; `nasbench.cli` puts them together."""
