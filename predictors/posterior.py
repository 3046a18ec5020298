"""The Gaussian-process posterior, which grows by one observation at a time, and what it promises. numpy only.

Source: Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, algorithm 2.1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.predictors.features import Groups
from nasbench.predictors.gaussian_process import (
    SMALLEST_SIGNAL,
    Floats,
    Hyperparameters,
    scale,
    squared_distances,
)
from nasbench.predictors.kernels import MATERN52, Kernel

_BLOCK = 1 << 15
"""Kernel values computed at a time: few enough to stay in the cache."""


class Posterior:
    """The posterior at fixed candidates, given observations that arrive one by one.

    Adding an observation costs one pass over `(n, candidates)` numbers: with L the Cholesky factor of
    the n observations' covariance, L^-1 and L^-1 K(observations, candidates) gain a row each.

    Args:
        candidates: `(m, d)` features.
        groups: the columns of each length-scale.
        hyperparameters: of the kernel.
        capacity: observations to make room for at first.
        dtype: of the `(n, m)` array; single precision halves the time where m is large.
        kernel: which covariance.

    Attributes:
        size: number of observations n.
        explained: `(m,)` share of the prior variance that the observations explain.
    """

    def __init__(
        self,
        candidates: Floats,
        groups: Groups,
        hyperparameters: Hyperparameters,
        capacity: int = 64,
        dtype: type[np.floating[Any]] = np.float64,
        kernel: Kernel = MATERN52,
    ) -> None:
        self._covariance = kernel.value
        self.groups, self._features = groups, candidates
        self._observed = np.empty((capacity, candidates.shape[1]))
        self._inverse = np.zeros((capacity, capacity))
        self._projected: NDArray[np.floating[Any]] = np.empty((capacity, len(candidates)), dtype=dtype)
        self.restart(hyperparameters)

    def restart(self, hyperparameters: Hyperparameters) -> None:
        """Forget all observations and change the kernel; the memory is used again."""
        self.hyperparameters = hyperparameters
        scaled = scale(self._features, self.groups, hyperparameters.lengthscales)
        # |x - c|^2 = [x, |x|^2, 1] . [-2 c, 1, |c|^2] is one product, in the precision of the rest
        ones, squares = np.ones(len(scaled)), (scaled * scaled).sum(axis=1)
        self._candidates = np.vstack([-2.0 * scaled.T, ones, squares]).astype(self._projected.dtype)
        self._inverse[:] = 0.0
        self.explained = np.zeros(len(scaled))
        self.size = 0

    def extend(self, features: Floats) -> None:
        """Add `(k, d)` observed inputs in one block."""
        n, k = self.size, len(features)
        self._reserve(n + k)
        new = scale(features, self.groups, self.hyperparameters.lengthscales)
        self._observed[n : n + k] = new
        own = self._covariance(squared_distances(new, new))
        own.flat[:: k + 1] += self.hyperparameters.noise
        crossed = self._factor @ self._covariance(squared_distances(self._observed[:n], new))
        corner = np.linalg.inv(np.linalg.cholesky(own - crossed.T @ crossed))
        self._inverse[n : n + k, :n] = -corner @ (crossed.T @ self._factor)
        self._inverse[n : n + k, n : n + k] = corner
        self._project(new, crossed, corner)
        self.size = n + k

    def _project(self, new: Floats, crossed: Floats, corner: Floats) -> None:
        """The new rows of L^-1 K(observations, candidates), a block of candidates at a time."""
        n, k, dtype = self.size, len(new), self._projected.dtype
        left, right = crossed.T.astype(dtype), corner.astype(dtype)
        inputs = np.column_stack([new, (new * new).sum(axis=1), np.ones(k)]).astype(dtype)
        width = max(_BLOCK // k, 64)
        for begin in range(0, len(self.explained), width):
            block = slice(begin, begin + width)
            squares = inputs @ self._candidates[:, block]
            rows = self._covariance(np.maximum(squares, 0.0, out=squares))
            rows -= left @ self._projected[:n, block]
            rows = right @ rows
            self._projected[n : n + k, block] = rows
            self.explained[block] += np.einsum("ij,ij->j", rows, rows)

    @property
    def precision(self) -> Floats:
        """Inverse of the observations' covariance relative to the signal variance, noise included, `(n, n)`."""
        return np.asarray(self._factor.T @ self._factor)

    @property
    def _factor(self) -> Floats:
        """L^-1, `(n, n)`."""
        return self._inverse[: self.size, : self.size]

    def _reserve(self, size: int) -> None:
        capacity = len(self._observed)
        if size <= capacity:
            return
        grown, n = max(size, 2 * capacity), self.size
        observed = np.empty((grown, self._observed.shape[1]))
        inverse = np.zeros((grown, grown))
        projected = np.empty((grown, self._projected.shape[1]), dtype=self._projected.dtype)
        observed[:n], inverse[:n, :n] = self._observed[:n], self._factor
        projected[:n] = self._projected[:n]
        self._observed, self._inverse, self._projected = observed, inverse, projected

    def whiten(self, y: Floats) -> Floats:
        """L^-1 y, `(n,)`: what `mean` and `signal` are made from."""
        return np.asarray(self._factor @ y)

    @staticmethod
    def signal(white: Floats) -> float:
        """The maximum-likelihood signal variance; positive also where all targets are equal."""
        return max(float(white @ white) / len(white), SMALLEST_SIGNAL)

    def mean(self, white: Floats) -> Floats:
        """Posterior mean at the candidates, `(m,)`."""
        mean = white.astype(self._projected.dtype) @ self._projected[: self.size]
        return np.asarray(mean, dtype=np.float64)

    def variance(self, white: Floats) -> Floats:
        """Posterior variance of the noise-free value at the candidates, `(m,)`."""
        return np.asarray(np.maximum(1.0 - self.explained, 1e-10) * self.signal(white))

    def covariance(self, which: NDArray[np.int64], white: Floats) -> Floats:
        """Posterior covariance of the noise-free values of the candidates numbered `which`, `(k, k)`."""
        inputs = -0.5 * self._candidates[:-2, which].T.astype(np.float64)
        rows = self._projected[: self.size, which].astype(np.float64)
        return np.asarray((self._covariance(squared_distances(inputs, inputs)) - rows.T @ rows) * self.signal(white))

    def believe(self, y: Floats, unknown: NDArray[np.bool_]) -> Floats:
        """Targets with their unknown entries replaced by their posterior mean given the known ones.

        Source: the kriging believer of Ginsbourger et al., Kriging Is Well-Suited to Parallelize
        Optimization, 2010.

        Args:
            y: `(n,)`; the values of the unknown entries are not read.
            unknown: `(n,)`.
        """
        if not unknown.any():
            return y
        columns = self._factor.T @ self._factor[:, unknown]
        filled = y.copy()
        # Conditional mean from the precision matrix Q: -Q_uu^-1 Q_uk y_k.
        filled[unknown] = -np.linalg.solve(columns[unknown], columns[~unknown].T @ y[~unknown])
        return filled


def expected_improvement(mean: Floats, sd: Floats, best: float) -> Floats:
    """Closed-form expectation of max(value - best, 0) for normal values.

    Args:
        mean: `(m,)`.
        sd: `(m,)`, positive.
        best: what is to be improved on.
    """
    from scipy.special import ndtr

    z = (mean - best) / sd
    density = np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
    return np.asarray(np.maximum(sd * (z * ndtr(z) + density), 0.0))
