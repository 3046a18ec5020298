"""Paths through a cell: which sequences of operations lead from its input to its output.

A path is known by the operations on its edges. An identity (`skip_connect`) on the way is left out of
the sequence, and a path with a `none` on it carries nothing and is dropped. The number of paths with
each sequence is the path encoding of BANANAS, with counts in place of presence: it describes the
function that the cell computes, up to which of its operations share their weights.

Source: White, Neiswanger and Savani, BANANAS, AAAI 2021, section 3 (the path encoding); White et al.,
A Study on Encodings for Neural Architecture Search, NeurIPS 2020.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from nasbench.space import Genotypes
from nasbench.spaces.cell_graph import Cell


def edge_paths(cell: Cell) -> tuple[tuple[int, ...], ...]:
    """The paths from node 0 to the output, each as the genotype positions of its edges in order."""
    complete: list[tuple[int, ...]] = []
    partial: list[tuple[int, tuple[int, ...]]] = [(0, ())]
    while partial:
        node, path = partial.pop()
        if node == cell.output:
            complete.append(path)
        partial.extend((to, (*path, e)) for e, (source, to) in enumerate(cell.edges) if source == node)
    return tuple(sorted(complete, key=lambda path: (len(path), path)))


def sequence_names(cell: Cell, operations: Sequence[str]) -> tuple[str, ...]:
    """Names of the columns of `count_paths`: `input>OPERATION>...>output`, shorter sequences first.

    Args:
        cell: the skeleton.
        operations: names of all operations, zero and skip included.
    """
    real = [name for i, name in enumerate(operations) if i not in (cell.zero, cell.skip)]
    longest = max(map(len, edge_paths(cell)))
    sequences = (s for length in range(longest + 1) for s in product(real, repeat=length))
    return tuple(">".join(("input", *sequence, "output")) for sequence in sequences)


def count_paths(cell: Cell, operations: int, genotypes: Genotypes) -> NDArray[np.float64]:
    """How many paths of each cell have each sequence of operations.

    Args:
        cell: the skeleton.
        operations: number of operations that an edge may have, zero and skip included.
        genotypes: `(n, E)` operations in range.

    Returns:
        `(n, sequences)` counts; the columns are those of `sequence_names`.
    """
    real = [i for i in range(operations) if i not in (cell.zero, cell.skip)]
    # Digits 1..k in base k number all sequences: shorter ones first, then lexicographically.
    digit = np.zeros(operations, dtype=np.int64)
    digit[real] = np.arange(1, len(real) + 1)
    digits, alive_edge = digit[genotypes], genotypes != cell.zero
    paths = edge_paths(cell)
    columns = sum(len(real) ** length for length in range(max(map(len, paths)) + 1))
    counts = np.zeros((len(genotypes), columns))
    for path in paths:
        number = np.zeros(len(genotypes), dtype=np.int64)
        for edge in path:
            number = np.where(digits[:, edge] > 0, number * len(real) + digits[:, edge], number)
        alive = np.flatnonzero(alive_edge[:, list(path)].all(axis=1))
        counts[alive, number[alive]] += 1
    return counts
