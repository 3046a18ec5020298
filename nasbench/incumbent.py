"""Who leads a run after each trial: the incumbent, and the Pareto set of several objectives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

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
    keep: NDArray[np.bool_] = np.asarray(~np.isnan(utility).any(axis=1))
    keep[keep] = ~_dominated(utility[keep], utility[keep])
    return keep


class FrontStep(NamedTuple):
    """The Pareto set of a run from one trial on.

    Attributes:
        position: of the trial that changed it.
        members: `(k,)` positions of the trials in it, in order of discovery; each architecture once.
    """

    position: int
    members: NDArray[np.int64]


def observations_of(
    trace: NDArray[Any], signs: Sequence[int], bounds: Sequence[Constraint] = ()
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """What `front_steps` takes of a run: utilities `(n, objectives)`, epochs `(n,)`, architectures `(n,)`.

    Args:
        trace: a run's trace.
        signs: of the objectives, +1 where larger is better, -1 where smaller is.
        bounds: the task's constraints; what breaks one has no utility.
    """
    architecture = np.unique(trace["genotype"], axis=0, return_inverse=True)[1].reshape(-1)
    utility = trace["value"].reshape(len(trace), len(signs)) * np.array(signs)
    utility[~feasible_mask(trace, bounds)] = np.nan
    return utility, trace["epoch"], architecture


def front_steps(
    utility: NDArray[np.float64], epoch: NDArray[np.float64], architecture: NDArray[np.int64]
) -> Iterator[FrontStep]:
    """Every change of the Pareto set of the observed values along a run.

    As for the incumbent, only trials at the highest epoch reached so far take part, so that a higher
    epoch begins the set anew. Equal values do not dominate one another.

    Args:
        utility: `(n, objectives)` observed values, larger is better; a row with a NaN takes no part.
        epoch: `(n,)` epochs trained to, NaN where there is only one fidelity.
        architecture: `(n,)` numbers that are equal for equal architectures; what is asked again at
            the same epoch changes nothing.
    """
    known = ~np.isnan(utility).any(axis=1)
    reached = np.where(known, np.nan_to_num(epoch), -np.inf)
    highest = np.maximum.accumulate(reached)
    taking = np.flatnonzero(known & (reached == highest))
    begins = np.flatnonzero(np.diff(highest[taking], prepend=-np.inf) > 0)
    for part in np.split(taking, begins[1:]):
        first = np.sort(np.unique(architecture[part], return_index=True)[1])
        yield from _growing(utility, part[first])


def _growing(utility: NDArray[np.float64], positions: NDArray[np.int64]) -> Iterator[FrontStep]:
    """Changes of the set as the positions come, in blocks that double: few of a long block survive its screening."""
    members = positions[:0]
    begin, size = 0, 32
    while begin < len(positions):
        block = positions[begin : begin + size]
        for position in block[~_dominated(utility[block], utility[members])].tolist():
            point, others = utility[position], utility[members]
            if _dominated(point[None], others)[0]:
                continue
            beaten = (others <= point).all(axis=1) & (others < point).any(axis=1)
            members = np.append(members[~beaten], position)
            yield FrontStep(position, members)
        begin, size = begin + size, 2 * size


def _dominated(points: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of the points `(n, d)` one of the others `(k, d)` dominates, `(n,)`."""
    as_good = np.ones((len(others), len(points)), dtype=bool)
    better = np.zeros_like(as_good)
    for axis in range(points.shape[1]):
        ours, theirs = points[:, axis], others[:, axis, None]
        as_good &= theirs >= ours
        better |= theirs > ours
    dominated: NDArray[np.bool_] = np.asarray((as_good & better).any(axis=0))
    return dominated
