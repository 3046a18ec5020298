"""Acquisition functions: how much a candidate is worth trying, given what a Gaussian process believes of it."""

from __future__ import annotations

from math import log, pi

import numpy as np
from numpy.typing import NDArray

from nasbench.predictors.posterior import expected_improvement
from nasbench.strategies.bayesian.sequential_model import Belief

Floats = NDArray[np.float64]

ACQUISITIONS = ("ei", "log-ei", "pi", "thompson", "ucb")
"""Expected improvement, its logarithm, probability of improvement, a posterior draw, an upper confidence bound."""

_DRAWN = 256
"""Candidates that a posterior draw is made of: joint draws cost their cube."""

_DELTA = 0.1
"""Probability with which the confidence bounds may fail, as in the experiments of Srinivas et al."""


def scored(
    acquisition: str,
    belief: Belief,
    best: float,
    available: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Floats:
    """The acquisition function at all candidates, `(m,)`; larger is better, -inf where not available.

    Args:
        acquisition: one of `ACQUISITIONS`.
        belief: what the model says of the candidates.
        best: the best observed value, which is to be improved on.
        available: `(m,)` which candidates may be chosen; at least one.
        rng: draws the sample of `thompson`; the others do not use it.
    """
    if acquisition == "thompson":
        return posterior_draw(belief, available, rng)
    mean, sd = belief.mean, belief.sd
    if acquisition == "ucb":
        score = upper_confidence_bound(mean, sd, len(belief.believed))
    elif acquisition == "pi":
        score = (mean - best) / sd  # the probability rises with it, and it never underflows
    elif acquisition == "log-ei":
        score = log_expected_improvement(mean, sd, best)
    else:
        score = expected_improvement(mean, sd, best)
        if score[available].max() <= 0:  # all improvements underflow
            score = log_expected_improvement(mean, sd, best)
    return np.where(available, score, -np.inf)


def log_expected_improvement(mean: Floats, sd: Floats, best: float) -> Floats:
    """The logarithm of `expected_improvement`, finite also where that underflows.

    Source: Ament et al., Unexpected Improvements to Expected Improvement for Bayesian Optimization,
    NeurIPS 2023, equation 9.

    Args:
        mean: `(m,)`.
        sd: `(m,)`, positive.
        best: what is to be improved on.
    """
    from scipy.special import erfcx, ndtr

    z = (mean - best) / sd
    result = np.empty_like(z)
    near = z > -1.0
    up, down = z[near], z[~near]
    result[near] = np.log(np.exp(-0.5 * up * up) / np.sqrt(2.0 * pi) + up * ndtr(up))
    # phi(z) + z Phi(z) = phi(z) (1 - |z| sqrt(pi / 2) erfcx(|z| / sqrt(2))), where the bracket tends to 1 / z^2
    bracket = 1.0 - np.sqrt(pi / 2.0) * -down * erfcx(-down / np.sqrt(2.0))
    bracket = np.where(down < -1e3, 1.0 / (down * down), bracket)
    result[~near] = -0.5 * down * down - 0.5 * log(2.0 * pi) + np.log(bracket)
    return np.asarray(np.log(sd) + result)


def upper_confidence_bound(mean: Floats, sd: Floats, step: int) -> Floats:
    """The mean plus sqrt(beta) standard deviations, with the beta of a finite set of candidates divided by 5.

    Source: Srinivas et al., Gaussian Process Optimization in the Bandit Setting, ICML 2010: theorem 1, and
    the factor of its experiments.

    Args:
        mean: `(m,)`.
        sd: `(m,)`.
        step: number of observations, from 1.
    """
    beta = 2.0 * log(len(mean) * step**2 * pi**2 / (6.0 * _DELTA)) / 5.0
    return np.asarray(mean + np.sqrt(beta) * sd)


def posterior_draw(belief: Belief, available: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    """One joint draw of the values of the available candidates that can be the best, -inf elsewhere, `(m,)`.

    These are the 256 of largest mean plus three standard deviations; the rest hardly ever have the largest
    value of a draw.

    Source: Thompson, On the Likelihood that One Unknown Probability Exceeds Another, Biometrika 1933.
    """
    bound = belief.mean + 3.0 * belief.sd
    order = np.argsort(-np.where(available, bound, -np.inf), kind="stable")
    chosen = order[: min(_DRAWN, int(available.sum()))]
    covariance = belief.covariance(chosen)
    covariance.flat[:: len(chosen) + 1] += 1e-6 * float(covariance.diagonal().max())
    score = np.full(len(bound), -np.inf)
    deviation = np.linalg.cholesky(covariance) @ rng.standard_normal(len(chosen))
    score[chosen] = belief.mean[chosen] + deviation
    return score
