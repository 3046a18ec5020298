"""Who is better where there are several objectives: constrained non-domination, then crowding.

Losses are what observations become here: one number an objective, smaller meaning better. A trial's
violation is 0 where it keeps every constraint, positive where it does not, and infinite where it failed.

Source: Deb et al., A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II, IEEE Transactions on
Evolutionary Computation 2002 (sections III-A, III-B and VI-A).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import NamedTuple

import moocore
import numpy as np
from numpy.typing import NDArray

from nasbench.problem import Observation, Problem
from nasbench.space import Genotype

Floats = NDArray[np.float64]


class Evaluated(NamedTuple):
    """An architecture and what became of it.

    Attributes:
        genotype: the architecture.
        losses: one number an objective, smaller is better; NaN where the trial failed.
        violation: 0 if feasible, infinite if failed.
    """

    genotype: Genotype
    losses: tuple[float, ...]
    violation: float


def evaluated(problem: Problem, genotype: Genotype, observation: Observation) -> Evaluated:
    """What a strategy remembers of a trial."""
    losses = tuple([-o.sign * value for o, value in zip(problem.objectives, observation.values, strict=True)])
    if any(loss != loss for loss in losses):
        return Evaluated(genotype, losses, inf)
    return Evaluated(genotype, losses, problem.violation(observation) if problem.constraints else 0.0)


def dominates(one: Evaluated, other: Evaluated) -> bool:
    """Whether an architecture is at least as good in all objectives and better in one, or less infeasible."""
    if one.violation or other.violation:
        return one.violation < other.violation
    return one.losses != other.losses and all(a <= b for a, b in zip(one.losses, other.losses, strict=True))


def non_dominated_ranks(losses: Floats, violations: Floats | None = None) -> NDArray[np.int64]:
    """The front that each point is on, `(n,)`: 0 for what nothing dominates, 1 for what only those do, ...

    By Deb's feasibility rule every feasible point dominates every infeasible one, and of two infeasible
    ones the less infeasible dominates.

    Args:
        losses: `(n, objectives)`; those of infeasible points are not read.
        violations: `(n,)`, not negative; None where all points are feasible.
    """
    if violations is None or not violations.any():
        return np.asarray(moocore.pareto_rank(losses), dtype=np.int64)
    ranks = np.empty(len(losses), dtype=np.int64)
    feasible = violations == 0
    fronts = 0
    if feasible.any():
        ranks[feasible] = moocore.pareto_rank(losses[feasible])
        fronts = int(ranks[feasible].max()) + 1
    ranks[~feasible] = fronts + np.unique(violations[~feasible], return_inverse=True)[1]
    return ranks


def crowding_distances(losses: Floats, ranks: NDArray[np.int64]) -> Floats:
    """How far the neighbours of each point on its front are apart, `(n,)`.

    The sides of the box that the two neighbours span, each relative to the front's extent in that
    objective, added up; infinite for the ends of a front.

    Args:
        losses: `(n, objectives)`.
        ranks: `(n,)` fronts, `non_dominated_ranks`.
    """
    total = np.zeros(len(losses))
    if not len(losses):
        return total
    for column in losses.T:
        order = np.lexsort((column, ranks))
        value, front = column[order], ranks[order]
        new = np.flatnonzero(front[1:] != front[:-1]) + 1
        first, last = np.concatenate([[0], new]), np.concatenate([new, [len(front)]]) - 1
        extent = np.repeat(value[last] - value[first], last - first + 1)
        gap = np.empty(len(value))
        gap[1:-1] = value[2:] - value[:-2]
        # a front without extent in this objective says nothing about crowding
        share = np.divide(gap, extent, out=np.zeros_like(gap), where=extent > 0)
        share[first] = share[last] = inf
        total[order] += share
    return total


def crowded_order(trials: Sequence[Evaluated], rng: np.random.Generator) -> NDArray[np.int64]:
    """Positions `(n,)` of the trials, best first: by front, on a front the less crowded, then by lot."""
    losses = np.array([trial.losses for trial in trials])
    violations = np.array([trial.violation for trial in trials])
    ranks = non_dominated_ranks(losses, violations)
    return np.lexsort((rng.random(len(trials)), -crowding_distances(losses, ranks), ranks))
