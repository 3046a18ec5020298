"""Which rows a predictor trains on and which it has to predict: the same for all predictors of a trial."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nasbench.benchmark import Benchmark
from nasbench.errors import TaskError
from nasbench.prediction_task import PredictionTask
from nasbench.streams import generator

Rows = NDArray[np.int64]

UNIFORM, CLASS_DISJOINT, TOP_DECILE = "uniform", "class-disjoint", "top-decile"
KINDS = (UNIFORM, CLASS_DISJOINT, TOP_DECILE)
"""Kinds of held-out rows, in the order of their codes in a stored run."""


@dataclass(frozen=True)
class Split:
    """The rows of one (task, trial, size).

    Attributes:
        train: `(n,)` distinct rows; those of a smaller size are its first ones.
        held_out: rows to predict by kind, none of which is trained on. `uniform`: the same of all
            sizes. `class-disjoint`: uniform among the rows that compute no function of a training
            row (left out where no two rows compute the same). `top-decile`: uniform among the best
            tenth of the table by `Labels.selecting`.
    """

    train: Rows
    held_out: dict[str, Rows]


def split(task: PredictionTask, trial: int, size: int) -> Split:
    """The rows of a trial: a function of its arguments only, whatever else a comparison holds.

    Raises:
        TaskError: the table has too few rows with labels.
    """
    shuffled = _shuffled(task, task.bench, trial)
    pool = shuffled.uniform[task.held_out :]
    if size > len(pool):
        raise TaskError(
            f"{task.name} has {len(shuffled.uniform):,} architectures with a value: too few to train on {size:,} and "
            f"hold out {task.held_out:,}; give smaller sizes or fewer held-out rows"
        )
    train = pool[:size]
    held_out = {UNIFORM: shuffled.uniform[: task.held_out]}
    if task.has_twins:
        classes = task.bench.classes
        strangers = ~np.isin(classes[shuffled.other], classes[train])
        held_out[CLASS_DISJOINT] = shuffled.other[strangers][: task.held_out]
    unseen = ~np.isin(shuffled.top, train)
    held_out[TOP_DECILE] = shuffled.top[unseen][: task.held_out]
    for rows in held_out.values():
        assert not np.isin(rows, train).any(), "a held-out row was trained on"
    return Split(train, held_out)


@dataclass(frozen=True)
class _Shuffled:
    """All rows with a label in two random orders, and the best tenth in a third."""

    uniform: Rows
    other: Rows
    top: Rows


@lru_cache(maxsize=8)
def _shuffled(task: PredictionTask, bench: Benchmark, trial: int) -> _Shuffled:
    labels = task.labels(trial)  # of `bench`, which stands here so that another table of that name is not the same
    known = np.flatnonzero(~np.isnan(labels.shown))
    rng = generator("prediction split", task.id, trial)
    uniform, other = rng.permutation(known), rng.permutation(known)
    judged = np.flatnonzero(~np.isnan(labels.selecting) & ~np.isnan(labels.judging))
    best_first = judged[np.argsort(-task.facts.sign * labels.selecting[judged], kind="stable")]
    return _Shuffled(uniform, other, rng.permutation(best_first[: -(-len(best_first) // 10)]))
