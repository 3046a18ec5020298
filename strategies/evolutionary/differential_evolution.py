"""Differential evolution on architectures as points of the unit cube."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import numpy as np

from nasbench.errors import StrategyError
from nasbench.problem import Observation, Problem, Trial
from nasbench.space import Genotype
from nasbench.strategies.base import Strategy
from nasbench.strategies.hyperparameters import positive, share, whole

Point = tuple[float, ...]
"""A point of the unit cube, one coordinate a position of the genotype."""


class Candidate(NamedTuple):
    """A point and the architecture that it picks; `target` is the member it may replace, None a new member."""

    genotype: Genotype
    point: Point
    target: int | None


@dataclass
class DifferentialEvolution(Strategy):
    """rand/1/bin on points of the unit cube, whose coordinates pick a choice by equal parts.

    The members take turns. A trial point is a random member plus `scale` times the difference of two others,
    coordinates outside the cube being drawn anew; each of its coordinates is taken with the probability
    `crossover`, and one for certain, the rest is the member's own. It replaces the member if its architecture
    is no worse. Differences mean something where choices are ordered; where they are not, the order in which
    the space lists them is used all the same, as in the paper, and matters.

    A trial point of an architecture that was told before is judged for free, and one that is not valid is
    passed over. After a whole turn that asks nothing new, a random architecture of the seed's design is
    asked, and replaces the worst member if it is no worse. So no architecture is asked twice and the
    search does not stall when the population has converged; the original pays for repeats. A failed trial loses
    against all others, one that breaks a constraint against what keeps them and what breaks them by less.
    Members are replaced at once, not after a generation, so that workers never wait.

    With the paper's defaults it converges late: at 300 evaluations it is far ahead of random search, but at 50
    it is not (FC-Net's protein structure 41 against 40 thousandths), and up to 300 it is behind regularized
    evolution on all tables that were measured. A population of 10 has about half the regret at 150.

    Source: Awad, Mallik and Hutter, Differential Evolution for Neural Architecture Search, ICLR workshop on
    NAS 2020 (encoding, population 20, scale and crossover .5, the handling of bounds); Storn and Price,
    Differential Evolution, Journal of Global Optimization 1997 (rand/1/bin).

    Args:
        population: members; also the size of the random start, at least 4.
        scale: factor F of the difference.
        crossover: probability CR that a coordinate is taken from the mutant.
    """

    population: int = 20
    scale: float = 0.5
    crossover: float = 0.5

    version: ClassVar[int] = 1

    _starts: deque[Genotype] = field(init=False, repr=False, compare=False)
    _design: Iterator[Genotype] = field(init=False, repr=False, compare=False)
    _seen: set[Genotype] = field(init=False, repr=False, compare=False)
    _utility: dict[Genotype, float] = field(init=False, repr=False, compare=False)
    _points: list[Point] = field(init=False, repr=False, compare=False)
    _utilities: list[float] = field(init=False, repr=False, compare=False)
    _flying: dict[int, Candidate] = field(init=False, repr=False, compare=False)
    _turn: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        whole(population=self.population)
        positive(scale=self.scale)
        share(crossover=self.crossover)
        if self.population < 4:
            raise StrategyError(f"population must be at least 4, got {self.population}")

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Begin with the first `population` architectures of the design, each at a random point of its part."""
        super().start(problem, rng)
        self._starts, self._design = deque(problem.initial(self.population)), problem.design()
        self._seen, self._utility, self._flying = set(), {}, {}
        self._points, self._utilities, self._turn = [], [], 0

    def ask(self, n: int = 1) -> list[Trial]:
        """What is left of the random start, then trial points; empty once all architectures were asked."""
        trials: list[Trial] = []
        while len(trials) < n and (candidate := self._next()) is not None:
            self._seen.add(candidate.genotype)
            trial = self._trial(candidate.genotype)
            self._flying[trial.number] = candidate
            trials.append(trial)
        return trials

    def adopt(self, genotype: Genotype, epoch: int | None = None) -> Trial:
        """A trial for the worst member's place, like a newcomer of its own."""
        trial = self._trial(genotype, epoch)
        self._seen.add(genotype)
        self._flying[trial.number] = Candidate(genotype, self._point(genotype), self._worst())
        return trial

    def tell(self, trial: Trial, observation: Observation) -> None:
        """The trial joins the population, or takes the place of a member that is no better."""
        utility = self.problem.merit(observation)
        self._utility[trial.genotype] = utility
        self._select(self._flying.pop(trial.number), utility)

    def _select(self, candidate: Candidate, utility: float) -> None:
        target = candidate.target
        if target is None:
            self._points.append(candidate.point)
            self._utilities.append(utility)
        elif utility >= self._utilities[target]:
            self._points[target], self._utilities[target] = candidate.point, utility

    def _next(self) -> Candidate | None:
        """The next architecture to evaluate, after all free selections before it; None where none is left."""
        if self._starts:
            genotype = self._starts.popleft()
            return Candidate(genotype, self._point(genotype), None)
        if len(self._points) >= 4 and len(self._seen) < self.problem.space.size:
            for _ in range(len(self._points)):
                candidate = self._crossed()
                if candidate.genotype in self._utility:
                    self._select(candidate, self._utility[candidate.genotype])
                elif candidate.genotype not in self._seen and self.problem.space.valid([candidate.genotype])[0]:
                    return candidate
        return self._newcomer()

    def _newcomer(self) -> Candidate | None:
        """A random architecture, for the worst member's place."""
        genotype = next((genotype for genotype in self._design if genotype not in self._seen), None)
        if genotype is None:
            return None
        return Candidate(genotype, self._point(genotype), self._worst())

    def _worst(self) -> int | None:
        """The member of least utility; None while there is none."""
        return self._utilities.index(min(self._utilities)) if self._utilities else None

    def _crossed(self) -> Candidate:
        """The trial point of the member whose turn it is."""
        count, target = len(self._points), self._turn % len(self._points)
        self._turn = target + 1
        own, scale, crossover = self._points[target], self.scale, self.crossover
        base, plus, minus = (self._points[i] for i in self._others(target, count))
        uniform = iter(self.rng.random(2 * len(own) + 1).tolist())
        certain = int(next(uniform) * len(own))
        point = []
        for i, (mine, b, p, m) in enumerate(zip(own, base, plus, minus, strict=True)):
            taken, anew = next(uniform) < crossover or i == certain, next(uniform)
            mutated = b + scale * (p - m)
            point.append(mine if not taken else mutated if 0.0 <= mutated < 1.0 else anew)
        genotype = tuple(
            map(int, (x * choices for x, choices in zip(point, self.problem.space.cardinalities, strict=True)))
        )
        return Candidate(genotype, tuple(point), target)

    def _others(self, target: int, count: int) -> list[int]:
        """Three members, distinct and not the target, in random order."""
        drawn: list[int] = []
        while len(drawn) < 3:
            drawn += [i for i in self.rng.integers(count, size=4).tolist() if i != target]
            drawn = list(dict.fromkeys(drawn))
        return drawn[:3]

    def _point(self, genotype: Genotype) -> Point:
        """A uniform point of the part of the cube that picks an architecture."""
        uniform = self.rng.random(len(genotype)).tolist()
        places = zip(genotype, uniform, self.problem.space.cardinalities, strict=True)
        return tuple((gene + u) / choices for gene, u, choices in places)
