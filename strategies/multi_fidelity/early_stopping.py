"""Trainings that are watched, and stopped where they are not worth their end."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from nasbench.problem import Problem
from nasbench.space import Genotype
from nasbench.strategies.hyperparameters import whole
from nasbench.strategies.multi_fidelity.base import Job, MultiFidelitySearch


@dataclass
class EarlyStopping(MultiFidelitySearch):
    """Base of strategies that train the seed's design in order and decide at each look whether to go on.

    A training goes on before a new one begins. Failed ones are stopped. Every look is a trial, so the budget that
    fits is epochs or seconds, on a task whose trainings resume: elsewhere each look would pay for all before it.

    Args:
        interval: epochs between two looks; the first and the last epoch are always seen.
    """

    interval: int = 1

    _curves: dict[Genotype, list[float]] = field(init=False, repr=False, compare=False)
    _going: deque[Job] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        whole(1, interval=self.interval)

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Begin with nothing trained."""
        super().start(problem, rng)
        epochs = [epoch for epoch in problem.fidelities if epoch > 0]
        looks = epochs[:1]
        for epoch in epochs:
            if epoch >= looks[-1] + self.interval:
                looks.append(epoch)
        self._rungs = tuple(sorted({*looks, epochs[-1]}))
        self._curves, self._going = {}, deque()

    def _next(self) -> Job | None:
        if self._going:
            return self._going.popleft()
        genotype = self._new()
        return None if genotype is None else Job(genotype, 0)

    def _done(self, job: Job, utility: float) -> None:
        if utility == -np.inf:
            self._curves.pop(job.genotype, None)
            return
        curve = self._curves.setdefault(job.genotype, [])
        curve.append(utility)
        if job.rung == len(self._rungs) - 1:
            self._completed(self._curves.pop(job.genotype))
        elif self._hopeless(curve):
            del self._curves[job.genotype]
        else:
            self._going.append(Job(job.genotype, job.rung + 1))

    @abstractmethod
    def _completed(self, curve: list[float]) -> None:
        """Learn from a training that was not stopped: its utilities at all looks."""

    @abstractmethod
    def _hopeless(self, curve: list[float]) -> bool:
        """Whether a training is to be stopped, by its utilities so far."""
