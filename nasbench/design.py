"""The design stream's sequence: a whole space in uniformly random order, produced lazily."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nasbench.space import Genotype, SearchSpace


def design_sequence(space: SearchSpace, rng: np.random.Generator) -> Iterator[Genotype]:
    """The whole space in uniformly random order, each genotype once, produced lazily.

    Small spaces take one permutation. Larger ones run a Fisher-Yates shuffle that stores only the
    positions it has touched. Spaces beyond 64-bit ranks draw with replacement and skip what was
    seen, which has the same law.
    """
    if space.size <= 1 << 17:
        yield from _decoded(space, rng.permutation(space.size))
    elif space.size < 2**63:
        yield from _sparse_shuffle(space, rng)
    else:
        seen: set[Genotype] = set()
        while len(seen) < space.size:
            for genotype in map(tuple, space.sample(rng, 256).tolist()):
                if genotype not in seen:
                    seen.add(genotype)
                    yield genotype


def _sparse_shuffle(space: SearchSpace, rng: np.random.Generator) -> Iterator[Genotype]:
    """Fisher-Yates from the front: position i swaps with a uniform one of i to size - 1."""
    moved: dict[int, int] = {}
    for begin in range(0, space.size, 256):
        positions = np.arange(begin, min(begin + 256, space.size))
        drawn = []
        for position, other in zip(positions.tolist(), rng.integers(positions, space.size).tolist(), strict=True):
            drawn.append(moved.get(other, other))
            moved[other] = moved.pop(position, position)
        yield from map(tuple, space.genotypes(drawn).tolist())


def _decoded(space: SearchSpace, ranks: NDArray[np.int64]) -> Iterator[Genotype]:
    begin, step = 0, 32
    while begin < len(ranks):
        yield from zip(*space.genotypes(ranks[begin : begin + step]).T.tolist(), strict=True)
        begin, step = begin + step, min(2 * step, 4096)
