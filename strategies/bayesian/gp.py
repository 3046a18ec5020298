"""Bayesian optimisation with a Gaussian process that scores every candidate at every step."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import StrategyError
from nasbench.predictors.features import Groups, default_groups
from nasbench.predictors.gaussian_process import Hyperparameters, Prior, fit, rank_gaussian, typical_distance
from nasbench.predictors.posterior import Posterior
from nasbench.problem import Observation, Problem, Trial
from nasbench.space import Genotype
from nasbench.strategies.base import Strategy, positive
from nasbench.strategies.bayesian.acquisition import ACQUISITIONS, scored
from nasbench.strategies.bayesian.candidate_pool import PARENTS, Pool, SampledPool, WholePool

_SINGLE_PRECISION = 20_000
"""Candidates above which posteriors are computed in single precision."""

_CAPACITY = 512
"""Observations to reserve memory for at first, where the budget is no smaller."""


@dataclass
class GaussianProcessSearch(Strategy):
    """An upper confidence bound, or another acquisition function, under a Matern 5/2 Gaussian process.

    Accuracy and loss on a cell space are modelled on path counts and depths, which canonicalise;
    every other objective and space on one-hot columns and scaled ranks with a length-scale a position.
    Targets are normal scores of the ranks, made anew at each step, so that neither the unit nor the
    long tail of bad architectures matters. Length-scales and noise are fitted by marginal likelihood
    with log-normal priors, at first and whenever the number of observations has grown by `refit`.

    Architectures with equal features share one posterior; among those that tie for the largest score the
    generator picks. The default is an upper confidence bound, whose deviations count for ever more as the
    search goes on. Expected improvement, over the best observed value, is greedier on the scores of ranks, which
    end at the best: beside the confidence bound it finds the optimum of NAS-Bench-201 later from noise-free
    values (in the median by 32, 26 and 84 instead of 27, 20 and 64 evaluations; 20 seeds), and on
    fcnet/protein_structure, where the bound has found it by 31, it has not by 150. Logarithm and probability
    of improvement do as expected improvement does. From one training run each, all are the same on
    NAS-Bench-201, at the regret of the best observation of the whole table or below it. On hpobench-mlp/car
    no choice is better than random search up to 150 evaluations.

    Trials in flight take part with their posterior mean (kriging believer). Failed trials teach nothing
    but are never asked again; nor is any other architecture. `ask` is empty when all have been asked.

    Source: Snoek et al., Practical Bayesian Optimization of Machine Learning Algorithms, NIPS 2012;
    Srinivas et al., Gaussian Process Optimization in the Bandit Setting, ICML 2010 (the bound); path encoding of
    White et al., BANANAS, AAAI 2021; Ginsbourger et al., 2010 (kriging believer).

    Args:
        initial: random architectures at the start.
        lengthscale: prior median of the length-scales, as a multiple of the root mean square distance
            between two architectures.
        noise: prior median of the noise variance relative to the signal variance.
        refit: growth of the number of observations after which hyper-parameters are fitted again.
        candidates: spaces up to this size are scored as a whole; larger ones on a fresh sample of
            uniform draws and mutants of the best.
        acquisition: `ei`, `log-ei`, `pi`, `thompson` or `ucb`; see `nasbench.strategies.bayesian.acquisition`.
    """

    initial: int = 10
    lengthscale: float = 2.5
    noise: float = 0.1
    refit: float = 1.1
    candidates: int = 100_000
    acquisition: str = "ucb"

    version: ClassVar[int] = 2
    uses_blas: ClassVar[bool] = True

    _pool: Pool = field(init=False, repr=False, compare=False)
    _queue: list[Genotype] = field(init=False, repr=False, compare=False)
    _genotypes: list[Genotype] = field(init=False, repr=False, compare=False)
    _features: list[NDArray[np.float64]] = field(init=False, repr=False, compare=False)
    _utility: list[float] = field(init=False, repr=False, compare=False)
    _groups: Groups = field(init=False, repr=False, compare=False)
    _prior: Prior = field(init=False, repr=False, compare=False)
    _hyperparameters: Hyperparameters = field(init=False, repr=False, compare=False)
    _refit_at: int = field(init=False, repr=False, compare=False)
    _posterior: Posterior | None = field(init=False, repr=False, compare=False)
    _conditioned: list[int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        positive(initial=self.initial, lengthscale=self.lengthscale, noise=self.noise)
        positive(refit=self.refit, candidates=self.candidates)
        if not isinstance(self.initial, int):
            raise StrategyError(f"initial must be a whole number, got {self.initial!r}")
        if self.refit <= 1:
            raise StrategyError(f"refit is a growth factor and must be above 1, got {self.refit!r}")
        if self.acquisition not in ACQUISITIONS:
            raise StrategyError(f"acquisition is one of {', '.join(ACQUISITIONS)}, got {self.acquisition!r}")

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Open with the first `initial` architectures of the design."""
        super().start(problem, rng)
        space, functional = problem.space, problem.objective.functional
        whole = space.enumerable and space.size <= self.candidates
        self._pool = WholePool(space, functional) if whole else SampledPool(space, functional, rng)
        self._queue = problem.initial(self.initial)[::-1]
        self._genotypes, self._features, self._utility = [], [], []
        groups = default_groups(space, functional)
        spread = self.lengthscale * typical_distance(self._pool.features([]))
        self._hyperparameters = Hyperparameters((spread,) * len(groups), self.noise)
        self._prior = Prior(self._hyperparameters)
        self._groups, self._refit_at, self._posterior, self._conditioned = groups, 0, None, []

    def ask(self, n: int = 1) -> list[Trial]:
        """The next architectures by the acquisition function, each given the ones before it."""
        trials: list[Trial] = []
        while len(trials) < n and (genotype := self._next()) is not None:
            self._genotypes.append(genotype)
            self._features.append(self._pool.mark(genotype))
            self._utility.append(np.nan)
            trials.append(self._trial(genotype))
        return trials

    def tell(self, trial: Trial, observation: Observation) -> None:
        """Remember the outcome; the model takes it in at the next `ask`."""
        self._utility[trial.number] = self.problem.utility(observation)

    def _next(self) -> Genotype | None:
        if self._queue:
            return self._queue.pop()
        utility = np.array(self._utility)
        active = np.flatnonzero(utility != -np.inf)
        told = active[~np.isnan(utility[active])]
        if len(told) == 0:
            return self._random()
        candidates = self._pool.features(self._best(utility, told))
        available = self._pool.available()
        if not available.any():
            return None
        values = np.full(len(utility), np.nan)
        values[told] = rank_gaussian(utility[told])
        posterior = self._condition(candidates, active.tolist(), told, values)

        rows = np.array(self._conditioned)
        unknown = np.isnan(values[rows])
        y = posterior.believe(values[rows], unknown)
        white = posterior.whiten(y)
        return self._chosen(posterior, white, float(values[told].max()), available)

    def _chosen(
        self, posterior: Posterior, white: NDArray[np.float64], best: float, available: NDArray[np.bool_]
    ) -> Genotype:
        """A member of the available class that scores best; among ties the generator picks."""
        score = scored(self.acquisition, posterior, white, best, available, self.rng)
        tied = np.flatnonzero(score >= score.max() - 1e-9 * abs(score.max()))
        return self._pool.draw(int(tied[int(self.rng.random() * len(tied))]), self.rng)

    def _random(self) -> Genotype | None:
        """An architecture that was not asked, for want of anything to learn from."""
        classes = len(self._pool.features([]))
        free = np.flatnonzero(self._pool.available())
        if not classes or not len(free):
            return None
        return self._pool.draw(int(free[int(self.rng.random() * len(free))]), self.rng)

    def _best(self, utility: NDArray[np.float64], told: NDArray[np.int64]) -> list[Genotype]:
        """The told architectures, best first, where the pool looks around them."""
        if self._pool.fixed:
            return []
        order = told[np.argsort(-utility[told], kind="stable")]
        return [self._genotypes[number] for number in order[:PARENTS].tolist()]

    def _condition(
        self,
        candidates: NDArray[np.float64],
        active: list[int],
        told: NDArray[np.int64],
        values: NDArray[np.float64],
    ) -> Posterior:
        """The posterior given the active trials, extended where possible and else made anew."""
        features = np.array(self._features)
        refit = len(told) >= self._refit_at
        if refit:
            start = self._hyperparameters
            self._hyperparameters = fit(features[told], values[told], self._groups, start, self._prior)
            self._refit_at = max(self.initial, ceil(self.refit * len(told)), len(told) + 1)
        posterior, known = self._posterior, set(self._conditioned)
        if posterior is None or refit or not self._pool.fixed or not known.issubset(active):
            posterior = self._renewed(candidates)
            self._posterior, self._conditioned, known = posterior, [], set()
        new = [number for number in active if number not in known]
        if new:
            posterior.extend(features[new])
            self._conditioned.extend(new)
        return posterior

    def _renewed(self, candidates: NDArray[np.float64]) -> Posterior:
        """A posterior without observations, in the memory of the last one where the pool is the same."""
        if self._posterior is not None and self._pool.fixed:
            self._posterior.restart(self._hyperparameters)
            return self._posterior
        dtype = np.float32 if len(candidates) > _SINGLE_PRECISION else np.float64
        capacity = min(self.problem.evaluations or _CAPACITY, _CAPACITY)
        return Posterior(candidates, self._groups, self._hyperparameters, capacity, dtype)
