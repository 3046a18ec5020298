"""A Gaussian process for thousands of observations, through some hundreds of inducing points.

Source: Titsias, Variational Learning of Inducing Variables in Sparse Gaussian Processes, AISTATS 2009.
The inducing points are training rows drawn at random: the greedy choice by variance (Burt et al., JMLR
2020) spends them on the oddest cells of a table and ranks the others worse.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_array, check_is_fitted, check_X_y

from nasbench.predictors.cross_fit import Floats, Prediction
from nasbench.predictors.features import Groups
from nasbench.predictors.gaussian_process import SMALLEST_SIGNAL, Hyperparameters, scale, squared_distances
from nasbench.predictors.kernel_regressors import GaussianProcess

_JITTER = 1e-8
_SIZES = (1.0, 1.4, 2.0, 2.8, 4.0)
"""Sizes of the length-scales to try, relative to those of the part."""

_BLOCK = 4096
"""Rows that are predicted at a time."""


def inducing_points(rows: Floats, count: int, seed: int | None) -> NDArray[np.int64]:
    """Numbers of at most `count` distinct rows, drawn at random, rising."""
    _, first = np.unique(rows, axis=0, return_index=True)
    return np.sort(np.random.default_rng(seed).permutation(first)[:count])


class _Fit(NamedTuple):
    """A posterior in the basis where the inducing points' information is diagonal."""

    cost: float
    hyperparameters: Hyperparameters
    signal: float
    points: Floats
    basis: Floats
    eigenvalues: Floats
    weights: Floats


def _best_noise(
    eigenvalues: Floats, weights: Floats, total: float, unexplained: float, n: int
) -> tuple[float, float, float]:
    """The noise of largest bound, relative to the signal; minus that bound; and the signal variance.

    Args:
        eigenvalues: `(m,)` of the low-rank prior covariance of the rows.
        weights: `(m,)` the targets in its basis, times the roots of the eigenvalues.
        total: sum of the squared targets.
        unexplained: trace of the prior covariance that the inducing points leave.
        n: rows.
    """
    from scipy.optimize import minimize_scalar

    def signal(noise: float) -> float:
        quadratic = (total - float(np.sum(weights**2 / (eigenvalues + noise)))) / noise
        return max(quadratic / n, SMALLEST_SIGNAL)

    def cost(log_noise: float) -> float:
        noise = float(np.exp(log_noise))
        determinant = float(np.log1p(eigenvalues / noise).sum()) + n * log_noise
        return 0.5 * float(n * np.log(signal(noise)) + determinant + unexplained / noise)

    found = minimize_scalar(cost, bounds=(np.log(1e-4), np.log(1e2)), method="bounded")
    noise = float(np.exp(found.x))
    return noise, float(found.fun), signal(noise)


class SparseGP(GaussianProcess):
    """Matern 5/2 Gaussian process on inducing points; with as many as rows it is the exact one.

    The proportions of the length-scales are fitted by the marginal likelihood of a random part of the rows;
    their common size and the noise then maximise Titsias' bound for all rows: what few inducing points
    cannot follow is noise to them.

    Args:
        inducing: points at most.
        subset: rows to fit hyper-parameters to, at most.
        lengthscale: see `GaussianProcess`.
        noise: see `GaussianProcess`.
        iterations: see `GaussianProcess`.
        groups: see `GaussianProcess`.
        random_state: seed of the inducing points and of the part.
    """

    def __init__(
        self,
        inducing: int = 600,
        subset: int = 300,
        lengthscale: float = 2.5,
        noise: float = 0.1,
        iterations: int = 50,
        groups: Groups | None = None,
        random_state: int | None = 0,
    ) -> None:
        super().__init__(lengthscale, noise, iterations, groups, random_state)
        self.inducing = inducing
        self.subset = subset

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit to features `(n, d)` and targets `(n,)`."""
        features, targets = check_X_y(X, y, dtype=np.float64, y_numeric=True)
        self.n_features_in_ = features.shape[1]
        self._groups: Groups = self.groups or (tuple(range(features.shape[1])),)
        self.centre_, self.scale_ = float(targets.mean()), float(targets.std()) or 1.0
        values = (targets - self.centre_) / self.scale_
        part = np.sort(np.random.default_rng(self.random_state).permutation(len(values))[: self.subset])
        start = self._chosen(features[part], values[part])
        chosen = inducing_points(features, self.inducing, self.random_state)
        fits = [self._condition(features, values, chosen, start, size) for size in _SIZES]
        self._use(min(fits, key=lambda fit: fit.cost))
        return self

    def _condition(
        self, features: Floats, y: Floats, chosen: NDArray[np.int64], start: Hyperparameters, size: float
    ) -> _Fit:
        """The posterior given all rows with length-scales of one size, at its best noise."""
        lengthscales = tuple(size * lengthscale for lengthscale in start.lengthscales)
        rows = scale(features, self._groups, lengthscales)
        points = rows[chosen]
        own = self.kernel.value(squared_distances(points, points))
        own.flat[:: len(own) + 1] += _JITTER
        root = np.linalg.inv(np.linalg.cholesky(own))
        projected = root @ self.kernel.value(squared_distances(points, rows))
        values, vectors = np.linalg.eigh(projected @ projected.T)
        values = np.maximum(values, 0.0)
        weights = vectors.T @ (projected @ y)
        unexplained = max(len(y) - float(values.sum()), 0.0)
        noise, cost, signal = _best_noise(values, weights, float(y @ y), unexplained, len(y))
        return _Fit(cost, Hyperparameters(lengthscales, noise), signal, points, vectors.T @ root, values, weights)

    def _use(self, fit: _Fit) -> None:
        self.hyperparameters_, self.signal_, self._points = fit.hyperparameters, fit.signal, fit.points
        noise = fit.hyperparameters.noise
        self._basis, self._weights = fit.basis, fit.weights / (fit.eigenvalues + noise)
        self._explained = fit.eigenvalues / (fit.eigenvalues + noise)

    def predict(self, X: ArrayLike, return_std: bool = False) -> Prediction:
        """Posterior mean `(n,)`, and the standard deviation of an observation (noise included) if wanted."""
        check_is_fitted(self)
        features = check_array(X, dtype=np.float64)
        rows = scale(features, self._groups, self.hyperparameters_.lengthscales)
        mean, variance = np.empty(len(rows)), np.empty(len(rows))
        for begin in range(0, len(rows), _BLOCK):
            block = slice(begin, begin + _BLOCK)
            cross = self.kernel.value(squared_distances(self._points, rows[block]))
            projected = self._basis @ cross
            mean[block] = self._weights @ projected
            variance[block] = np.maximum(1.0 - self._explained @ projected**2, 0.0)
        mean = self.centre_ + self.scale_ * mean
        if not return_std:
            return mean
        return mean, self.scale_ * np.sqrt(self.signal_ * (variance + self.hyperparameters_.noise))
