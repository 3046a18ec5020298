"""The ask/tell contract of a search strategy.

A strategy is a dataclass: its fields are its hyper-parameters (JSON values), its state is declared
`field(init=False, repr=False, compare=False)` and set by `start`. Randomness comes only from the
generator that `start` is given.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from nasbench.errors import StrategyError
from nasbench.problem import Observation, Problem, Trial
from nasbench.space import Genotype


@dataclass
class Strategy(ABC):
    """Base of every search strategy.

    Class attributes:
        version: raised by hand whenever the traces of the strategy change.
        uses: outside knowledge that it reads (`params`, `flops`, `proxies`, `sources`).
        uses_blas: whether its last float bit depends on the linear-algebra library.
        min_objectives: how many objectives it needs at least.
        max_objectives: how many objectives it can handle; None means any number.
        needs_fidelities: whether it is lost on a task that offers full trainings only.
    """

    version: ClassVar[int] = 1
    uses: ClassVar[tuple[str, ...]] = ()
    uses_blas: ClassVar[bool] = False
    min_objectives: ClassVar[int] = 1
    max_objectives: ClassVar[int | None] = 1
    needs_fidelities: ClassVar[bool] = False

    problem: Problem = field(init=False, repr=False, compare=False)
    rng: np.random.Generator = field(init=False, repr=False, compare=False)
    _asked: int = field(init=False, repr=False, compare=False, default=0)

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Begin a run; called once, before the first `ask`. Sub-classes call `super().start` first.

        Args:
            problem: what may be known.
            rng: the strategy's own random stream.

        Raises:
            StrategyError: the strategy cannot work on this problem.
        """
        self.check_fits(len(problem.objectives), len(problem.fidelities))
        self.problem, self.rng, self._asked = problem, rng, 0

    @classmethod
    def check_fits(cls, objectives: int, fidelities: int) -> None:
        """Check that the strategy can work on a problem of so many objectives and fidelities.

        Raises:
            StrategyError: it cannot.
        """
        least, most = cls.min_objectives, cls.max_objectives
        if objectives < least or (most is not None and objectives > most):
            wanted = f"{least}" if least == most else f"at least {least}" if most is None else f"{least} to {most}"
            raise StrategyError(
                f"{cls.__name__} optimises {wanted} objective{'s' if (most or least) > 1 else ''}, "
                f"the task has {objectives}"
            )
        if cls.needs_fidelities and fidelities < 2:
            raise StrategyError(
                f"{cls.__name__} compares trainings of different lengths, the task offers one only; choose "
                "fidelity='curve' or 'protocols' (--fidelity) on a benchmark that has them"
            )

    @abstractmethod
    def ask(self, n: int = 1) -> list[Trial]:
        """Up to n trials to evaluate now; an empty list where nothing is left to try.

        May be called again before the earlier trials are told.
        """

    @abstractmethod
    def tell(self, trial: Trial, observation: Observation) -> None:
        """The outcome of a trial; trials finish in any order, a failed one has NaN values."""

    def adopt(self, genotype: Genotype, epoch: int | None = None) -> Trial:
        """A trial that somebody else proposes; its outcome is told like that of any other.

        A strategy whose `tell` looks a trial up among those that it asked overrides this, to take it in
        as if it had been its own.

        Args:
            genotype: an architecture of the problem's space, asked before or not.
            epoch: fidelity to train to, or None for the full one.
        """
        return self._trial(genotype, epoch)

    def _trial(self, genotype: Genotype, epoch: int | None = None) -> Trial:
        """A new numbered trial."""
        number = self._asked
        self._asked = number + 1
        return Trial(number, genotype, epoch)
