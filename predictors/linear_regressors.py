"""Linear models and nearest neighbours: the baselines that every other regressor has to beat."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import BayesianRidge
from sklearn.utils.validation import check_array, check_is_fitted, check_X_y

from nasbench.predictors.cross_fit import SMALLEST_DEVIATION, Floats, Prediction
from nasbench.predictors.gaussian_process import squared_distances

_BLOCK = 2048
"""Rows whose neighbours are looked for at a time."""

_EQUAL = 1e-4
"""Distances that differ by less are one."""


class _Standardised(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Base: checks the arrays and standardises the columns with the training set's moments."""

    def _fit_scale(self, X: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
        features, targets = check_X_y(X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2)
        self.n_features_in_ = features.shape[1]
        self.centre_, spread = features.mean(axis=0), features.std(axis=0)
        self.spread_ = np.where(spread > 1e-12, spread, 1.0)
        return (features - self.centre_) / self.spread_, targets

    def _scaled(self, X: ArrayLike) -> Floats:
        check_is_fitted(self)
        return np.asarray((check_array(X, dtype=np.float64) - self.centre_) / self.spread_)


class Ridge(_Standardised):
    """Ridge regression on standardised columns; penalty and error by leave-one-out in closed form.

    Source: Hoerl and Kennard, Ridge Regression, Technometrics 1970; Golub et al., Generalized
    Cross-Validation as a Method for Choosing a Good Ridge Parameter, Technometrics 1979.

    Args:
        alphas: penalties to choose from, in the unit of the number of rows.
        random_state: not used; all predictors are created alike.
    """

    def __init__(
        self, alphas: tuple[float, ...] = (1e-3, 1e-2, 1e-1, 1.0, 10.0), random_state: int | None = None
    ) -> None:
        self.alphas = alphas
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit to features `(n, d)` and targets `(n,)`."""
        features, targets = self._fit_scale(X, y)
        n = len(targets)
        self.mean_ = float(targets.mean())
        left, singular, right = np.linalg.svd(features, full_matrices=False)
        centred = targets - self.mean_
        projected = left.T @ centred
        best = np.inf
        for alpha in self.alphas:
            shrink = singular**2 / (singular**2 + alpha * n)
            leverage = (left**2 * shrink).sum(axis=1) + 1.0 / n
            residuals = (centred - left @ (shrink * projected)) / np.maximum(1.0 - leverage, 1e-6)
            error = float(np.mean(residuals**2))
            if error < best:
                best, self.alpha_ = error, alpha
                self.coef_ = right.T @ (singular / (singular**2 + alpha * n) * projected)
        self.deviation_ = max(float(np.sqrt(best)), SMALLEST_DEVIATION)
        return self

    def predict(self, X: ArrayLike, return_std: bool = False) -> Prediction:
        """Predictions `(n,)`, and the leave-one-out root mean square error for each if wanted."""
        features = self._scaled(X)
        mean = self.mean_ + features @ self.coef_
        return (mean, np.full(len(mean), self.deviation_)) if return_std else mean


class BayesianLinear(_Standardised):
    """Bayesian linear regression on standardised columns, precisions by evidence maximisation.

    Source: MacKay, Bayesian Interpolation, Neural Computation 1992; scikit-learn's `BayesianRidge`.

    Args:
        random_state: not used; all predictors are created alike.
    """

    def __init__(self, random_state: int | None = None) -> None:
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit to features `(n, d)` and targets `(n,)`."""
        features, targets = self._fit_scale(X, y)
        self.model_ = BayesianRidge().fit(features, targets)
        return self

    def predict(self, X: ArrayLike, return_std: bool = False) -> Prediction:
        """Posterior mean `(n,)`, and the standard deviation of an observation if wanted."""
        features = self._scaled(X)
        if not return_std:
            return np.asarray(self.model_.predict(features))
        mean, deviation = self.model_.predict(features, return_std=True)
        return mean, np.maximum(np.nan_to_num(deviation), SMALLEST_DEVIATION)


class NearestNeighbours(_Standardised):
    """Mean over the nearest training rows, weighted by inverse distance; equal rows decide alone.

    The variance is that of the neighbours plus the mean square of the leave-one-out errors.

    Source: Cover and Hart, Nearest Neighbor Pattern Classification, 1967.

    Args:
        neighbours: rows to average over, and those that are no farther than the last of them.
        random_state: not used; all predictors are created alike.
    """

    def __init__(self, neighbours: int = 7, random_state: int | None = None) -> None:
        self.neighbours = neighbours
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Keep the features `(n, d)` and targets `(n,)`."""
        check_X_y(X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2)
        # columns keep their own unit: a rare path is not worth more than a common one
        features = np.asarray(X, dtype=np.float64)
        self.n_features_in_ = features.shape[1]
        self.centre_, self.spread_ = features.mean(axis=0), np.ones(features.shape[1])
        self.rows_, self.targets_ = features - self.centre_, np.asarray(y, dtype=np.float64)
        left_out, _ = self._average(self.rows_, skip_own=True)
        self.error_variance_ = float(np.mean((self.targets_ - left_out) ** 2))
        return self

    def _average(self, rows: Floats, skip_own: bool = False) -> tuple[Floats, Floats]:
        """Weighted mean and variance of the nearest targets, `(n,)` each; rows at one distance all count."""
        k = min(self.neighbours, len(self.targets_) - skip_own)
        mean, variance = np.empty(len(rows)), np.empty(len(rows))
        for begin in range(0, len(rows), _BLOCK):
            block = slice(begin, begin + _BLOCK)
            distances = np.sqrt(squared_distances(rows[block], self.rows_))
            if skip_own:
                distances[np.arange(len(distances)), begin + np.arange(len(distances))] = np.inf
            farthest = np.partition(distances, k - 1, axis=1)[:, k - 1, None]
            weights = np.where(distances <= farthest + _EQUAL, 1.0 / np.maximum(distances, _EQUAL), 0.0)
            weights /= weights.sum(axis=1, keepdims=True)
            mean[block] = weights @ self.targets_
            variance[block] = weights @ self.targets_**2 - mean[block] ** 2
        return mean, np.maximum(variance, 0.0)

    def predict(self, X: ArrayLike, return_std: bool = False) -> Prediction:
        """Weighted mean of the neighbours `(n,)`, and the standard deviation of an observation if wanted."""
        mean, variance = self._average(self._scaled(X))
        if not return_std:
            return mean
        return mean, np.maximum(np.sqrt(variance + self.error_variance_), SMALLEST_DEVIATION)
