"""A genetic algorithm: tournaments, crossover and mutation, steady-state or by generations."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import itemgetter
from typing import ClassVar

import numpy as np

from nasbench.errors import StrategyError
from nasbench.problem import Observation, Problem, Trial
from nasbench.space import Genotype
from nasbench.strategies.base import Strategy
from nasbench.strategies.evolutionary.offspring import bred
from nasbench.strategies.hyperparameters import one_of, share, whole

REPLACEMENTS = ("steady-state", "generational")

_ATTEMPTS = 20
"""Mutations of a child that was asked before, before a random architecture is asked instead."""


@dataclass
class GeneticAlgorithm(Strategy):
    """Tournament selection, uniform crossover and one-choice mutation.

    A parent is the best of `sample` members drawn uniformly with replacement. With probability
    `crossover` a child takes each choice from one of two parents, else it is a copy of one. The copies are
    always mutated, children of two parents with probability `mutation`. A mutation changes one choice. No
    architecture is asked twice: a child that was asked before is mutated again until it was not; after
    twenty mutations one from the seed's design takes its place. Failed trials never join the population; those
    that break a constraint do, below all that keep them and the lower the more they break them (Deb, 2000).

    Steady-state: each child joins when it is told, and the worst member dies (the oldest of equals).
    Generational: the children of a generation replace the population together, but for its `elite` best; a
    child that is told late joins the generation which is then being born.

    The steady state is ahead of regularized evolution at 100 to 300 evaluations on NAS-Bench-201,
    NAS-Bench-Graph, FC-Net and HPOBench (60 seeds). By generations it is about as good with these tournaments
    of five and far behind with tournaments of two.

    Source: Holland, Adaptation in Natural and Artificial Systems, 1975; Syswerda, A Study of Reproduction in
    Generational and Steady-State Genetic Algorithms, 1991 (steady state); Goldberg and Deb, A Comparative
    Analysis of Selection Schemes, 1991 (tournaments); in architecture search: Xie and Yuille, Genetic CNN,
    ICCV 2017 (by generations). The defaults are ours.

    Args:
        population: how many architectures live; also the size of the random start.
        sample: how many compete to be a parent.
        crossover: probability that a child has two parents.
        mutation: probability that a child of two parents is mutated as well.
        replacement: `steady-state` or `generational`.
        elite: members that survive a generation; 0 to below `population`.
    """

    population: int = 30
    sample: int = 5
    crossover: float = 0.9
    mutation: float = 0.5
    replacement: str = "steady-state"
    elite: int = 1

    version: ClassVar[int] = 1

    _starts: deque[Genotype] = field(init=False, repr=False, compare=False)
    _design: Iterator[Genotype] = field(init=False, repr=False, compare=False)
    _seen: set[Genotype] = field(init=False, repr=False, compare=False)
    _living: list[tuple[float, Genotype]] = field(init=False, repr=False, compare=False)
    _born: list[tuple[float, Genotype]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        whole(population=self.population, sample=self.sample)
        share(crossover=self.crossover, mutation=self.mutation)
        one_of(REPLACEMENTS, replacement=self.replacement)
        if isinstance(self.elite, bool) or not isinstance(self.elite, int) or not 0 <= self.elite < self.population:
            raise StrategyError(f"elite must be a whole number from 0, below population, got {self.elite!r}")

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Begin with the first `population` architectures of the design."""
        super().start(problem, rng)
        self._starts = deque(problem.initial(self.population))
        self._design = problem.design()
        self._seen, self._living, self._born = set(), [], []

    def ask(self, n: int = 1) -> list[Trial]:
        """What is left of the random start, then children; empty once all architectures were asked."""
        trials: list[Trial] = []
        while len(trials) < n and (genotype := self._next()) is not None:
            self._seen.add(genotype)
            trials.append(self._trial(genotype))
        return trials

    def tell(self, trial: Trial, observation: Observation) -> None:
        """The trial joins the living, or the generation that is being born."""
        utility = self.problem.merit(observation)
        if utility == -np.inf:
            return
        if self.replacement == "steady-state":
            self._living.append((utility, trial.genotype))
            if len(self._living) > self.population:
                self._living.remove(min(self._living, key=itemgetter(0)))
            return
        self._born.append((utility, trial.genotype))
        survivors = self.elite if self._living else 0
        if len(self._born) >= self.population - survivors:
            elite = sorted(self._living, key=itemgetter(0), reverse=True)[:survivors]
            self._living, self._born = elite + self._born, []

    def _next(self) -> Genotype | None:
        """The next architecture to evaluate; None where none is left."""
        if self._starts:
            return self._starts.popleft()
        if self._living and len(self._seen) < self.problem.space.size:
            child = bred(self.problem.space, self._living, self.sample, self.crossover, self.mutation, self.rng)
            for _ in range(_ATTEMPTS):
                if child not in self._seen:
                    return child
                child = self.problem.space.mutate(child, self.rng)
        return next((genotype for genotype in self._design if genotype not in self._seen), None)
