"""Gaussian-process regression that grows by one observation at a time. numpy only.

The kernel is Matern 5/2 on grouped columns: one length-scale a group. The signal variance is not a
hyper-parameter but has its maximum-likelihood value in closed form, so kernel matrices here have a
unit diagonal and the noise variance is relative to the signal's.

Source: Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006: algorithm 2.1, section
5.4.1 (marginal likelihood); Snoek et al., Practical Bayesian Optimization, NIPS 2012 (the kernel).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.predictors.features import Groups

Floats = NDArray[np.float64]

_ROOT5 = float(np.sqrt(5.0))

_SMALLEST_SIGNAL = 1e-12
_BLOCK = 1 << 15
"""Kernel values computed at a time: few enough to stay in the cache."""


@dataclass(frozen=True)
class Hyperparameters:
    """What the kernel is made of.

    Args:
        lengthscales: one a group of columns.
        noise: variance of the observation noise, relative to the signal variance.
    """

    lengthscales: tuple[float, ...]
    noise: float

    def to_vector(self) -> Floats:
        """Natural logarithms, `(groups + 1,)`, the noise last."""
        return np.log([*self.lengthscales, self.noise])

    @classmethod
    def from_vector(cls, vector: Floats) -> Hyperparameters:
        """The inverse of `to_vector`."""
        *lengthscales, noise = np.exp(vector).tolist()
        return cls(tuple(lengthscales), noise)


@dataclass(frozen=True)
class Prior:
    """Independent log-normal priors, which keep ten observations from a degenerate fit.

    Args:
        centre: the medians.
        lengthscale_sd: standard deviation of the logarithm of each length-scale.
        noise_sd: the same of the noise variance.
    """

    centre: Hyperparameters
    lengthscale_sd: float = 0.7
    noise_sd: float = 0.5

    @property
    def deviations(self) -> Floats:
        """Standard deviations in the order of `Hyperparameters.to_vector`, `(groups + 1,)`."""
        return np.array([self.lengthscale_sd] * len(self.centre.lengthscales) + [self.noise_sd])


def typical_distance(features: Floats) -> float:
    """Root mean square distance between two rows drawn at random: a natural length-scale."""
    return float(np.sqrt(2.0 * features.var(axis=0).sum())) or 1.0


def squared_distances(a: Floats, b: Floats) -> Floats:
    """Squared Euclidean distances of the rows, `(n, m)`."""
    squares = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1)
    squares -= 2.0 * (a @ b.T)
    return np.asarray(np.maximum(squares, 0.0, out=squares))


def matern52(squares: NDArray[Any]) -> NDArray[Any]:
    """The kernel at squared scaled distances: (1 + r + r^2 / 3) exp(-r) with r = sqrt(5) d."""
    r = np.sqrt(squares)
    r *= _ROOT5
    decay = np.exp(-r)
    polynomial = r / 3.0
    polynomial += 1.0
    polynomial *= r
    polynomial += 1.0
    return np.asarray(np.multiply(polynomial, decay, out=polynomial))


def scale(features: Floats, groups: Groups, lengthscales: Sequence[float]) -> Floats:
    """Features divided by the length-scale of their group, `(n, d)`; ungrouped columns become 0."""
    factors = np.zeros(features.shape[1])
    for group, lengthscale in zip(groups, lengthscales, strict=True):
        factors[list(group)] = 1.0 / lengthscale
    return features * factors


def log_posterior(vector: Floats, distances: Sequence[Floats], y: Floats, prior: Prior) -> tuple[float, Floats]:
    """Negative log marginal likelihood plus negative log prior, up to a constant, and its gradient.

    The likelihood is maximised over the signal variance: s2 = y' K^-1 y / n.

    Args:
        vector: `Hyperparameters.to_vector`.
        distances: squared distances within each group, `(n, n)` each.
        y: `(n,)` targets of mean about zero.
        prior: the prior of the vector.

    Returns:
        The value and the gradient `(groups + 1,)`.
    """
    n = len(y)
    inverse_squares, noise = np.exp(-2.0 * vector[:-1]), float(np.exp(vector[-1]))
    squares = sum((w * d for w, d in zip(inverse_squares, distances, strict=True)), np.zeros((n, n)))
    r = _ROOT5 * np.sqrt(squares)
    decay = np.exp(-r)
    covariance = (1.0 + r + r * r / 3.0) * decay
    covariance.flat[:: n + 1] += noise
    cholesky, inverse = np.linalg.cholesky(covariance), np.linalg.inv(covariance)
    weights = inverse @ y
    signal = max(float(y @ weights) / n, _SMALLEST_SIGNAL)
    value = 0.5 * n * np.log(signal) + float(np.log(cholesky.diagonal()).sum())
    inverse -= np.outer(weights, weights) / signal
    # d K / d squares = -5/6 (1 + r) exp(-r), and d squares / d log(lengthscale) = -2 squares.
    slope = inverse * ((5.0 / 6.0) * (1.0 + r) * decay)
    gradient = [w * float(np.vdot(slope, d)) for w, d in zip(inverse_squares, distances, strict=True)]
    gradient.append(0.5 * noise * float(inverse.trace()))
    z = (vector - prior.centre.to_vector()) / prior.deviations
    return value + 0.5 * float(z @ z), np.array(gradient) + z / prior.deviations


def fit(
    features: Floats, y: Floats, groups: Groups, start: Hyperparameters, prior: Prior, iterations: int = 15
) -> Hyperparameters:
    """Hyper-parameters of largest posterior density, by L-BFGS from `start`; deterministic.

    Args:
        features: `(n, d)`.
        y: `(n,)` targets of mean about zero.
        groups: the columns of each length-scale.
        start: where to begin, for example the last fit.
        prior: prior of the hyper-parameters.
        iterations: of L-BFGS at most.
    """
    from scipy.optimize import minimize

    columns = [np.ascontiguousarray(features[:, list(group)]) for group in groups]
    distances = [squared_distances(part, part) for part in columns]
    centre = prior.centre.to_vector()
    bounds = [(c - 5.0, c + 5.0) for c in centre.tolist()]
    result = minimize(
        log_posterior,
        start.to_vector(),
        args=(distances, y, prior),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": iterations},
    )
    return Hyperparameters.from_vector(result.x)


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
    ) -> None:
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
        own = matern52(squared_distances(new, new))
        own.flat[:: k + 1] += self.hyperparameters.noise
        crossed = self._factor @ matern52(squared_distances(self._observed[:n], new))
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
            rows = matern52(np.maximum(squares, 0.0, out=squares))
            rows -= left @ self._projected[:n, block]
            rows = right @ rows
            self._projected[n : n + k, block] = rows
            self.explained[block] += np.einsum("ij,ij->j", rows, rows)

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
        return max(float(white @ white) / len(white), _SMALLEST_SIGNAL)

    def mean(self, white: Floats) -> Floats:
        """Posterior mean at the candidates, `(m,)`."""
        mean = white.astype(self._projected.dtype) @ self._projected[: self.size]
        return np.asarray(mean, dtype=np.float64)

    def variance(self, white: Floats) -> Floats:
        """Posterior variance of the noise-free value at the candidates, `(m,)`."""
        return np.asarray(np.maximum(1.0 - self.explained, 1e-10) * self.signal(white))

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


def rank_gaussian(values: Floats) -> Floats:
    """Normal scores: the normal quantile of each value's (average) rank, `(n,)`; scale-free."""
    from scipy.special import ndtri

    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts + 1) / 2.0
    return np.asarray(ndtri((middle[which] + 0.5) / len(values)))
