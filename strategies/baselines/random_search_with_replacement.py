"""Random search with replacement: independent uniform draws."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from nasbench.problem import Observation, Problem, Trial
from nasbench.space import Genotype
from nasbench.strategies.base import Strategy

_BLOCK = 256
"""Draws made at once: one call to the generator costs as much as many draws."""


@dataclass
class RandomSearchWithReplacement(Strategy):
    """Independent uniform draws, which may ask an architecture again.

    What random search is where nobody remembers what was tried: the random search of the papers, and the
    law of an untrained controller. The best of n draws has the distribution function F(v)^n, F being that
    of the table. It is behind `random-search` by the repeats only, which a budget far below the square root
    of the space's size hardly sees (on NAS-Bench-201 three of 300 draws are repeats). The draws are the
    strategy's own, not the seed's design, whose architectures are distinct.

    Source: Bergstra and Bengio, Random Search for Hyper-Parameter Optimization, JMLR 2012.
    """

    version: ClassVar[int] = 1
    max_objectives: ClassVar[int | None] = None

    _draws: Iterator[Genotype] = field(init=False, repr=False, compare=False)

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Nothing is drawn yet."""
        super().start(problem, rng)
        self._draws = self._drawn()

    def ask(self, n: int = 1) -> list[Trial]:
        """The next n draws; never empty."""
        return [self._trial(next(self._draws)) for _ in range(n)]

    def tell(self, trial: Trial, observation: Observation) -> None:
        """Nothing to learn."""

    def _drawn(self) -> Iterator[Genotype]:
        while True:
            yield from zip(*self.problem.space.sample(self.rng, _BLOCK).T.tolist(), strict=True)
