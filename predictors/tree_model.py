"""Boosted trees as XGBoost's own JSON, read strictly: what XGBoost is given is always well formed.

XGBoost trusts the models that it reads: foreign bytes abort the process, and a child or feature out of
range reads outside of its arrays. So only the trees of a file are used, each checked to be one, and they
are put into the frame of a model that the installed XGBoost wrote itself. What predictions do not need
(gains, weights of inner nodes) is left at zero, which makes the files small.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from nasbench.datasets.readers.safe_files import parse_json
from nasbench.errors import TableError

MOST_TREES = 10_000
MOST_NODES = 1 << 17
LARGEST = float(np.finfo(np.float32).max)

_ROOT_PARENT = 2**31 - 1


class Tree(NamedTuple):
    """One tree in level order, each list with one entry a node.

    Attributes:
        left, right: the children, after their parent; -1 in a leaf.
        feature: column that an inner node looks at; 0 in a leaf.
        condition: left where the column is below it; the value of a leaf.
    """

    left: list[int]
    right: list[int]
    feature: list[int]
    condition: list[float]

    @property
    def depth(self) -> int:
        """Levels of inner nodes."""
        level = [0] * len(self.left)
        for node, (left, right) in enumerate(zip(self.left, self.right, strict=True)):
            if left >= 0:
                level[left] = level[right] = level[node] + 1
        return max(level)


def trees_of(booster: Any) -> list[Tree]:
    """The trees of a fitted booster, renumbered level by level."""
    model = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]["model"]
    return [_renumbered(raw) for raw in model["trees"]]


def _renumbered(raw: dict[str, Any]) -> Tree:
    order = [0]
    tree = Tree([], [], [], [])
    for old in order:  # grows as it is read: children follow
        inner = raw["left_children"][old] >= 0
        tree.left.append(len(order) if inner else -1)
        tree.right.append(len(order) + 1 if inner else -1)
        tree.feature.append(raw["split_indices"][old] if inner else 0)
        tree.condition.append(float(raw["split_conditions"][old]))
        if inner:
            order += [raw["left_children"][old], raw["right_children"][old]]
    return tree


def to_bytes(trees: Sequence[Tree], columns: int) -> bytes:
    """A model file of the trees that any XGBoost of this release or later reads."""
    model: dict[str, Any] = json.loads(_frame(columns))
    inside = model["learner"]["gradient_booster"]["model"]
    frame = inside["trees"][0]
    inside["trees"] = [_filled(frame, tree, number, columns) for number, tree in enumerate(trees)]
    inside["tree_info"] = [0] * len(trees)
    inside["iteration_indptr"] = list(range(len(trees) + 1))
    inside["gbtree_model_param"]["num_trees"] = str(len(trees))
    return json.dumps(model, separators=(",", ":"), sort_keys=True).encode()


@lru_cache(maxsize=16)
def _frame(columns: int) -> bytes:
    """A model of one tree on so many columns, as the installed XGBoost writes it."""
    import xgboost

    settings = {"objective": "reg:squarederror", "base_score": 0.0, "tree_method": "hist", "nthread": 1}
    booster = xgboost.train(settings, xgboost.DMatrix(np.zeros((2, columns), np.float32), np.zeros(2)), 1)
    return bytes(booster.save_raw("json"))


def _filled(frame: dict[str, Any], tree: Tree, number: int, columns: int) -> dict[str, Any]:
    nodes = len(tree.left)
    parents = [_ROOT_PARENT] * nodes
    for node, (left, right) in enumerate(zip(tree.left, tree.right, strict=True)):
        if left >= 0:
            parents[left] = parents[right] = node
    known: dict[str, Any] = {
        "id": number,
        "left_children": tree.left,
        "right_children": tree.right,
        "parents": parents,
        "split_indices": tree.feature,
        "split_conditions": tree.condition,
        **dict.fromkeys(("base_weights", "loss_changes", "sum_hessian"), [0.0] * nodes),
        **dict.fromkeys(("default_left", "split_type"), [0] * nodes),
    }
    param = {**frame["tree_param"], "num_nodes": str(nodes), "num_feature": str(columns), "num_deleted": "0"}
    return {**frame, **known, "tree_param": param}


def read_trees(content: bytes, columns: int, source: str) -> list[Tree]:
    """The trees of a model file.

    Args:
        content: XGBoost's JSON.
        columns: of the features that the trees look at.
        source: what it is, for errors.

    Raises:
        TableError: no JSON, another kind of model, or something that is no tree.
    """
    model = parse_json(content, source)
    try:
        learner = model["learner"]
        if learner["learner_model_param"]["num_feature"] != str(columns):
            raise TableError(f"{source} is a model of other features than the {columns} that were expected")
        raw = learner["gradient_booster"]["model"]["trees"]
        if not isinstance(raw, list) or not 0 < len(raw) <= MOST_TREES:
            raise TableError(f"{source} must hold up to {MOST_TREES:,} trees")
        return [_checked(tree, columns, f"tree {number} of {source}") for number, tree in enumerate(raw)]
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise TableError(f"{source} is no XGBoost model of trees: {error!r}") from error


def _checked(raw: dict[str, Any], columns: int, source: str) -> Tree:
    tree = Tree(raw["left_children"], raw["right_children"], raw["split_indices"], raw["split_conditions"])
    if not all(isinstance(values, list) for values in tree) or len({len(values) for values in tree}) > 1:
        raise TableError(f"{source}: its nodes must be lists of one length")
    nodes = len(tree.left)
    whole = all(type(value) is int for values in tree[:3] for value in values)
    if not 0 < nodes <= MOST_NODES or not whole:
        raise TableError(f"{source}: it must have nodes of whole numbers, up to {MOST_NODES:,}")
    if not all(type(value) in (int, float) and abs(value) <= LARGEST for value in tree.condition):
        raise TableError(f"{source}: its conditions must be finite numbers")
    following = 1
    for left, right, feature in zip(*tree[:3], strict=True):
        # level order: every inner node's children are the next two, so that each node has one parent
        if left >= 0 and (left, right) == (following, following + 1) and 0 <= feature < columns:
            following += 2
        elif (left, right) != (-1, -1):
            raise TableError(f"{source}: its nodes are not those of a tree in level order")
    if following != nodes or any(
        type(raw["split_type"][node]) is not int or raw["split_type"][node] for node in range(nodes)
    ):
        raise TableError(f"{source}: its nodes are not those of a tree with numerical splits")
    return Tree(*tree[:3], [float(value) for value in tree.condition])
