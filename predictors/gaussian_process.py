"""Gaussian-process kernels and the fit of their hyper-parameters. numpy only, but for L-BFGS.

A kernel works on grouped columns: one length-scale a group (Matern 5/2 where none is named). The signal
variance is not a hyper-parameter but has its maximum-likelihood value in closed form, so kernel matrices
here have a unit diagonal and the noise variance is relative to the signal's.

Source: Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, section 5.4.1; Snoek et
al., Practical Bayesian Optimization of Machine Learning Algorithms, NIPS 2012 (the kernel).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nasbench.predictors.features import Groups
from nasbench.predictors.kernels import MATERN52, Kernel

Floats = NDArray[np.float64]

SMALLEST_SIGNAL = 1e-12
"""Floor of the signal variance, which is zero where all targets are equal."""


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


def scale(features: Floats, groups: Groups, lengthscales: Sequence[float]) -> Floats:
    """Features divided by the length-scale of their group, `(n, d)`; ungrouped columns become 0."""
    factors = np.zeros(features.shape[1])
    for group, lengthscale in zip(groups, lengthscales, strict=True):
        factors[list(group)] = 1.0 / lengthscale
    return features * factors


def log_posterior(
    vector: Floats, distances: Sequence[Floats], y: Floats, prior: Prior, kernel: Kernel = MATERN52
) -> tuple[float, Floats]:
    """Negative log marginal likelihood plus negative log prior, up to a constant, and its gradient.

    The likelihood is maximised over the signal variance: s2 = y' K^-1 y / n.

    Args:
        vector: `Hyperparameters.to_vector`.
        distances: squared distances within each group, `(n, n)` each.
        y: `(n,)` targets of mean about zero.
        prior: the prior of the vector.
        kernel: which covariance.

    Returns:
        The value and the gradient `(groups + 1,)`.
    """
    n = len(y)
    inverse_squares, noise = np.exp(-2.0 * vector[:-1]), float(np.exp(vector[-1]))
    squares = sum((w * d for w, d in zip(inverse_squares, distances, strict=True)), np.zeros((n, n)))
    covariance, fall = kernel.with_slope(squares)
    covariance.flat[:: n + 1] += noise
    cholesky, inverse = np.linalg.cholesky(covariance), np.linalg.inv(covariance)
    weights = inverse @ y
    signal = max(float(y @ weights) / n, SMALLEST_SIGNAL)
    value = 0.5 * n * np.log(signal) + float(np.log(cholesky.diagonal()).sum())
    inverse -= np.outer(weights, weights) / signal
    # d squares / d log(lengthscale) = -2 squares
    slope = inverse * fall
    gradient = [w * float(np.vdot(slope, d)) for w, d in zip(inverse_squares, distances, strict=True)]
    gradient.append(0.5 * noise * float(inverse.trace()))
    z = (vector - prior.centre.to_vector()) / prior.deviations
    return value + 0.5 * float(z @ z), np.array(gradient) + z / prior.deviations


def fit(
    features: Floats,
    y: Floats,
    groups: Groups,
    start: Hyperparameters,
    prior: Prior,
    iterations: int = 15,
    kernel: Kernel = MATERN52,
) -> Hyperparameters:
    """Hyper-parameters of largest posterior density, by L-BFGS from `start`; deterministic.

    Args:
        features: `(n, d)`.
        y: `(n,)` targets of mean about zero.
        groups: the columns of each length-scale.
        start: where to begin, for example the last fit.
        prior: prior of the hyper-parameters.
        iterations: of L-BFGS at most.
        kernel: which covariance.
    """
    from scipy.optimize import minimize

    columns = [np.ascontiguousarray(features[:, list(group)]) for group in groups]
    distances = [squared_distances(part, part) for part in columns]
    centre = prior.centre.to_vector()
    bounds = [(c - 5.0, c + 5.0) for c in centre.tolist()]
    result = minimize(
        log_posterior,
        start.to_vector(),
        args=(distances, y, prior, kernel),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": iterations},
    )
    return Hyperparameters.from_vector(result.x)


def rank_gaussian(values: Floats) -> Floats:
    """Normal scores: the normal quantile of each value's (average) rank, `(n,)`; scale-free."""
    from scipy.special import ndtri

    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts + 1) / 2.0
    return np.asarray(ndtri((middle[which] + 0.5) / len(values)))
