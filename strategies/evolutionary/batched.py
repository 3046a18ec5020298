"""Model-based search in rounds: fit to all that was told, choose a batch, evaluate it."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from inspect import signature
from typing import TYPE_CHECKING, Any

import numpy as np

from nasbench.problem import Observation, Problem, Trial
from nasbench.space import Genotype
from nasbench.strategies.base import Strategy
from nasbench.strategies.evolutionary.hyperparameters import whole

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

_LEAST = 2
"""Observations below which there is nothing to fit."""


@dataclass
class BatchedSearch(Strategy):
    """A random start, then batches that `_propose` chooses from what is told by then.

    No architecture is asked twice. While there is too little to learn from, and where nothing is
    proposed, the search goes on with the seed's design until the space is exhausted. Failed trials
    are never learned from. An `ask` that comes before a batch is told gets a new batch.

    Args:
        initial: random architectures at the start.
        batch: architectures asked between two proposals.
    """

    initial: int = 10
    batch: int = 10

    _queue: deque[Genotype] = field(init=False, repr=False, compare=False)
    _design: Iterator[Genotype] = field(init=False, repr=False, compare=False)
    _seen: set[Genotype] = field(init=False, repr=False, compare=False)
    _told: list[tuple[float, Genotype]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        whole(initial=self.initial, batch=self.batch)

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Open with the first `initial` architectures of the design."""
        super().start(problem, rng)
        self._queue = deque(problem.initial(self.initial))
        self._design = problem.design()
        self._seen, self._told = set(self._queue), []

    def ask(self, n: int = 1) -> list[Trial]:
        """The rest of the batch; a new batch, from what is told by now, where it is used up."""
        trials: list[Trial] = []
        while len(trials) < n:
            if not self._queue:
                self._fill()
            if not self._queue:
                break
            trials.append(self._trial(self._queue.popleft()))
        return trials

    def tell(self, trial: Trial, observation: Observation) -> None:
        """Remember the outcome for the next round."""
        utility = self.problem.utility(observation)
        if utility > -np.inf:
            self._told.append((utility, trial.genotype))

    def _fill(self) -> None:
        proposed = self._propose()[: self.batch] if len(self._told) >= _LEAST else []
        if not proposed:
            fresh = next((genotype for genotype in self._design if genotype not in self._seen), None)
            proposed = [] if fresh is None else [fresh]
        self._queue.extend(proposed)
        self._seen.update(proposed)

    @abstractmethod
    def _propose(self) -> list[Genotype]:
        """Distinct architectures that were not seen, the most wanted first; empty where there are none."""

    def _best(self, count: int) -> list[Genotype]:
        """The `count` best that were told, best first, ties in the order they were told."""
        return [genotype for _, genotype in sorted(self._told, key=lambda told: -told[0])[:count]]

    def _fitted(self, predictor: str, params: Mapping[str, Any]) -> Pipeline:
        """A registered predictor, fitted to the utilities of all that was told.

        Args:
            predictor: a name of `nasbench.predictors.list()`.
            params: of `nasbench.predictors.create`; without a `random_state` the generator draws one.
        """
        from nasbench import predictors

        seeded = "random_state" in signature(predictors.REGISTRY.get(predictor)).parameters
        drawn = {"random_state": int(self.rng.integers(2**31))} if seeded else {}
        space, functional = self.problem.space, self.problem.objective.functional
        utilities, genotypes = zip(*self._told, strict=True)
        model = predictors.create(predictor, space, functional=functional, **{**drawn, **params})
        model.fit(np.array(genotypes), np.array(utilities))
        return model
