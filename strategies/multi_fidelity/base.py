"""What the multi-fidelity strategies share: each architecture is trained in stretches, some never to the end."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import numpy as np

from nasbench.problem import Observation, Problem, Trial
from nasbench.space import Genotype
from nasbench.strategies.base import Strategy
from nasbench.strategies.hyperparameters import whole
from nasbench.strategies.multi_fidelity.ladder import Ladder, ladder


class Job(NamedTuple):
    """A stretch of training.

    Attributes:
        genotype: of what.
        rung: position of the epoch to reach among the strategy's rungs.
        group: what the strategy wants to know when it ends, e.g. its bracket.
    """

    genotype: Genotype
    rung: int
    group: int = 0


@dataclass
class MultiFidelitySearch(Strategy):
    """Base of strategies that train architectures rung by rung.

    A sub-class sets `_rungs` in `start`, says in `_next` what to train now and learns in `_done` what came of it.
    When nothing is left to start, what was stopped or left behind on the way is trained to the end, that which
    came farthest first and the best of it first; so a small table is exhausted like by any other strategy.

    The budget that fits is epochs or seconds. One of evaluations counts every stretch as one, however short.
    """

    needs_fidelities: ClassVar[bool] = True

    _rungs: tuple[int, ...] = field(init=False, repr=False, compare=False)
    _design: Iterator[Genotype] = field(init=False, repr=False, compare=False)
    _jobs: dict[int, Job] = field(init=False, repr=False, compare=False)
    _reached: dict[Genotype, tuple[int, float]] = field(init=False, repr=False, compare=False)
    _rest: list[Genotype] | None = field(init=False, repr=False, compare=False)

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Begin with nothing trained."""
        super().start(problem, rng)
        self._design = problem.design()
        self._jobs, self._reached, self._rest = {}, {}, None

    def ask(self, n: int = 1) -> list[Trial]:
        """Stretches of training that can begin now; fewer than n where a decision waits for those in flight."""
        trials: list[Trial] = []
        while len(trials) < n and (job := self._job()) is not None:
            full = job.rung == len(self._rungs) - 1
            trial = self._trial(job.genotype, None if full else self._rungs[job.rung])
            self._jobs[trial.number] = job
            trials.append(trial)
        return trials

    def adopt(self, genotype: Genotype, epoch: int | None = None) -> Trial:
        """A training of somebody else's, beside the rungs: it counts where what is left behind is trained on."""
        return self._trial(genotype, epoch)

    def tell(self, trial: Trial, observation: Observation) -> None:
        """The outcome of a stretch; an architecture that failed is not trained on."""
        utility = self.problem.utility(observation)
        job = self._jobs.pop(trial.number, None)
        if job is None:
            self._observe(trial.genotype, trial.epoch or self._rungs[-1], utility)
            return
        self._reached[job.genotype] = (job.rung, utility)
        if self._rest is None:
            self._done(job, utility)

    def _observe(self, genotype: Genotype, epoch: int, utility: float) -> None:
        """The outcome of an adopted training, which stands for the highest rung that it passed."""
        passed = [rung for rung, length in enumerate(self._rungs) if length <= epoch]
        if passed and passed[-1] >= self._reached.get(genotype, (0, 0.0))[0]:
            self._reached[genotype] = (passed[-1], utility)

    @abstractmethod
    def _next(self) -> Job | None:
        """The next stretch to train; None where none can begin before another one ends."""

    @abstractmethod
    def _done(self, job: Job, utility: float) -> None:
        """Learn the outcome of a stretch, -inf where it failed."""

    def _job(self) -> Job | None:
        return (self._next() if self._rest is None else None) or self._finish()

    def _new(self) -> Genotype | None:
        """The next architecture of the design that was not tried; None at the end of the space."""
        return next(self._design, None)

    def _finish(self) -> Job | None:
        """The full training of an architecture that was left behind, once nothing else is left."""
        if self._rest is None:
            if self._jobs:
                return None
            top = len(self._rungs) - 1
            left = [(rung, utility, g) for g, (rung, utility) in self._reached.items() if rung < top]
            left = [entry for entry in left if entry[1] > -np.inf]
            self._rest = [g for *_, g in sorted(left, key=lambda entry: entry[:2])]
        return Job(self._rest.pop(), len(self._rungs) - 1) if self._rest else None


@dataclass
class LadderSearch(MultiFidelitySearch):
    """Base of the strategies whose rungs are apart by a factor.

    Args:
        eta: one architecture in `eta` climbs to the next rung, which is about `eta` times as long.
        min_epochs: of the first rung; None for about four rungs.
    """

    eta: int = 3
    min_epochs: int | None = None

    _ladder: Ladder = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        whole(2, eta=self.eta)
        if self.min_epochs is not None:
            whole(1, min_epochs=self.min_epochs)

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Choose the rungs among the fidelities of the problem."""
        super().start(problem, rng)
        self._ladder = ladder(problem.fidelities, self.eta, self.min_epochs)
        self._rungs = self._ladder.epochs
