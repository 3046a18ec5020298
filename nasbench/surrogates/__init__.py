"""Surrogate benchmarks: an ensemble fitted to a table answers for the whole of its space.

Source: Zela, Siems, Zimmer, Lukasik, Keuper and Hutter, Surrogate NAS Benchmarks: Going Beyond the Limited Search
Spaces of Tabular NAS Benchmarks, ICLR 2022.
"""
