"""A Gaussian process for thousands of observations, through a few hundred inducing points.

Source: Titsias, Variational Learning of Inducing Variables in Sparse Gaussian Processes, AISTATS 2009
(the posterior); Burt et al., Convergence of Sparse Variational Inference in Gaussian Processes
Regression, JMLR 2020 (inducing points by greedy variance).
"""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_array, check_is_fitted, check_X_y

from nasbench.predictors.cross_fit import Floats, Prediction
from nasbench.predictors.features import Groups
from nasbench.predictors.gaussian_process import SMALLEST_SIGNAL, scale, squared_distances
from nasbench.predictors.kernel_regressors import GaussianProcess
from nasbench.predictors.kernels import MATERN52, Kernel

_JITTER = 1e-8
_BLOCK = 4096
"""Rows that are predicted at a time."""


def greedy_inducing_points(rows: Floats, count: int, kernel: Kernel = MATERN52) -> NDArray[np.int64]:
    """Rows `(m,)`, m at most `count`, each the one that those before it explain least.

    This is the pivoted Cholesky decomposition; it stops where all that is left is explained.

    Args:
        rows: `(n, d)` scaled features.
        count: points wanted.
        kernel: which covariance.
    """
    left, chosen = np.ones(len(rows)), np.empty(0, dtype=np.int64)
    factor = np.empty((min(count, len(rows)), len(rows)))
    for step in range(len(factor)):
        pivot = int(np.argmax(left))
        if left[pivot] <= 1e-6:
            break
        column = kernel.value(squared_distances(rows[pivot : pivot + 1], rows))[0]
        column -= factor[:step, pivot] @ factor[:step]
        factor[step] = column / np.sqrt(left[pivot])
        left = np.maximum(left - factor[step] ** 2, 0.0)
        left[pivot] = 0.0
        chosen = np.append(chosen, pivot)
    return chosen


class SparseGP(GaussianProcess):
    """Matern 5/2 Gaussian process on inducing points; with as many as rows it is the exact one.

    Kernel and noise are fitted by the marginal likelihood of a random part of the rows.

    Args:
        inducing: points at most.
        subset: rows to fit hyper-parameters to, at most.
        lengthscale: see `GaussianProcess`.
        noise: see `GaussianProcess`.
        iterations: see `GaussianProcess`.
        groups: see `GaussianProcess`.
        random_state: seed of the part.
    """

    def __init__(
        self,
        inducing: int = 300,
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
        self.hyperparameters_ = self._chosen(features[part], values[part])
        self._condition(features, values)
        return self

    def _condition(self, features: Floats, y: Floats) -> None:
        """Weights of the posterior given all rows, at the hyper-parameters."""
        noise = self.hyperparameters_.noise
        rows = scale(features, self._groups, self.hyperparameters_.lengthscales)
        self._points = rows[greedy_inducing_points(rows, self.inducing, self.kernel)]
        own = self.kernel.value(squared_distances(self._points, self._points))
        own.flat[:: len(own) + 1] += _JITTER
        self._prior_root = np.linalg.inv(np.linalg.cholesky(own))
        projected = self._prior_root @ self.kernel.value(squared_distances(self._points, rows))
        inner = projected @ projected.T / noise
        inner.flat[:: len(inner) + 1] += 1.0
        self._posterior_root = np.linalg.inv(np.linalg.cholesky(inner)) @ self._prior_root
        self._weights = self._posterior_root @ (self.kernel.value(squared_distances(self._points, rows)) @ y) / noise
        quadratic = float(y @ y) / noise - float(self._weights @ self._weights)
        self.signal_ = max(quadratic / len(y), SMALLEST_SIGNAL)

    def predict(self, X: ArrayLike, return_std: bool = False) -> Prediction:
        """Posterior mean `(n,)`, and the standard deviation of an observation (noise included) if wanted."""
        check_is_fitted(self)
        features = check_array(X, dtype=np.float64)
        rows = scale(features, self._groups, self.hyperparameters_.lengthscales)
        mean, variance = np.empty(len(rows)), np.empty(len(rows))
        for begin in range(0, len(rows), _BLOCK):
            block = slice(begin, begin + _BLOCK)
            cross = self.kernel.value(squared_distances(self._points, rows[block]))
            narrowed = self._posterior_root @ cross
            mean[block] = self._weights @ narrowed
            if return_std:
                explained = ((self._prior_root @ cross) ** 2).sum(axis=0) - (narrowed**2).sum(axis=0)
                variance[block] = np.maximum(1.0 - explained, 0.0)
        mean = self.centre_ + self.scale_ * mean
        if not return_std:
            return mean
        return mean, self.scale_ * np.sqrt(self.signal_ * (variance + self.hyperparameters_.noise))
