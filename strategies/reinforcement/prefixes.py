"""Which choices an autoregressive policy may take, so that what it spells is an architecture."""

from __future__ import annotations

from functools import lru_cache
from math import prod

import numpy as np
from numpy.typing import NDArray

from nasbench.space import Genotypes, SearchSpace

Mask = NDArray[np.bool_]


class Spelling:
    """Genotypes that are written from the first position to the last, a batch at a time.

    In a constrained or partial space that can be listed, a choice is allowed where a valid genotype
    begins with the choices so far and it: the genotypes in lexicographic order that share a prefix
    are an interval, which each choice narrows. Elsewhere all choices of a position are allowed, and
    what is spelled may be invalid where the space is constrained.

    Args:
        space: the space.
        n: genotypes to write.
    """

    def __init__(self, space: SearchSpace, n: int) -> None:
        self._choices = np.array(space.cardinalities)
        self._width = int(self._choices.max())
        self._listed = _lexicographic(space) if is_listed(space) else None
        self._begin = np.zeros(n, dtype=np.int64)
        self._end = np.full(n, 0 if self._listed is None else self._listed.shape[1], dtype=np.int64)
        self._position = 0
        self._bounds = self._cut()

    def allowed(self) -> Mask:
        """Which choices of the present position may follow, `(n, most choices of a position)`."""
        if self._listed is not None:
            return np.asarray(np.diff(self._bounds, axis=1) > 0)
        own = np.arange(self._width) < self._choices[self._position]
        return np.broadcast_to(own, (len(self._begin), self._width))

    def write(self, choices: NDArray[np.int64]) -> None:
        """Go to the next position with these choices `(n,)`, which were allowed."""
        self._position += 1
        if self._listed is not None:
            rows = np.arange(len(choices))
            self._begin, self._end = self._bounds[rows, choices], self._bounds[rows, choices + 1]
            self._bounds = self._cut()

    def _cut(self) -> NDArray[np.int64]:
        """Where each choice of the present position begins in the interval, `(n, most choices + 1)`."""
        if self._listed is None or self._position == len(self._listed):
            return np.empty((0, 0), dtype=np.int64)
        column, values = self._listed[self._position], np.arange(self._width + 1)
        parts = [
            begin + column[begin:end].searchsorted(values)
            for begin, end in zip(self._begin.tolist(), self._end.tolist(), strict=True)
        ]
        return np.array(parts, dtype=np.int64)


def is_constrained(space: SearchSpace) -> bool:
    """Whether some combinations of choices are no architecture of the space."""
    return space.size < prod(space.cardinalities)


def is_listed(space: SearchSpace) -> bool:
    """Whether `Spelling` allows what leads to valid genotypes only."""
    return is_constrained(space) and space.enumerable


@lru_cache(maxsize=4)
def _lexicographic(space: SearchSpace) -> Genotypes:
    """All genotypes in lexicographic order, a row a position: `(G, size)`."""
    narrow = np.min_scalar_type(max(space.cardinalities))
    columns = space.all().T.astype(narrow)
    ordered: Genotypes = np.ascontiguousarray(columns[:, np.lexsort(columns[::-1])])
    return ordered
