"""The Gaussian process of a run: refitted now and then, extended by one trial at a time in between."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench.predictors.features import Groups
from nasbench.predictors.gaussian_process import Hyperparameters, Prior, fit, typical_distance
from nasbench.predictors.posterior import Posterior

Floats = NDArray[np.float64]

_SINGLE_PRECISION = 20_000
"""Candidates above which posteriors are computed in single precision."""

_CAPACITY = 512
"""Observations to reserve memory for at first, where the budget is no smaller."""


class Belief(NamedTuple):
    """What a model says of its candidates.

    Attributes:
        mean: `(m,)` posterior means of the candidates.
        sd: `(m,)` posterior standard deviations of their noise-free values.
        believed: `(n,)` the values of the active trials, those in flight with their posterior mean.
        covariance: a function of the numbers of k candidates that gives their `(k, k)` posterior covariance.
    """

    mean: Floats
    sd: Floats
    believed: Floats
    covariance: Callable[[NDArray[np.int64]], Floats]


class SequentialModel:
    """A Matern 5/2 Gaussian process whose trials arrive one by one.

    Hyper-parameters are fitted by marginal likelihood with log-normal priors, at first and whenever the
    number of values has grown by `refit`. In between, and while the candidates stay the same, a new trial
    extends the posterior; its values may all change, as ranks and scalarisations do.

    Args:
        features: `(m, d)` candidates, or a sample of them: the scale of the length-scales' prior.
        groups: the columns of each length-scale.
        initial: values that the second fit waits for.
        lengthscale: prior median, as a multiple of the root mean square distance of two candidates.
        noise: prior median of the noise variance relative to the signal variance.
        refit: growth of the number of values until the next fit.
        evaluations: the budget, if known.
        noise_sd: prior standard deviation of the logarithm of the noise variance.
        lengthscale_sd: the same of each length-scale.

    Attributes:
        hyperparameters: of the last fit, or the prior medians before.
        groups: as given.
    """

    def __init__(
        self,
        features: Floats,
        groups: Groups,
        *,
        initial: int,
        lengthscale: float,
        noise: float,
        refit: float,
        evaluations: int | None,
        noise_sd: float = 0.5,
        lengthscale_sd: float = 0.7,
    ) -> None:
        spread = lengthscale * typical_distance(features)
        self.hyperparameters = Hyperparameters((spread,) * len(groups), noise)
        self._prior = Prior(self.hyperparameters, lengthscale_sd, noise_sd)
        self.groups, self._initial, self._refit = groups, initial, refit
        self._capacity = min(evaluations or _CAPACITY, _CAPACITY)
        self._refit_at = 0
        self._features: list[Floats] = []
        self._posterior: Posterior | None = None
        self._conditioned: list[int] = []

    def add(self, features: Floats) -> None:
        """One more trial, with its `(d,)` features; trials are numbered from 0."""
        self._features.append(features)

    def features(self, trials: NDArray[np.int64]) -> Floats:
        """Features `(n, d)` of the numbered trials."""
        return np.array([self._features[number] for number in trials.tolist()])

    def predict(self, candidates: Floats, values: Floats, active: NDArray[np.int64], *, fixed: bool) -> Belief:
        """The posterior given the active trials; those in flight take part with their posterior mean.

        Args:
            candidates: `(m, d)`.
            values: `(trials,)` centred values, NaN where a trial is in flight; at least one active is told.
            active: numbers of the trials to learn from, rising.
            fixed: whether the candidates are those of the last call.
        """
        posterior = self._condition(candidates, values, active, fixed)
        rows = np.array(self._conditioned)
        y = posterior.believe(values[rows], np.isnan(values[rows]))
        white = posterior.whiten(y)
        believed = np.empty(len(active))
        believed[np.searchsorted(active, rows)] = y
        deviations = np.sqrt(posterior.variance(white))
        return Belief(posterior.mean(white), deviations, believed, lambda which: posterior.covariance(which, white))

    def _condition(self, candidates: Floats, values: Floats, active: NDArray[np.int64], fixed: bool) -> Posterior:
        """The posterior given the active trials, extended where possible and else made anew."""
        features = np.array(self._features)
        told = active[~np.isnan(values[active])]
        refit = len(told) >= self._refit_at
        if refit:
            start = self.hyperparameters
            self.hyperparameters = fit(features[told], values[told], self.groups, start, self._prior)
            self._refit_at = max(self._initial, ceil(self._refit * len(told)), len(told) + 1)
        posterior, known = self._posterior, set(self._conditioned)
        if posterior is None or refit or not fixed or not known.issubset(active.tolist()):
            posterior = self._renewed(candidates, fixed)
            self._posterior, self._conditioned, known = posterior, [], set()
        new = [number for number in active.tolist() if number not in known]
        if new:
            posterior.extend(features[new])
            self._conditioned.extend(new)
        return posterior

    def _renewed(self, candidates: Floats, fixed: bool) -> Posterior:
        """A posterior without observations, in the memory of the last one where the candidates are the same."""
        if self._posterior is not None and fixed:
            self._posterior.restart(self.hyperparameters)
            return self._posterior
        dtype = np.float32 if len(candidates) > _SINGLE_PRECISION else np.float64
        return Posterior(candidates, self.groups, self.hyperparameters, self._capacity, dtype)
