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
        max_objectives: how many objectives it can handle; None means any number.
    """

    version: ClassVar[int] = 1
    uses: ClassVar[tuple[str, ...]] = ()
    uses_blas: ClassVar[bool] = False
    max_objectives: ClassVar[int | None] = 1

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
        limit = self.max_objectives
        if limit is not None and len(problem.objectives) > limit:
            raise StrategyError(
                f"{type(self).__name__} optimises {limit} objective, the task has {len(problem.objectives)}"
            )
        self.problem, self.rng, self._asked = problem, rng, 0

    @abstractmethod
    def ask(self, n: int = 1) -> list[Trial]:
        """Up to n trials to evaluate now; an empty list where nothing is left to try.

        May be called again before the earlier trials are told.
        """

    @abstractmethod
    def tell(self, trial: Trial, observation: Observation) -> None:
        """The outcome of a trial; trials finish in any order, a failed one has NaN values."""

    def _trial(self, genotype: Genotype, epoch: int | None = None) -> Trial:
        """A new numbered trial."""
        number = self._asked
        self._asked = number + 1
        return Trial(number, genotype, epoch)


def positive(**values: float) -> None:
    """Check that each hyper-parameter is a positive number.

    Raises:
        StrategyError: one is not.
    """
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            raise StrategyError(f"{name} must be a positive number, got {value!r}")
