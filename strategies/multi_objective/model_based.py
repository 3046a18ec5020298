"""What Bayesian optimisers of several objectives share: a random start, candidates, and what was told."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import StrategyError
from nasbench.predictors.features import Groups
from nasbench.problem import Observation, Problem, Trial
from nasbench.space import Genotype
from nasbench.strategies.base import Strategy
from nasbench.strategies.bayesian.candidate_pool import PARENTS, Pool, SampledPool, WholePool
from nasbench.strategies.bayesian.feasibility import COST_NOISE, COST_NOISE_SD, Feasibility
from nasbench.strategies.bayesian.sequential_model import SequentialModel
from nasbench.strategies.hyperparameters import positive, whole
from nasbench.strategies.multi_objective.domination import Evaluated, crowded_order, evaluated

Floats = NDArray[np.float64]

_COST_LENGTHSCALE, _COST_LENGTHSCALE_SD = 4.0, 1.0
"""Prior of a cost's length-scales: how much longer than an accuracy's, and how uncertain. A kernel of long
length-scales is nearly additive on one-hot columns: given 30 of NAS-Bench-201's architectures it predicts the
parameters of the others with an error of .13 standard deviations, that of the accuracies with .68."""


class Schedule(TypedDict):
    """When models are fitted again."""

    initial: int
    refit: float
    evaluations: int | None


@dataclass
class ModelBasedFrontSearch(Strategy):
    """Asks, after a random start, for the candidate with the largest acquisition value.

    Sub-classes say how candidates are modelled and scored, by a number that is not negative. Where there are
    constraints it is multiplied by the probability that the candidate keeps them. No architecture is asked
    twice; `ask` is empty when all have been asked.
    """

    initial: int = 10
    lengthscale: float = 2.5
    noise: float = 0.1
    refit: float = 1.1
    candidates: int = 100_000

    _pool: Pool = field(init=False, repr=False, compare=False)
    _queue: list[Genotype] = field(init=False, repr=False, compare=False)
    _genotypes: list[Genotype] = field(init=False, repr=False, compare=False)
    _told: dict[int, Evaluated] = field(init=False, repr=False, compare=False)
    _feasibility: Feasibility | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        whole(initial=self.initial)
        positive(lengthscale=self.lengthscale, noise=self.noise, refit=self.refit, candidates=self.candidates)
        if self.refit <= 1:
            raise StrategyError(f"refit is a growth factor and must be above 1, got {self.refit!r}")

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Open with the first `initial` architectures of the design."""
        super().start(problem, rng)
        space, functional = problem.space, all(o.functional for o in problem.objectives)
        listed = space.enumerable and space.size <= self.candidates
        self._pool = WholePool(space, functional) if listed else SampledPool(space, functional, rng)
        self._pool.features([])
        self._queue = problem.initial(self.initial)[::-1]
        self._genotypes, self._told = [], {}
        self._feasibility = None
        if problem.constraints:
            self._feasibility = Feasibility(problem, self._pool.representatives(), self._cost_model)

    def ask(self, n: int = 1) -> list[Trial]:
        """The next architectures by acquisition value, each given the ones before it."""
        trials: list[Trial] = []
        while len(trials) < n and (genotype := self._next()) is not None:
            trials.append(self.adopt(genotype))
        return trials

    def adopt(self, genotype: Genotype, epoch: int | None = None) -> Trial:
        """A trial in flight from now on, whoever proposed it."""
        self._genotypes.append(genotype)
        self._pool.mark(genotype)
        self._add(genotype)
        if self._feasibility:
            self._feasibility.add(genotype)
        return self._trial(genotype, epoch)

    def tell(self, trial: Trial, observation: Observation) -> None:
        """Remember the outcome; the models take it in at the next `ask`."""
        self._told[trial.number] = evaluated(self.problem, trial.genotype, observation)
        if self._feasibility:
            self._feasibility.tell(trial.number, observation)

    def _accuracy_model(self, features: Floats, groups: Groups) -> SequentialModel:
        """A model of a trained network's values, or of what is made from them."""
        return SequentialModel(features, groups, lengthscale=self.lengthscale, noise=self.noise, **self._schedule)

    def _cost_model(self, features: Floats, groups: Groups) -> SequentialModel:
        """A model of what is counted or measured: nearly a sum over positions, and hardly noisy."""
        return SequentialModel(
            features,
            groups,
            lengthscale=_COST_LENGTHSCALE * self.lengthscale,
            lengthscale_sd=_COST_LENGTHSCALE_SD,
            noise=COST_NOISE,
            noise_sd=COST_NOISE_SD,
            **self._schedule,
        )

    @property
    def _schedule(self) -> Schedule:
        return {"initial": self.initial, "refit": self.refit, "evaluations": self.problem.evaluations}

    @abstractmethod
    def _add(self, genotype: Genotype) -> None:
        """One more trial is in flight."""

    @abstractmethod
    def _scores(self, losses: Floats, feasible: NDArray[np.bool_], active: NDArray[np.int64]) -> Floats:
        """Acquisition values of the pool's representatives, `(m,)`, not negative.

        Args:
            losses: `(trials, objectives)`, NaN for those in flight and failed ones.
            feasible: `(trials,)` whether the trial was told and keeps every constraint.
            active: numbers of the trials to learn from: all but the failed ones.
        """

    def _next(self) -> Genotype | None:
        if self._queue:
            return self._queue.pop()
        known = [one for one in self._told.values() if one.violation < np.inf]
        best: list[Genotype] = []
        if known and not self._pool.fixed:
            best = [known[i].genotype for i in crowded_order(known, self.rng)[:PARENTS].tolist()]
        self._pool.features(best)
        available = self._pool.available()
        if not available.any():
            return None
        scores = np.zeros(len(available))
        if known:
            losses, feasible, active = self._history()
            scores = self._scores(losses, feasible, active)
            if self._feasibility:
                candidates, fixed = self._pool.representatives(), self._pool.fixed
                scores *= self._feasibility.probability(candidates, len(losses), active, fixed=fixed)
        scores = np.where(available, scores, -np.inf)
        top = scores.max()
        tied = np.flatnonzero(available & (scores >= top - 1e-9 * abs(top)))
        return self._pool.draw(int(tied[int(self.rng.random() * len(tied))]), self.rng)

    def _history(self) -> tuple[Floats, NDArray[np.bool_], NDArray[np.int64]]:
        """The arguments of `_scores`."""
        losses = np.full((len(self._genotypes), len(self.problem.objectives)), np.nan)
        feasible = np.zeros(len(losses), dtype=bool)
        failed = np.zeros(len(losses), dtype=bool)
        for number, one in self._told.items():
            losses[number], feasible[number] = one.losses, one.violation == 0
            failed[number] = one.violation == np.inf
        return losses, feasible, np.flatnonzero(~failed)
