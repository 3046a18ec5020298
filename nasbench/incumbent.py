"""Who leads a run after each trial: the incumbent, and the Pareto set of several objectives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.constraint import Constraint


def feasible_mask(trace: NDArray[Any], bounds: Sequence[Constraint]) -> NDArray[np.bool_]:
    """Which trials of a trace keep all constraints, `(n,)`."""
    keeps = np.ones(len(trace), dtype=bool)
    for position, bound in enumerate(bounds):
        keeps &= bound.keeps(trace["constraint"][:, position])
    return keeps


def incumbent_steps(trace: NDArray[Any], sign: int, bounds: Sequence[Constraint] = ()) -> NDArray[np.int64]:
    """For each trial, the position of the incumbent after it (-1 before the first value).

    The incumbent is the best *observed* value among the trials at the highest epoch that the run
    has reached so far; ties keep the earlier; a NaN never leads, nor does what breaks a constraint.

    Args:
        trace: a run's trace; several objectives count by the first.
        sign: +1 where larger is better, -1 where smaller is.
        bounds: the task's constraints.
    """
    value = trace["value"] if trace["value"].ndim == 1 else trace["value"][:, 0]
    value = np.where(feasible_mask(trace, bounds), value, np.nan) if bounds else value
    utility = np.where(np.isnan(value), -np.inf, sign * value)
    epoch = np.where(np.isnan(trace["epoch"]), 0.0, trace["epoch"])
    epoch = np.where(np.isnan(value), -np.inf, epoch)
    steps = np.full(len(trace), -1, dtype=np.int64)
    best, level, leader = -np.inf, -np.inf, -1
    for position, (u, e) in enumerate(zip(utility.tolist(), epoch.tolist(), strict=True)):
        if e > level or (e == level and u > best):
            best, level, leader = u, e, position
        steps[position] = leader
    return steps


def pareto_mask(utility: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which rows of `(n, objectives)` (larger is better) no other row dominates; NaN rows never."""
    n = len(utility)
    known: NDArray[np.bool_] = np.asarray(~np.isnan(utility).any(axis=1))
    keep = known.copy()
    for i in range(n):
        if keep[i]:
            better = (utility >= utility[i]).all(axis=1) & (utility > utility[i]).any(axis=1)
            keep[i] = not (better & known).any()
    return keep
