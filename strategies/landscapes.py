"""Tiny synthetic problems on which `check_strategy` drives a strategy: no tables, no runner."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from nasbench.parameter import Parameter
from nasbench.problem import Direction, Objective, Observation, Problem, Trial
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
    """

    space: SearchSpace
    direction: Direction = "maximize"
    failing: float = 0.0
    objectives: int = 1

    def problem(self, seed: int, workers: int, fidelities: tuple[int, ...], evaluations: int) -> Problem:
        """The problem as a strategy sees it."""
        objectives = [Objective(f"objective_{i}", self.direction) for i in range(self.objectives)]
        return Problem(
            self.space,
            objectives,
            np.random.default_rng([seed, 1]),
            evaluations=evaluations,
            fidelities=fidelities,
            workers=workers,
        )

    def observe(self, trial: Trial) -> Observation:
        """The outcome of a trial; fixed by its genotype and epoch."""
        code = [gene + 1 for gene in trial.genotype]
        if np.random.default_rng([7, *code]).random() < self.failing:
            return Observation((float("nan"),) * self.objectives, status="failed")
        sign = 1.0 if self.direction == "maximize" else -1.0
        short = 0.0 if trial.epoch is None else 5.0 / trial.epoch
        return Observation(tuple(sign * (v - short) for v in _values(trial.genotype, self.objectives)))


@cache
def _values(genotype: tuple[int, ...], objectives: int) -> tuple[float, ...]:
    effects = np.random.default_rng(11).normal(size=(objectives, 64))
    main = [sum(row[(5 * i + g) % 64] for i, g in enumerate(genotype)) for row in effects.tolist()]
    rest = np.random.default_rng([13, *[gene + 1 for gene in genotype]]).normal(size=objectives)
    return tuple(80.0 + 3.0 * a + b for a, b in zip(main, rest.tolist(), strict=True))
