"""Regularized (aging) evolution."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from nasbench.errors import StrategyError
from nasbench.problem import Observation, Problem, Trial
from nasbench.space import Genotype
from nasbench.strategies.base import Strategy
from nasbench.strategies.hyperparameters import whole

_TOURNAMENTS = 64
"""Tournaments drawn at once: one call to the generator costs as much as a whole evaluation."""


@dataclass
class RegularizedEvolution(Strategy):
    """Tournament selection, mutation of one choice, and death by age.

    Each new architecture is a mutant of the best of `sample` members drawn uniformly from the
    living ones; ties go to the one drawn first. It differs from its parent in one position, whose
    choice changes for certain. When it is told, the oldest member dies. A failed trial lives and
    ages like any other, but loses every tournament against one that did not fail. So does a trial that breaks a
    constraint against one that keeps them all; of two that break one, that wins which does by less (Deb, 2000).

    Source: Real et al., Regularized Evolution for Image Classifier Architecture Search, AAAI 2019.
    As in the paper's algorithm 1 the tournament is drawn with replacement. Population 50 and
    sample 10 are the setting of the tabular benchmarks (NAS-Bench-101, section 4).

    Args:
        population: how many architectures live; also the size of the random start.
        sample: how many compete to be the parent.
    """

    population: int = 50
    sample: int = 10

    version: ClassVar[int] = 1

    _initial: deque[Genotype] = field(init=False, repr=False, compare=False)
    _genotypes: deque[Genotype] = field(init=False, repr=False, compare=False)
    _utilities: deque[float] = field(init=False, repr=False, compare=False)
    _tournaments: list[list[int]] = field(init=False, repr=False, compare=False)
    _single: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        whole(population=self.population, sample=self.sample)
        if self.sample > self.population:
            raise StrategyError(f"sample ({self.sample}) must not exceed population ({self.population})")

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Begin with the first `population` architectures of the design, all to be evaluated."""
        super().start(problem, rng)
        self._initial = deque(problem.initial(self.population))
        self._genotypes = deque(maxlen=self.population)
        self._utilities = deque(maxlen=self.population)
        self._tournaments = []
        self._single = problem.space.size == 1  # nothing to mutate to

    def ask(self, n: int = 1) -> list[Trial]:
        """What is left of the random start, then mutants of tournament winners; never empty."""
        return [self._trial(self._next()) for _ in range(n)]

    def _next(self) -> Genotype:
        if self._initial:
            return self._initial.popleft()
        if not self._genotypes or self._single:
            return tuple(self.problem.space.sample(self.rng)[0].tolist())
        if not self._tournaments:
            shape = (_TOURNAMENTS, self.sample)
            self._tournaments = self.rng.integers(len(self._genotypes), size=shape).tolist()
        winner = max(self._tournaments.pop(), key=self._utilities.__getitem__)
        return self.problem.space.mutate(self._genotypes[winner], self.rng)

    def tell(self, trial: Trial, observation: Observation) -> None:
        """The trial joins the population; the oldest member dies once it is full."""
        if len(self._genotypes) < self.population:
            self._tournaments = []  # drawn for a smaller population
        self._genotypes.append(trial.genotype)
        self._utilities.append(self.problem.merit(observation))
