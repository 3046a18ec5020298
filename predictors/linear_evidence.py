"""Bayesian linear regression in closed form: posterior weights, and the evidence for both precisions.

Weights w have the prior N(0, I / alpha), targets t = Phi w + noise of variance 1 / beta. Everything is in the
eigenbasis of Phi' Phi, so that another pair of precisions costs a sum over the d columns.

Source: Bishop, Pattern Recognition and Machine Learning, 2006, sections 3.3 to 3.5; MacKay, Bayesian
Interpolation, Neural Computation 1992.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Precisions(NamedTuple):
    """What the model has for hyper-parameters.

    Attributes:
        weights: alpha, the inverse prior variance of a weight.
        noise: beta, the inverse variance of an observation about the line.
    """

    weights: float
    noise: float


class Moments(NamedTuple):
    """What of a design matrix and its targets the model depends on.

    Attributes:
        eigenvalues: `(d,)` of Phi' Phi.
        vectors: `(d, d)` its eigenvectors, a column each.
        projected: `(d,)` Phi' t in that basis.
        square: t' t.
        rows: n.
    """

    eigenvalues: Floats
    vectors: Floats
    projected: Floats
    square: float
    rows: int

    @classmethod
    def of(cls, design: Floats, targets: Floats) -> Moments:
        """The moments of a design matrix `(n, d)` and targets `(n,)`."""
        eigenvalues, vectors = np.linalg.eigh(design.T @ design)
        projected = vectors.T @ (design.T @ targets)
        # rounding leaves tiny negative ones where columns depend on each other
        return cls(np.maximum(eigenvalues, 0.0), vectors, projected, float(targets @ targets), len(targets))

    def log_evidence(self, precisions: Precisions) -> float:
        """Logarithm of the marginal density of the targets; 0 without rows."""
        alpha, beta = precisions
        posterior = alpha + beta * self.eigenvalues
        fit = self.square - beta * float((self.projected**2 / posterior).sum())
        log_determinants = len(posterior) * np.log(alpha) - float(np.log(posterior).sum())
        return 0.5 * float(log_determinants + self.rows * np.log(beta / (2.0 * np.pi)) - beta * fit)

    def posterior(self, precisions: Precisions) -> tuple[Floats, Floats]:
        """Mean `(d,)` of the weights, and a `(d, d)` root R of their covariance R R'."""
        precision = precisions.weights + precisions.noise * self.eigenvalues
        mean = self.vectors @ (precisions.noise * self.projected / precision)
        return mean, self.vectors / np.sqrt(precision)


def maximise(log_density: Callable[[Precisions], float], centre: Precisions, spread: float) -> Precisions:
    """The pair of largest posterior density under independent log-normal priors; deterministic.

    Args:
        log_density: of the data.
        centre: medians of the priors, where L-BFGS begins.
        spread: standard deviation of both logarithms.
    """
    from scipy.optimize import minimize

    start = np.log(np.array(centre))

    def cost(vector: Floats) -> float:
        z = (vector - start) / spread
        return 0.5 * float(z @ z) - log_density(Precisions(*np.exp(vector).tolist()))

    bounds = [(s - 4.0 * spread, s + 4.0 * spread) for s in start.tolist()]
    return Precisions(*np.exp(minimize(cost, start, method="L-BFGS-B", bounds=bounds).x).tolist())


def conditional_evidence(every: Sequence[Moments], seen: Sequence[Moments]) -> Callable[[Precisions], float]:
    """Logarithm of the density of the rows that features were not learned from, given those that they were.

    The evidence of rows that taught the features counts their noise as signal; this part of it does not.

    Source: Lotfi et al., Bayesian Model Selection, the Marginal Likelihood, and Generalization, ICML 2022 (the
    conditional marginal likelihood).

    Args:
        every: moments of all rows, one for each set of features.
        seen: of the rows that these features were learned from.
    """

    def log_density(precisions: Precisions) -> float:
        return sum(
            whole.log_evidence(precisions) - part.log_evidence(precisions)
            for whole, part in zip(every, seen, strict=True)
        )

    return log_density
