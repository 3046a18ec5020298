"""Brackets of successive halving, several of them open at a time where workers would wait otherwise."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from nasbench.problem import Problem
from nasbench.space import Genotype
from nasbench.strategies.multi_fidelity.base import Job, LadderSearch
from nasbench.strategies.multi_fidelity.ladder import Plan


class Bracket:
    """One run of successive halving.

    All architectures of a rung are trained before the best of them climb. Those that failed do not climb; a
    bracket that got fewer new architectures than planned thins them out by the same shares.

    Args:
        plan: where it starts, and how many architectures each rung has.
    """

    def __init__(self, plan: Plan) -> None:
        self.rung = plan.first
        self._counts = list(plan.counts)
        self._waiting: list[Genotype] | None = None
        self._asked = 0
        self._told: list[tuple[float, Genotype]] = []

    def next(self, new: Callable[[], Genotype | None]) -> Genotype | None:
        """An architecture to train to `rung` now; None where the rung waits for trials in flight, or all is done.

        Args:
            new: gives a new architecture for the first rung, or None where there is no more.
        """
        genotype: Genotype | None = None
        if self._asked < self._counts[0]:
            genotype = new() if self._waiting is None else self._waiting[self._asked]
            if genotype is None:
                self._counts = self._thinned(self._asked)
                self._climb()
                return self.next(new) if self._asked < self._counts[0] else None
            self._asked += 1
        return genotype

    def tell(self, utility: float, genotype: Genotype) -> None:
        """The outcome at the rung of one of its architectures; the last one lets the best climb."""
        self._told.append((utility, genotype))
        self._climb()

    @property
    def done(self) -> bool:
        """Whether nothing is left to train, in flight included."""
        return not self._counts[0]

    def _thinned(self, first: int) -> list[int]:
        """The plan's counts for fewer architectures than planned."""
        counts = [first]
        for before, after in zip(self._counts, self._counts[1:], strict=False):
            counts.append(min(after, max(1, counts[-1] * after // before)) if counts[-1] else 0)
        return counts

    def _climb(self) -> None:
        if len(self._told) < self._counts[0]:
            return
        ranked = sorted(self._told, key=lambda told: -told[0])
        alive = [genotype for utility, genotype in ranked if utility > -np.inf]
        rest = self._counts[1:]
        self._counts = [min(rest[0], len(alive)), *rest[1:]] if rest else [0]
        self._waiting = alive[: self._counts[0]]
        self._told, self._asked, self.rung = [], 0, self.rung + 1


@dataclass
class BracketSearch(LadderSearch):
    """Base of strategies that run brackets one after another.

    A rung waits for its last trial. Workers that would idle in the meantime begin the next bracket, as in the
    papers' parallel versions; an earlier bracket always goes first.
    """

    _open: dict[int, Bracket] = field(init=False, repr=False, compare=False)
    _opened: int = field(init=False, repr=False, compare=False)

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Begin with the first bracket."""
        super().start(problem, rng)
        self._open, self._opened = {}, 0

    @abstractmethod
    def _plan(self, number: int) -> Plan:
        """The bracket of a number, counted from 0."""

    def _next(self) -> Job | None:
        for number, bracket in list(self._open.items()):
            if (job := self._from(number, bracket)) is not None:
                return job
        number, bracket = self._opened, Bracket(self._plan(self._opened))
        job = self._from(number, bracket)
        if job is not None:
            self._open[number] = bracket
            self._opened += 1
        return job

    def _from(self, number: int, bracket: Bracket) -> Job | None:
        genotype = bracket.next(self._new)
        return None if genotype is None else Job(genotype, bracket.rung, number)

    def _done(self, job: Job, utility: float) -> None:
        bracket = self._open[job.group]
        bracket.tell(utility, job.genotype)
        if bracket.done:
            del self._open[job.group]
