"""Asynchronous successive halving."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from nasbench.problem import Problem
from nasbench.space import Genotype
from nasbench.strategies.multi_fidelity.base import Job, MultiFidelitySearch
from nasbench.strategies.multi_fidelity.brackets import whole
from nasbench.strategies.multi_fidelity.ladder import Ladder, ladder


@dataclass
class ASHA(MultiFidelitySearch):
    """Successive halving that never waits: whatever is among the best of its rung so far climbs at once.

    A free worker takes, from the highest rung down, the best architecture that is among the best 1/`eta` of those
    told at its rung and has not climbed yet; where there is none, it begins a new one of the seed's design at the
    first rung. Failed trials count as members of their rung but do not climb.

    Source: Li et al., A System for Massively Parallel Hyperparameter Tuning, MLSys 2020 (algorithm 2). The paper
    experiments with `eta` 4; 3 is Hyperband's and the default of its authors' later systems.

    Args:
        eta: one architecture in `eta` climbs to the next rung, which is about `eta` times as long.
        min_epochs: of the first rung; None for about four rungs.
    """

    eta: int = 3
    min_epochs: int | None = None

    version: ClassVar[int] = 1

    _ladder: Ladder = field(init=False, repr=False, compare=False)
    _told: list[list[tuple[float, int, Genotype]]] = field(init=False, repr=False, compare=False)
    _climbed: list[set[Genotype]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        whole(2, eta=self.eta)
        if self.min_epochs is not None:
            whole(1, min_epochs=self.min_epochs)

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Begin with empty rungs."""
        super().start(problem, rng)
        self._ladder = ladder(problem.fidelities, self.eta, self.min_epochs)
        self._rungs = self._ladder.epochs
        self._told = [[] for _ in self._rungs]
        self._climbed = [set() for _ in self._rungs]

    def _next(self) -> Job | None:
        for rung in range(self._ladder.top - 1, -1, -1):
            told, climbed = self._told[rung], self._climbed[rung]
            for negated, _, genotype in told[: len(told) // self._ladder.shares[rung]]:
                if genotype not in climbed and negated < np.inf:
                    climbed.add(genotype)
                    return Job(genotype, rung + 1)
        genotype = self._new()
        return None if genotype is None else Job(genotype, 0)

    def _done(self, job: Job, utility: float) -> None:
        rung = self._told[job.rung]
        insort(rung, (-utility, len(rung), job.genotype))  # ties: the earlier is better
