"""Paths through a cell whose operations sit on vertices: the path encoding on NAS-Bench-101.

Source: White, Neiswanger and Savani, BANANAS, AAAI 2021, section 3: one column for each of the 364
sequences of at most five operations. Counts stand in place of presence.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations, pairwise, product

import numpy as np
from numpy.typing import NDArray

from nasbench.space import Genotypes
from nasbench.spaces.nasbench101_cells import OPERATIONS
from nasbench.spaces.nasbench101_graphs import EDGES, INTERIOR, OUTPUT_VERTEX


@cache
def sequence_names() -> tuple[str, ...]:
    """Names of the 364 columns: `input>OPERATION>...>output`, shorter sequences first."""
    sequences = (s for length in range(INTERIOR + 1) for s in product(OPERATIONS, repeat=length))
    return tuple(">".join(("input", *sequence, "output")) for sequence in sequences)


def count_paths(genotypes: Genotypes) -> NDArray[np.float64]:
    """How many paths of each cell have each sequence of operations, `(n, 364)`.

    Args:
        genotypes: `(n, 26)` cells.
    """
    base, column = len(OPERATIONS), {edge: position for position, edge in enumerate(EDGES)}
    counts = np.zeros((len(genotypes), sum(base**length for length in range(INTERIOR + 1))))
    for length in range(INTERIOR + 1):
        for vertices in combinations(range(1, INTERIOR + 1), length):
            stops = (0, *vertices, OUTPUT_VERTEX)
            hops = [column[hop] for hop in pairwise(stops)]
            alive = np.flatnonzero(genotypes[:, hops].all(axis=1))
            # digits 1 to 3 in base 3 number all sequences: shorter ones first, then lexicographically
            number = np.zeros(len(alive), dtype=np.int64)
            for vertex in vertices:
                number = number * base + genotypes[alive, len(EDGES) + vertex - 1]
            counts[alive, number] += 1
    return counts
