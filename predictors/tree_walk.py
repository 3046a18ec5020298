"""Boosted trees walked all at once for a single architecture.

XGBoost spends most of a single prediction on its call: ten members of 600 trees take milliseconds, of which
the trees need a tenth. Here every tree is laid out as a perfect one in level order, and one row goes down
all of them in a few array steps. The sums are taken in XGBoost's order and precision; `walker_of` keeps a
walker only where it gives the very bits that XGBoost gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.predictors.tree_model import Tree

Floats = NDArray[np.float64]

DEEPEST = 8
"""Deeper trees are not laid out: a perfect tree doubles with each level."""

_PROBES = 256


class TreeWalker:
    """The trees of all members as arrays.

    Args:
        members: the trees of each member; all members have as many.
        depth: of the deepest tree.
    """

    def __init__(self, members: Sequence[Sequence[Tree]], depth: int) -> None:
        trees = [tree for member in members for tree in member]
        inner, leaves = 2**depth - 1, 2**depth
        features = np.zeros((len(trees), inner), dtype=np.int64)
        bounds = np.full((len(trees), inner), np.inf, dtype=np.float32)
        values = np.empty((len(trees), leaves), dtype=np.float32)
        for place, tree in enumerate(trees):
            _lay_out(tree, features[place], bounds[place], values[place], depth)
        self._features, self._bounds, self._values = features.ravel(), bounds.ravel(), values.ravel()
        self._first_inner = np.arange(len(trees), dtype=np.int64) * inner
        self._first_leaf = np.arange(len(trees), dtype=np.int64) * leaves - inner
        self._depth, self._members = depth, len(members)

    def predict(self, features: NDArray[np.float32]) -> Floats:
        """Standardised predictions `(members, 1)` of one row `(1, d)`."""
        row = features[0]
        node = np.zeros(len(self._first_inner), dtype=np.int64)
        for _ in range(self._depth):
            place = self._first_inner + node
            right = row.take(self._features.take(place)) >= self._bounds.take(place)
            node *= 2
            node += 1
            node += right
        reached = self._values.take(self._first_leaf + node).reshape(self._members, -1)
        # a running sum adds tree after tree, as XGBoost does; a plain sum would add in pairs
        return np.asarray(np.add.accumulate(reached, axis=1)[:, -1:], dtype=np.float64)


def walker_of(members: Sequence[Sequence[Tree]], boosters: Sequence[Any], columns: int) -> TreeWalker | None:
    """A walker of members' trees; None where it would differ from XGBoost.

    That is where trees are too deep, where members have unequal numbers of them, or where the bits of a
    few hundred random rows are not XGBoost's.

    Args:
        members: the trees of each member.
        boosters: the same members as XGBoost's boosters.
        columns: of the features.
    """
    depth = max(tree.depth for member in members for tree in member)
    if depth > DEEPEST or len({len(member) for member in members}) > 1:
        return None
    walker = TreeWalker(members, depth)
    probes = np.random.default_rng(0).random((_PROBES, columns), dtype=np.float32)
    probes[: _PROBES // 2] = np.round(probes[: _PROBES // 2])
    expected = np.array([booster.inplace_predict(probes) for booster in boosters], dtype=np.float64)
    walked = np.concatenate([walker.predict(probe[None]) for probe in probes], axis=1)
    return walker if (expected == walked).all() else None


def _lay_out(
    tree: Tree, features: NDArray[np.int64], bounds: NDArray[np.float32], values: NDArray[np.float32], depth: int
) -> None:
    """Write a tree as a perfect one: beneath an early leaf, every path ends in its value."""
    waiting = [(0, 0, 0)]
    while waiting:
        node, place, level = waiting.pop()
        if tree.left[node] < 0:
            below = depth - level
            first = (place + 1) * 2**below - 2**depth
            values[first : first + 2**below] = tree.condition[node]
            continue
        features[place], bounds[place] = tree.feature[node], tree.condition[node]
        waiting += [(tree.left[node], 2 * place + 1, level + 1), (tree.right[node], 2 * place + 2, level + 1)]
