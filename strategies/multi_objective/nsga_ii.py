"""NSGA-II: elitist evolution by non-domination and crowding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from nasbench.errors import StrategyError
from nasbench.problem import Observation, Problem, Trial
from nasbench.space import Genotype
from nasbench.strategies.base import Strategy
from nasbench.strategies.hyperparameters import whole
from nasbench.strategies.multi_objective.domination import Evaluated, crowded_order, evaluated

_ATTEMPTS = 20
"""Children that were asked before until one comes from the design instead."""


@dataclass
class NSGAII(Strategy):
    """Crossover and mutation of tournament winners; the better half of parents and children survives.

    After a random start each child has two parents, winners of binary tournaments by non-domination front,
    then crowding distance. With `crossover_probability` it takes each position from either, else it copies
    the first; then each position mutates with `mutation_probability`. Once `population` children are told,
    the best of them and their parents, in the same order, are the next parents. Infeasible trials lose
    against feasible ones and to less infeasible ones, failed ones against all.

    A child that was asked before is made again, and after twenty attempts the next architecture of the
    design takes its place, so that none is asked twice; `ask` is empty once all were. With several workers
    children go on being made from the present parents while a generation is in flight.

    Source: Deb et al., A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II, IEEE Transactions on
    Evolutionary Computation 2002; for architectures Lu et al., NSGA-Net, GECCO 2019, whose population of
    40, uniform crossover with probability .9, mutation of discrete choices and exclusion of duplicates
    these are. Ours: one mutation a child on average, as in Deb et al. (NSGA-Net flips 2 % of its bits);
    mutations are drawn as a number of single changes, which works on constrained spaces too; no prior
    knowledge at the start, and no Bayesian network at the end. Duplicates of all that was asked are
    excluded, not those of the living only: no difference was measured. A generation is long: before 100
    evaluations it is no better than random search, and a population of 20 is ahead for the first 300
    (hypervolume .974 for .970 on NAS-Bench-201 accuracy and latency, .941 for .902 on FC-Net loss and
    training time).

    Args:
        population: how many architectures survive; also the size of the random start and of a generation.
        crossover_probability: share of children with two parents.
        mutation_probability: of each position; None for one mutation a child on average.
    """

    population: int = 40
    crossover_probability: float = 0.9
    mutation_probability: float | None = None

    version: ClassVar[int] = 1
    min_objectives: ClassVar[int] = 2
    max_objectives: ClassVar[int | None] = None

    _initial: list[Genotype] = field(init=False, repr=False, compare=False)
    _design: Iterator[Genotype] = field(init=False, repr=False, compare=False)
    _seen: set[Genotype] = field(init=False, repr=False, compare=False)
    _parents: list[Evaluated] = field(init=False, repr=False, compare=False)
    _children: list[Evaluated] = field(init=False, repr=False, compare=False)
    _matings: list[tuple[int, int, bool, int]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        whole(2, population=self.population)
        for name in ("crossover_probability", "mutation_probability"):
            value = getattr(self, name)
            if value is None and name == "mutation_probability":
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
                raise StrategyError(f"{name} must be from 0 to 1, got {value!r}")

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Begin with the first `population` architectures of the design."""
        super().start(problem, rng)
        self._initial = problem.initial(self.population)[::-1]
        self._design = problem.design()
        self._seen = set()
        self._parents, self._children, self._matings = [], [], []

    def ask(self, n: int = 1) -> list[Trial]:
        """What is left of the random start, then children; empty once every architecture was asked."""
        trials: list[Trial] = []
        while len(trials) < n and (genotype := self._next()) is not None:
            trials.append(self.adopt(genotype))
        return trials

    def adopt(self, genotype: Genotype, epoch: int | None = None) -> Trial:
        """A child of the present generation, whoever proposed it; it is not asked again."""
        self._seen.add(genotype)
        return self._trial(genotype, epoch)

    def tell(self, trial: Trial, observation: Observation) -> None:
        """One more child; with `population` of them the generation ends."""
        self._children.append(evaluated(self.problem, trial.genotype, observation))
        if len(self._children) == self.population:
            self._survive()

    def _next(self) -> Genotype | None:
        if self._initial:
            return self._initial.pop()
        if self._parents and self.problem.space.size > 1:
            for _ in range(_ATTEMPTS):
                child = self._child()
                if child not in self._seen:
                    return child
        return next((genotype for genotype in self._design if genotype not in self._seen), None)

    def _child(self) -> Genotype:
        if not self._matings:
            self._matings = self._mate()
        mother, father, crossed, changes = self._matings.pop()
        space, rng = self.problem.space, self.rng
        child = self._parents[mother].genotype
        if crossed:
            child = space.crossover(child, self._parents[father].genotype, rng)
        for _ in range(changes):
            child = space.mutate(child, rng)
        return child

    def _mate(self) -> list[tuple[int, int, bool, int]]:
        """A generation's matings: two winners of binary tournaments, whether they cross, how many changes."""
        n, length = self.population, self.problem.space.length
        winners = self.rng.integers(len(self._parents), size=(n, 2, 2)).min(axis=2)
        crossed = self.rng.random(n) < self.crossover_probability
        probability = 1.0 / length if self.mutation_probability is None else self.mutation_probability
        changes = self.rng.binomial(length, probability, size=n)
        return list(zip(*winners.T.tolist(), crossed.tolist(), changes.tolist(), strict=True))

    def _survive(self) -> None:
        """Environmental selection: the best of parents and children are the next parents, best first."""
        everyone = self._parents + self._children
        survivors = crowded_order(everyone, self.rng)[: self.population]
        self._parents = [everyone[i] for i in survivors.tolist()]
        self._children, self._matings = [], []
