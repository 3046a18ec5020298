"""Random search without replacement: the baseline with a closed form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, islice
from typing import ClassVar

import numpy as np

from nasbench.problem import Observation, Problem, Trial
from nasbench.space import Genotype
from nasbench.strategies.base import Strategy


@dataclass
class RandomSearch(Strategy):
    """Uniform draws without replacement, continuing the seed's shared design to the end.

    Source: Li and Talwalkar, Random Search and Reproducibility for NAS, UAI 2019. Its exact law
    is known (`nasbench.analysis.random_search`), so it needs no seeds as a reference.
    """

    version: ClassVar[int] = 1
    max_objectives: ClassVar[int | None] = None

    _numbers: Iterator[int] = field(init=False, repr=False, compare=False)
    _trials: Iterator[Trial] = field(init=False, repr=False, compare=False)

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Begin at the start of the design."""
        super().start(problem, rng)
        self._numbers = count()
        self._trials = map(Trial, self._numbers, problem.design())

    def ask(self, n: int = 1) -> list[Trial]:
        """The next n architectures of the design; fewer at the end of the space."""
        if n == 1:  # the serial search of the tables, where each call counts
            trial = next(self._trials, None)
            return [] if trial is None else [trial]
        return list(islice(self._trials, n))

    def tell(self, trial: Trial, observation: Observation) -> None:
        """Nothing to learn."""

    def _trial(self, genotype: Genotype, epoch: int | None = None) -> Trial:
        return Trial(next(self._numbers), genotype, epoch)
