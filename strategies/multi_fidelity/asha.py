"""Asynchronous successive halving."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from nasbench.problem import Problem
from nasbench.space import Genotype
from nasbench.strategies.multi_fidelity.base import Job, LadderSearch


@dataclass
class ASHA(LadderSearch):
    """Successive halving that never waits: whatever is among the best of its rung so far climbs at once.

    A free worker takes, from the highest rung down, the best architecture that is among the best 1/`eta` of those
    told at its rung and has not climbed yet; where there is none, it begins a new one of the seed's design at the
    first rung. Failed trials count as members of their rung but do not climb.

    The budget that fits is epochs or seconds. One of evaluations counts a short training like a full one, which is
    worse than random search (mean regret on NAS-Bench-NLP after 100: .153 against .129).

    Source: Li et al., A System for Massively Parallel Hyperparameter Tuning, MLSys 2020 (algorithm 2). The paper
    experiments with `eta` 4; 3 is Hyperband's and the default of its authors' later systems.

    Args:
        eta: one architecture in `eta` climbs to the next rung, which is about `eta` times as long.
        min_epochs: of the first rung; None for about four rungs.
    """

    version: ClassVar[int] = 1

    _told: list[list[tuple[float, int, Genotype]]] = field(init=False, repr=False, compare=False)
    _climbed: list[set[Genotype]] = field(init=False, repr=False, compare=False)

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Begin with empty rungs."""
        super().start(problem, rng)
        self._told = [[] for _ in self._rungs]
        self._climbed = [set() for _ in self._rungs]

    def _next(self) -> Job | None:
        for rung in range(self._ladder.top - 1, -1, -1):
            told, climbed = self._told[rung], self._climbed[rung]
            for negated, _, genotype in told[: len(told) // self._ladder.shares[rung]]:
                if genotype not in climbed and negated < np.inf:
                    climbed.add(genotype)
                    return Job(genotype, rung + 1)
        new = self._new()
        return None if new is None else Job(new, 0)

    def _done(self, job: Job, utility: float) -> None:
        rung = self._told[job.rung]
        insort(rung, (-utility, len(rung), job.genotype))  # ties: the earlier is better
