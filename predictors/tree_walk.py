"""Boosted trees walked all at once for a single architecture.

XGBoost spends most of a single prediction on its call: ten members of 600 trees take milliseconds, of which
the trees need a tenth. Here every tree is laid out as a perfect one in level order, and one row goes down
all of them in a few array steps. The sums are taken in XGBoost's order and precision; `walker_of` keeps a
walker only where it gives the very bits that XGBoost gives.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DEEPEST = 8
"""Deeper trees are not laid out: a perfect tree doubles with each level."""

_PROBES = 256


class TreeWalker:
    """The trees of all members as arrays.

    Args:
        members: for each member its trees, as XGBoost's JSON has them; all members have as many.
        depth: of the deepest tree.
    """

    def __init__(self, members: Sequence[Sequence[Mapping[str, Any]]], depth: int) -> None:
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


def walker_of(boosters: Sequence[Any], columns: int) -> TreeWalker | None:
    """A walker of XGBoost boosters that were fitted to `columns` features; None where it would differ.

    That is where trees are too deep or of another make, or where the bits of a few hundred random
    rows are not XGBoost's.
    """
    try:
        members = [_trees(booster) for booster in boosters]
        depth = max(_depth(tree) for member in members for tree in member)
        if depth > DEEPEST or len({len(member) for member in members}) > 1:
            return None
        walker = TreeWalker(members, depth)
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    probes = np.random.default_rng(0).random((_PROBES, columns), dtype=np.float32)
    probes[: _PROBES // 2] = np.round(probes[: _PROBES // 2])
    expected = np.array([booster.inplace_predict(probes) for booster in boosters], dtype=np.float64)
    walked = np.concatenate([walker.predict(probe[None]) for probe in probes], axis=1)
    return walker if (expected == walked).all() else None


def _trees(booster: Any) -> list[dict[str, Any]]:
    """A booster's trees; only plain numerical ones that begin from 0 are of the kind that is walked."""
    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    if learner["gradient_booster"]["name"] != "gbtree" or learner["learner_model_param"]["num_target"] != "1":
        raise ValueError("not one ensemble of trees for one target")
    trees: list[dict[str, Any]] = learner["gradient_booster"]["model"]["trees"]
    if any(any(tree["split_type"]) for tree in trees):
        raise ValueError("categorical splits")
    return trees


def _depth(tree: Mapping[str, Any]) -> int:
    """Levels of inner nodes; parents come before their children."""
    level = [0] * len(tree["left_children"])
    for node, (left, right) in enumerate(zip(tree["left_children"], tree["right_children"], strict=True)):
        if left >= 0:
            level[left] = level[right] = level[node] + 1
    return max(level)


def _lay_out(
    tree: Mapping[str, Any],
    features: NDArray[np.int64],
    bounds: NDArray[np.float32],
    values: NDArray[np.float32],
    depth: int,
) -> None:
    """Write a tree in level order: beneath an early leaf, every path ends in its value."""
    left, right = tree["left_children"], tree["right_children"]
    feature, condition = tree["split_indices"], tree["split_conditions"]
    waiting = [(0, 0, 0)]
    while waiting:
        node, place, level = waiting.pop()
        if left[node] < 0:
            below = depth - level
            first = (place + 1) * 2**below - 2**depth
            values[first : first + 2**below] = condition[node]
            continue
        features[place], bounds[place] = feature[node], condition[node]
        waiting += [(left[node], 2 * place + 1, level + 1), (right[node], 2 * place + 2, level + 1)]
