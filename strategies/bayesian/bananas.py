"""BANANAS: Bayesian optimisation with an ensemble of neural networks on the path encoding."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import StrategyError
from nasbench.predictors.features import default_features
from nasbench.predictors.gaussian_process import rank_gaussian
from nasbench.predictors.mlp_ensemble import MLPEnsemble
from nasbench.problem import Observation, Problem, Trial
from nasbench.space import Genotype
from nasbench.strategies.base import Strategy, positive

_ATTEMPTS = 5


@dataclass
class BANANAS(Strategy):
    """Independent Thompson sampling over mutants of the best, by an ensemble of perceptrons.

    After a random start, each round trains the ensemble on everything told so far, mutates the best
    architectures into `candidates` new ones, draws one value for each from a normal distribution with
    the ensemble's mean and standard deviation, and asks for the `batch` with the largest draws. No
    architecture is asked twice; where no new mutant is found the search goes on with random
    architectures until the space is exhausted. Failed trials are never learned from.

    Source: White, Neiswanger and Savani, BANANAS: Bayesian Optimization with Neural Architectures for
    Neural Architecture Search, AAAI 2021. As in the paper's code: 10 random architectures, a batch of
    10, independent Thompson sampling, mutation of the best, layers of 20 units, learning rate .01,
    mean absolute error; 5 members as in the paper. Ours, and ahead of the paper's setting on
    NAS-Bench-201: 2 hidden layers instead of 10 and 200 Adam steps a fit instead of 150 epochs, which
    train in milliseconds; normal scores of the ranks as targets instead of accuracies, so that any
    metric works; path counts and depths instead of presence on cell spaces, and one-hot columns and
    scaled ranks elsewhere and for objectives that depend on more than the computed function.

    Args:
        initial: random architectures at the start.
        batch: architectures asked between two fits.
        candidates: mutants that a round chooses from.
        parents: how many of the best are mutated.
        members: networks in the ensemble.
        layers: hidden layers of each network.
        width: units of each hidden layer.
        steps: Adam steps of a fit.
        learning_rate: of Adam.
    """

    initial: int = 10
    batch: int = 10
    candidates: int = 200
    parents: int = 10
    members: int = 5
    layers: int = 2
    width: int = 20
    steps: int = 200
    learning_rate: float = 0.01

    version: ClassVar[int] = 1
    uses_blas: ClassVar[bool] = True

    _queue: deque[Genotype] = field(init=False, repr=False, compare=False)
    _design: Iterator[Genotype] = field(init=False, repr=False, compare=False)
    _seen: set[Genotype] = field(init=False, repr=False, compare=False)
    _told: list[tuple[float, Genotype]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        counts = ("initial", "batch", "candidates", "parents", "members", "layers", "width", "steps")
        positive(learning_rate=self.learning_rate)
        for name in counts:
            positive(**{name: getattr(self, name)})
            if not isinstance(getattr(self, name), int):
                raise StrategyError(f"{name} must be a whole number, got {getattr(self, name)!r}")

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
        """Remember the outcome for the next fit."""
        utility = self.problem.utility(observation)
        if utility > -np.inf:
            self._told.append((utility, trial.genotype))

    def _fill(self) -> None:
        """Queue the next batch: one random architecture where there is nothing to learn or mutate."""
        mutants = self._mutants() if self._told else []
        if mutants:
            draws = self._thompson(np.array(mutants))
            chosen = np.argsort(-draws, kind="stable")[: self.batch]
            self._queue.extend(mutants[i] for i in chosen.tolist())
        else:
            fresh = next((g for g in self._design if g not in self._seen), None)
            self._queue.extend([] if fresh is None else [fresh])
        self._seen.update(self._queue)

    def _mutants(self) -> list[Genotype]:
        """Up to `candidates` distinct architectures, one change or two from the best, not asked before."""
        best = sorted(self._told, key=lambda told: -told[0])[: self.parents]
        found: dict[Genotype, None] = {}
        if self.problem.space.size == 1:
            return []
        for _ in range(_ATTEMPTS * self.candidates):
            genotype = best[int(self.rng.random() * len(best))][1]
            for _ in range(1 + int(self.rng.random() * 2)):
                genotype = self.problem.space.mutate(genotype, self.rng)
            if genotype not in self._seen:
                found[genotype] = None
                if len(found) == self.candidates:
                    break
        return list(found)

    def _thompson(self, genotypes: NDArray[np.int64]) -> NDArray[np.float64]:
        """One draw for each of the `(n, G)` candidates from its predictive normal distribution, `(n,)`."""
        space, functional = self.problem.space, self.problem.objective.functional
        utilities, trained = zip(*self._told, strict=True)
        ensemble = MLPEnsemble(self.members, self.layers, self.width, self.steps, learning_rate=self.learning_rate)
        x = default_features(space, np.array(trained), functional)
        ensemble.fit(x, rank_gaussian(np.array(utilities)), self.rng)
        predicted = ensemble.predict(default_features(space, genotypes, functional))
        return np.asarray(self.rng.normal(predicted.mean(axis=0), predicted.std(axis=0)))
