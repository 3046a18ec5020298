"""DEHB: differential evolution on every rung of Hyperband."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import numpy as np

from nasbench.errors import StrategyError
from nasbench.problem import Problem
from nasbench.space import Genotype
from nasbench.strategies.hyperparameters import positive
from nasbench.strategies.multi_fidelity.base import Job, LadderSearch
from nasbench.strategies.multi_fidelity.differential_evolution import Cube, Floats, Population
from nasbench.strategies.multi_fidelity.ladder import Plan, hyperband_plans

_ATTEMPTS = 32
_FEWEST = 3
"""Parents of a mutant."""


class Challenge(NamedTuple):
    """A point that is trained to take the place of another: in which bracket, and of whom."""

    bracket: int
    target: int
    point: Floats


class Sweep:
    """A bracket: how many challenges each of its rungs still has, one rung after another."""

    def __init__(self, plan: Plan) -> None:
        self.rung, self.first = plan.first, plan.first
        self._counts = plan.counts
        self._asked = self._told = 0

    @property
    def count(self) -> int:
        """Challenges of the present rung; 0 after the last."""
        level = self.rung - self.first
        return self._counts[level] if level < len(self._counts) else 0

    @property
    def ready(self) -> bool:
        """Whether one can begin now."""
        return self._asked < self.count

    def begin(self) -> None:
        """One begins."""
        self._asked += 1

    def end(self) -> None:
        """One ends; the last one opens the next rung."""
        self._told += 1
        if self._told == self.count:
            self.rung += 1
            self._asked = self._told = 0


@dataclass
class DEHB(LadderSearch):
    """Differential evolution with a population a rung, in the order and the numbers of Hyperband's brackets.

    In the first iteration of Hyperband, the first bracket opens with the seed's design, and the best of a rung climb
    to the next one. Everything else is evolution: the members of a rung's population are challenged in turn by a
    child, and replaced if the child is no worse at that rung's epoch. A child is the binomial crossover of the
    member with a rand/1 mutant, whose parents are the best of the rung below, as many as the bracket trains on
    this rung (on the bracket's first rung, the best of the same one). Fewer than three such are joined by
    mutants of all populations.

    The budget that fits is epochs or seconds. One of evaluations counts a short training like a full one, which is
    worse than random search (mean regret on NAS-Bench-NLP after 100: .167 against .129).

    Source: Awad, Mallik and Hutter, DEHB: Evolutionary Hyperband for Scalable, Robust and Efficient
    Hyperparameter Optimization, IJCAI 2021. Choices are equal parts of a unit interval, all defaults are the
    paper's, and where the paper is silent the rules are those of the authors' code. Differences mean something
    where choices are ordered; where they are not, the order in which the space lists them is used all the same,
    and matters. Different here: no architecture is trained twice to the same rung, since a table would give the
    same value again; a child is drawn anew instead, and after 32 such the next architecture of the design takes
    its place.

    Args:
        eta: one architecture in `eta` climbs to the next rung, which is about `eta` times as long.
        min_epochs: of the first rung; None for about four rungs.
        mutation_factor: scale of the difference of two parents.
        crossover_probability: of taking a choice from the mutant.
    """

    mutation_factor: float = 0.5
    crossover_probability: float = 0.5

    version: ClassVar[int] = 1

    _plans: list[Plan] = field(init=False, repr=False, compare=False)
    _cube: Cube = field(init=False, repr=False, compare=False)
    _populations: list[Population] = field(init=False, repr=False, compare=False)
    _trained: list[set[Genotype]] = field(init=False, repr=False, compare=False)
    _seen: set[Genotype] = field(init=False, repr=False, compare=False)
    _sweeps: dict[int, Sweep] = field(init=False, repr=False, compare=False)
    _opened: int = field(init=False, repr=False, compare=False)
    _challenges: dict[int, Challenge] = field(init=False, repr=False, compare=False)
    _made: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(mutation_factor=self.mutation_factor)
        share = self.crossover_probability
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise StrategyError(f"crossover_probability must be from 0 to 1, got {share!r}")

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Begin with random populations, as large as the largest bracket's rung, and nothing trained."""
        super().start(problem, rng)
        self._plans = hyperband_plans(self._ladder)
        self._cube = Cube(problem.space, rng)
        sizes = [0] * len(self._rungs)
        for plan in self._plans:
            for rung, count in enumerate(plan.counts, plan.first):
                sizes[rung] = max(sizes[rung], count)
        self._populations = [Population(self._cube.random(max(size, _FEWEST))) for size in sizes]
        self._trained, self._seen = [set() for _ in sizes], set()
        self._sweeps, self._opened, self._challenges, self._made = {}, 0, {}, 0

    def _next(self) -> Job | None:
        for number, sweep in self._sweeps.items():
            if sweep.ready:
                return self._challenge(number, sweep)
        number, sweep = self._opened, Sweep(self._plans[self._opened % len(self._plans)])
        job = self._challenge(number, sweep)
        if job is not None:
            self._sweeps[number] = sweep
            self._opened += 1
        return job

    def _challenge(self, bracket: int, sweep: Sweep) -> Job | None:
        """The next challenge of a bracket; None where no architecture is left that was not trained there."""
        population = self._populations[sweep.rung]
        target = population.next_target()
        for point in self._proposals(bracket, sweep, target):
            genotype, moved = self._cube.architecture(point)
            if genotype is not None and genotype not in self._trained[sweep.rung]:
                break
        else:
            genotype = next((g for g in self._design if g not in self._seen), None)
            if genotype is None:
                return None
            moved = self._cube.point(genotype)
        sweep.begin()
        self._seen.add(genotype)
        self._trained[sweep.rung].add(genotype)
        self._challenges[self._made] = Challenge(bracket, target, moved)
        self._made += 1
        return Job(genotype, sweep.rung, self._made - 1)

    def _proposals(self, bracket: int, sweep: Sweep, target: int) -> Iterator[Floats]:
        """Points to challenge a target with, in order of preference; none where the design is to be asked."""
        if bracket < len(self._plans):
            if sweep.rung > sweep.first:
                below = self._populations[sweep.rung - 1]
                yield from below.best(int((below.utility > -np.inf).sum()))
            elif bracket == 0:
                return
        for _ in range(_ATTEMPTS):
            yield self._child(sweep, target)

    def _child(self, sweep: Sweep, target: int) -> Floats:
        cube, factor = self._cube, self.mutation_factor
        parents = self._populations[max(sweep.first, sweep.rung - 1)].best(sweep.count)
        if len(parents) < _FEWEST:
            everyone = np.concatenate([population.points for population in self._populations])
            more = [cube.mutant(everyone, factor) for _ in range(_FEWEST + 1 - len(parents))]
            parents = np.concatenate([parents, more])
        mutant = cube.mutant(parents, factor)
        return cube.crossed(self._populations[sweep.rung].points[target], mutant, self.crossover_probability)

    def _done(self, job: Job, utility: float) -> None:
        bracket, target, point = self._challenges.pop(job.group)
        self._populations[job.rung].challenge(target, point, utility)
        sweep = self._sweeps[bracket]
        sweep.end()
        if not sweep.count:
            del self._sweeps[bracket]
