"""Tiny synthetic problems on which `check_strategy` drives a strategy: no tables, no runner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasbench.constraint import Constraint
from nasbench.parameter import Parameter
from nasbench.problem import Direction, Knowledge, Objective, Observation, Problem, SourceTask, Trial
from nasbench.space import Genotypes, SearchSpace
from nasbench.spaces.constrained import ConstrainedSpace
from nasbench.spaces.grid import GridSpace


class SparseSpace(ConstrainedSpace):
    """Of all genotypes, those whose genes sum to a multiple of 3, or to 2."""

    kind = "conformance-sparse"

    def _members(self) -> Genotypes:
        full = SearchSpace(self.parameters).all()
        total = full.sum(axis=1)
        members: Genotypes = full[(total % 3 == 0) | (total == 2)]
        return members


GRID = GridSpace(
    [
        Parameter("operation", ("conv", "pool", "skip", "none")),
        Parameter("width", (8, 16, 32, 64), ordered=True),
        Parameter("activation", ("relu", "tanh")),
        Parameter("dropout", (0.0, 0.1, 0.3), ordered=True),
    ]
)
RENAMED = GridSpace(
    [
        Parameter("zeta", ("delta", "charlie", "bravo", "alpha")),
        Parameter("yotta", (8, 16, 32, 64), ordered=True),
        Parameter("xi", ("tango", "sierra")),
        Parameter("width", (0.0, 0.1, 0.3), ordered=True),
    ]
)
"""`GRID` under other names, which sort the other way; ordered choices are numbers that mean something, and stay."""

SPARSE = SparseSpace([Parameter(f"edge {i}", ("none", "skip", "conv", "pool")) for i in range(3)])
TINY = GridSpace.of({"width": [8, 16], "operation": ["conv", "pool", "skip"], "bias": ["yes", "no"]})


@dataclass(frozen=True)
class Landscape:
    """A synthetic table, computed: accuracy-like values with main effects and a rugged rest.

    Args:
        space: what is searched.
        direction: `minimize` negates the values.
        failing: share of the architectures whose value is NaN.
        objectives: how many independent values each architecture has.
        bounded: whether the sum of the genes is a constrained metric, which about half of them break.
    """

    space: SearchSpace
    direction: Direction = "maximize"
    failing: float = 0.0
    objectives: int = 1
    bounded: bool = False

    def problem(self, seed: int, workers: int, fidelities: tuple[int, ...], evaluations: int) -> Problem:
        """The problem as a strategy sees it."""
        objectives = [Objective(f"objective_{i}", self.direction) for i in range(self.objectives)]
        problem = Problem(
            self.space,
            objectives,
            np.random.default_rng([seed, 1]),
            evaluations=evaluations,
            fidelities=fidelities,
            workers=workers,
            constraints=[self._bound()] if self.bounded else [],
        )
        problem.knowledge = LandscapeKnowledge(self, seed, problem.spend)
        return problem

    def _bound(self) -> Constraint:
        return Constraint("genes", "<=", float(sum(c - 1 for c in self.space.cardinalities) // 2))

    def observe(self, trial: Trial) -> Observation:
        """The outcome of a trial; fixed by its genotype and epoch."""
        code = [gene + 1 for gene in trial.genotype]
        if np.random.default_rng([7, *code]).random() < self.failing:
            return Observation((float("nan"),) * self.objectives, status="failed")
        sign = 1.0 if self.direction == "maximize" else -1.0
        short = 0.0 if trial.epoch is None else 5.0 / trial.epoch
        values = tuple(sign * (v - short) for v in _values(trial.genotype, self.objectives))
        if not self.bounded:
            return Observation(values)
        genes = float(sum(trial.genotype))
        return Observation(
            values, status="infeasible" if self._bound().violation(genes) else "ok", constraints=(genes,)
        )


class LandscapeKnowledge(Knowledge):
    """What there is to know of a landscape: made-up costs, two proxies, and two related tasks.

    Args:
        landscape: what is searched.
        seed: draws the evaluations of the related tasks.
        spend: takes the seconds of proxies.
    """

    def __init__(self, landscape: Landscape, seed: int, spend: Callable[[float], None]) -> None:
        self._landscape, self._seed, self._spend = landscape, seed, spend
        self._shown = 0

    @property
    def source_observations(self) -> int:
        """Evaluations of the related tasks that were shown."""
        return self._shown

    @property
    def proxy_names(self) -> tuple[str, ...]:
        """Of two proxies."""
        return ("close", "far")

    def params(self, genotypes: ArrayLike) -> NDArray[np.float64]:
        """Sum of the genes, `(n,)`."""
        return np.asarray(np.asarray(genotypes, dtype=np.float64).sum(axis=1))

    def flops(self, genotypes: ArrayLike) -> NDArray[np.float64]:
        """Twice as many."""
        return 2 * self.params(genotypes)

    def proxies(self, genotypes: ArrayLike) -> NDArray[np.float64]:
        """The first objective under noise, and noise alone; one second each, every tenth is missing."""
        rows = np.asarray(genotypes, dtype=np.int64).tolist()
        self._spend(2.0 * len(rows))
        found = []
        for row in rows:
            rng = np.random.default_rng([17, *[gene + 1 for gene in row]])
            close, far = rng.normal(size=2)
            found.append((_values(tuple(row), 1)[0] + close, far) if rng.random() > 0.1 else (np.nan, np.nan))
        return np.array(found).reshape(-1, 2)

    def sources(self, observations: int = 200) -> list[SourceTask]:
        """A task with nearly the same values, and one with the opposite ones."""
        rng = np.random.default_rng([self._seed, 19])
        count = min(observations, 40)
        self._shown = 2 * count
        found = []
        for name, sign in (("akin", 1.0), ("opposite", -1.0)):
            genotypes = self._landscape.space.sample(rng, count)
            values = [sign * _values(tuple(row), 1)[0] for row in genotypes.tolist()]
            found.append(SourceTask(name, genotypes, np.array(values) + rng.normal(size=count)))
        return found


@cache
def _values(genotype: tuple[int, ...], objectives: int) -> tuple[float, ...]:
    effects = np.random.default_rng(11).normal(size=(objectives, 64))
    main = [sum(row[(5 * i + g) % 64] for i, g in enumerate(genotype)) for row in effects.tolist()]
    rest = np.random.default_rng([13, *[gene + 1 for gene in genotype]]).normal(size=objectives)
    return tuple(80.0 + 3.0 * a + b for a, b in zip(main, rest.tolist(), strict=True))
