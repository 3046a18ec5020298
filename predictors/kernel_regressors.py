"""Gaussian-process regression as scikit-learn estimators on encoded genotypes."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_array, check_is_fitted, check_X_y

from nasbench.predictors.cross_fit import Floats, Prediction
from nasbench.predictors.features import Groups
from nasbench.predictors.gaussian_process import (
    Hyperparameters,
    Prior,
    fit,
    log_posterior,
    squared_distances,
    typical_distance,
)
from nasbench.predictors.kernels import COSINE, MATERN52, RBF, Kernel
from nasbench.predictors.posterior import Posterior


class GaussianProcess(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Matern 5/2 Gaussian process, hyper-parameters by marginal likelihood with log-normal priors.

    Targets are standardised. Deterministic; `random_state` is accepted so that all predictors are
    created alike.

    Source: Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006.

    Args:
        lengthscale: prior median of the length-scales, as a multiple of the root mean square
            distance between two training rows.
        noise: prior median of the noise variance relative to the signal variance.
        iterations: of L-BFGS at most; 0 keeps the prior medians.
        groups: columns that share a length-scale, as tuples of column numbers; None is one group.
        random_state: not used.
    """

    kernel: ClassVar[Kernel] = MATERN52

    def __init__(
        self,
        lengthscale: float = 2.5,
        noise: float = 0.1,
        iterations: int = 50,
        groups: Groups | None = None,
        random_state: int | None = None,
    ) -> None:
        self.lengthscale = lengthscale
        self.noise = noise
        self.iterations = iterations
        self.groups = groups
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit to features `(n, d)` and targets `(n,)`."""
        features, targets = check_X_y(X, y, dtype=np.float64, y_numeric=True)
        self.n_features_in_ = features.shape[1]
        self._groups: Groups = self.groups or (tuple(range(features.shape[1])),)
        self.centre_, self.scale_ = float(targets.mean()), float(targets.std()) or 1.0
        self._X, self._y = features, (targets - self.centre_) / self.scale_
        self.hyperparameters_ = self._chosen(features, self._y)
        return self

    def _chosen(self, features: Floats, y: Floats) -> Hyperparameters:
        """Hyper-parameters for standardised targets."""
        spread = self.lengthscale * typical_distance(features)
        prior = Prior(Hyperparameters((spread,) * len(self._groups), self.noise))
        if not self.iterations:
            return prior.centre
        return fit(features, y, self._groups, prior.centre, prior, self.iterations, self.kernel)

    def predict(self, X: ArrayLike, return_std: bool = False) -> Prediction:
        """Posterior mean `(n,)`, and the standard deviation of an observation (noise included) if wanted."""
        mean, deviation, noise = self._posterior(X)
        return (mean, np.sqrt(deviation**2 + noise)) if return_std else mean

    def predict_value(self, X: ArrayLike) -> tuple[Floats, Floats]:
        """Posterior mean and standard deviation of the noise-free value, `(n,)` each."""
        return self._posterior(X)[:2]

    def log_marginal_likelihood(self) -> float:
        """Of the (standardised) training targets at the fitted hyper-parameters, up to a constant."""
        check_is_fitted(self)
        hyper, squares = self.hyperparameters_, []
        for group in self._groups:
            part = np.ascontiguousarray(self._X[:, list(group)])
            squares.append(squared_distances(part, part))
        prior = Prior(hyper)
        return -log_posterior(hyper.to_vector(), squares, self._y, prior, self.kernel)[0]

    def _posterior(self, X: ArrayLike) -> tuple[Floats, Floats, float]:
        """Mean and standard deviation of the noise-free value `(n,)`, and the variance of the noise."""
        check_is_fitted(self)
        features = check_array(X, dtype=np.float64)
        hyper = self.hyperparameters_
        posterior = Posterior(features, self._groups, hyper, capacity=len(self._X), kernel=self.kernel)
        posterior.extend(self._X)
        white = posterior.whiten(self._y)
        deviation = self.scale_ * np.sqrt(posterior.variance(white))
        mean = self.centre_ + self.scale_ * posterior.mean(white)
        return mean, deviation, self.scale_**2 * hyper.noise * posterior.signal(white)


class SquaredExponentialGP(GaussianProcess):
    """`GaussianProcess` with the squared-exponential (RBF) kernel, for very smooth functions."""

    kernel: ClassVar[Kernel] = RBF


class RelevanceGP(GaussianProcess):
    """`GaussianProcess` on paths and graph statistics, with a length-scale for each statistic.

    Automatic relevance determination finds which statistics matter for this table; on NAS-Bench-201 it ranks
    better than any other single model here. With more than 300 rows the length-scales are fitted to 300 of
    them, spread evenly over the sorted rows, so that the order of the training rows does not matter; the
    posterior is that of all rows.

    Source: Neal, Bayesian Learning for Neural Networks, 1996 (automatic relevance determination).
    """

    encoding: ClassVar[tuple[str, ...]] = ("graph-statistics",)
    _FITTED: ClassVar[int] = 300

    def _chosen(self, features: Floats, y: Floats) -> Hyperparameters:
        if len(y) <= self._FITTED:
            return super()._chosen(features, y)
        order = np.lexsort((y, *features.T))
        part = order[np.linspace(0, len(y) - 1, self._FITTED).astype(np.int64)]
        return super()._chosen(features[part], y[part])


class HammingGP(GaussianProcess):
    """Gaussian process on the choices themselves: exp(-sum over differing positions of 1 / l^2).

    On one-hot columns the squared-exponential kernel with a length-scale a position is just this
    exponentiated Hamming kernel: two genotypes that differ at a position are at squared distance 2 there.

    Source: Hutter et al., Sequential Model-Based Optimization for General Algorithm Configuration, LION
    2011 (the weighted Hamming kernel for categorical choices).
    """

    encoding: ClassVar[str] = "one-hot"
    kernel: ClassVar[Kernel] = RBF


class WeisfeilerLehmanGP(GaussianProcess):
    """Gaussian process with the normalised Weisfeiler-Lehman kernel: cosines of colour histograms.

    The kernel is linear in the histograms, so that only the noise is fitted, by marginal likelihood.

    Source: Ru et al., Interpretable Neural Architecture Search via Bayesian Optimisation with
    Weisfeiler-Lehman Kernels, ICLR 2021 (NASBOWL); h is a parameter of the encoder, 2 as there.

    Args:
        noise: prior median of the noise variance relative to the signal variance.
        random_state: not used.
    """

    encoding: ClassVar[str] = "wl"
    kernel: ClassVar[Kernel] = COSINE

    def __init__(self, noise: float = 0.1, random_state: int | None = None) -> None:
        super().__init__(noise=noise, random_state=random_state)

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit to histograms `(n, d)`, which are scaled to unit length, and targets `(n,)`."""
        return super().fit(_unit_rows(X), y)

    def _posterior(self, X: ArrayLike) -> tuple[Floats, Floats, float]:
        check_is_fitted(self)
        return super()._posterior(_unit_rows(X))

    def _chosen(self, features: Floats, y: Floats) -> Hyperparameters:
        from scipy.optimize import minimize_scalar

        prior = Prior(Hyperparameters((1.0,), self.noise), noise_sd=2.0)
        squares = [squared_distances(features, features)]

        def cost(log_noise: float) -> float:
            return log_posterior(np.array([0.0, log_noise]), squares, y, prior, self.kernel)[0]

        centre = float(np.log(self.noise))
        found = minimize_scalar(cost, bounds=(centre - 7.0, centre + 7.0), method="bounded")
        return Hyperparameters((1.0,), float(np.exp(found.x)))


def _unit_rows(X: ArrayLike) -> Floats:
    rows = check_array(X, dtype=np.float64)
    length = np.sqrt((rows * rows).sum(axis=1, keepdims=True))
    return np.asarray(rows / np.where(length > 0, length, 1.0))
