"""Replay: ask what was best on related tasks, best first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import ClassVar

import numpy as np

from nasbench.predictors.gaussian_process import rank_gaussian
from nasbench.problem import Observation, Problem, Trial
from nasbench.space import Genotype
from nasbench.strategies.base import Strategy
from nasbench.strategies.hyperparameters import whole


@dataclass
class Replay(Strategy):
    """The architectures that were observed on other datasets of the family, from the best on, then random ones.

    Each source task shows a few of its evaluations. Their values become normal scores of their ranks, and an
    architecture that several tasks show has the mean of its scores. What no source showed follows in the
    order of the seed's design. Nothing that it is told changes what it asks: a strategy that transfers has
    to be ahead of it.

    Source: Wistuba, Schilling and Schmidt-Thieme, Sequential Model-free Hyperparameter Tuning, ICDM 2015
    (a fixed sequence from other tasks); the top-k of a source as a start, Feurer et al., Initializing Bayesian
    Hyperparameter Optimization via Meta-Learning, AAAI 2015.

    Args:
        observations: evaluations read of each source task, at most 200.
    """

    observations: int = 200

    version: ClassVar[int] = 1
    uses: ClassVar[tuple[str, ...]] = ("sources",)

    _order: Iterator[Genotype] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        whole(2, observations=self.observations)

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Read the sources, and rank what they show."""
        super().start(problem, rng)
        scores: dict[Genotype, list[float]] = {}
        for source in problem.knowledge.sources(self.observations):
            for row, score in zip(source.genotypes.tolist(), rank_gaussian(source.utilities).tolist(), strict=True):
                scores.setdefault(tuple(row), []).append(score)
        ranked = sorted(scores, key=lambda genotype: -float(np.mean(scores[genotype])))
        self._order = self._all(ranked)

    def ask(self, n: int = 1) -> list[Trial]:
        """The next n of the sources' best; then of the design; fewer at the end of the space."""
        return [self._trial(genotype) for genotype in islice(self._order, n)]

    def tell(self, trial: Trial, observation: Observation) -> None:
        """Nothing to learn."""

    def _all(self, ranked: list[Genotype]) -> Iterator[Genotype]:
        yield from ranked
        shown = set(ranked)
        yield from (genotype for genotype in self.problem.design() if genotype not in shown)
