"""The tree of LaNAS: a search space halved again and again by linear models of the value. numpy only."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

_RIDGE = 1e-3
"""Penalty of the weights a row, which makes them unique where rows are fewer than columns."""

_LEAST = 4
"""Observations below which a region is not split."""


@dataclass
class Region:
    """A part of the search space, and its two halves where it is split.

    Attributes:
        value: mean target of the observations in it.
        visits: how many observations it has, those that are on their way included.
        candidates: rows of the candidates in it that were not drawn.
        halves: the half that promises more, and the other; empty for a leaf.
    """

    value: float
    visits: int
    candidates: Rows
    halves: tuple[Region, ...] = ()

    def draw(self, exploration: float, rng: np.random.Generator) -> int | None:
        """A candidate of the leaf that upper confidence bounds lead to, uniformly; it is then taken.

        At each split the half with the larger value + 2 exploration sqrt(2 log(visits) / visits of the half)
        is entered, of those that have a candidate left.

        Returns:
            Its row, or None where no candidate is left.
        """
        if not len(self.candidates):
            return None
        path = [self]
        while path[-1].halves:
            open_halves = [half for half in path[-1].halves if len(half.candidates)]
            spread = 2.0 * exploration * sqrt(2.0 * log(path[-1].visits))
            path.append(max(open_halves, key=lambda half: half.value + spread / sqrt(half.visits)))
        leaf = path[-1]
        row = int(leaf.candidates[int(rng.random() * len(leaf.candidates))])
        for region in path:
            region.visits += 1
            region.candidates = region.candidates[region.candidates != row]
        return row


def grow(x: Floats, y: Floats, candidates: Floats, free: Rows, height: int) -> Region:
    """The tree of some observations.

    A region is split by a linear regression on its observations: where it predicts more than their mean
    is the half that promises more.

    Args:
        x: `(n, d)` features of the observations, n at least 1.
        y: `(n,)` targets, larger is better.
        candidates: `(m, d)` features of what may be drawn.
        free: rows of the candidates in this region that may be drawn.
        height: levels of the tree; 1 is a single leaf.
    """
    region = Region(float(y.mean()), len(y), free)
    if height > 1 and len(y) >= _LEAST:
        weights = _regression(x, y)
        above = (x - x.mean(axis=0)) @ weights > 0
        if above.any() and not above.all():
            promising = (candidates[free] - x.mean(axis=0)) @ weights > 0
            region.halves = tuple(
                grow(x[mine], y[mine], candidates, free[theirs], height - 1)
                for mine, theirs in ((above, promising), (~above, ~promising))
            )
    return region


def _regression(x: Floats, y: Floats) -> Floats:
    """Weights `(d,)` of the least-squares plane through the mean point; it predicts the mean there."""
    centred = x - x.mean(axis=0)
    normal = centred.T @ centred + _RIDGE * len(x) * np.eye(x.shape[1])
    return np.asarray(np.linalg.solve(normal, centred.T @ (y - y.mean())))
