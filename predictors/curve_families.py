"""Families of learning curves, and what the start of a curve says about its end under all of them. numpy only.

Source: Domhan et al., Speeding up Automatic Hyperparameter Optimization of Deep Neural Networks by
Extrapolation of Learning Curves, IJCAI 2015. Every family is written here as c + s g(x; a, b) of the epoch x,
with a level c and a scale s of either sign, so that unit and direction of the metric do not matter and two of
the parameters are linear. In this form some of their eleven families are one: exp4, Janoschek and Weibull; and
log-power and Hill3, which are MMF with a start of 0. The other seven are all here.

They average over parameters and families by Markov-chain Monte Carlo. Here level, scale and noise are
integrated in closed form under a conjugate prior, and (a, b) are summed over a grid: an average over the
posterior too, but without chance, and for hundreds of curves at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FEWEST = 3
"""Observed epochs that say anything about a shape."""

CHANGE = 10.0
"""Prior standard deviation of a curve's whole change, as a multiple of the noise of an epoch.

A large one continues a curve that is exactly of one family exactly. Real curves are of none, and their first
epochs then promise anything: Kendall tau of the end extrapolated from a tenth of NAS-Bench-NLP's validation
curves is .83 with 10, .71 with 20 and .63 with 30, while the absolute error is the same.
"""

SHAPE, QUIET = 0.5, 1e-3
"""The noise variance's inverse-gamma prior: half of an observation's worth of belief in a deviation of `QUIET`
times that of the observed values, so that curves without noise are possible."""


class Family(NamedTuple):
    """Curves of one form.

    Attributes:
        value: g(x, a, b), monotone for x >= 1.
        first: the values of a.
        second: the values of b; one where it is not used.
        epochs: whether a is in units of the whole training.
    """

    value: Callable[[Floats, Floats, Floats], Floats]
    first: Floats
    second: Floats
    epochs: bool = False


_UNUSED = np.zeros(1)
_POWERS = np.geomspace(0.05, 4.0, 24)
_MOMENTS = np.geomspace(0.0015, 1.5, 24)
_STEEPNESS = np.geomspace(0.3, 3.0, 12)

FAMILIES: Mapping[str, Family] = {
    "ilog2": Family(lambda x, a, b: 1.0 / np.log(x + a), np.ones(1), _UNUSED),
    "log-log-linear": Family(lambda x, a, b: np.log1p(a * np.log(x)), np.geomspace(0.05, 20.0, 24), _UNUSED),
    "mmf": Family(lambda x, a, b: 1.0 / (1.0 + (x / a) ** b), _MOMENTS, _STEEPNESS, epochs=True),
    "pow3": Family(lambda x, a, b: x**-a, _POWERS, _UNUSED),
    "pow4": Family(lambda x, a, b: (x + b) ** -a, _POWERS, np.geomspace(0.5, 50.0, 12)),
    "vapor-pressure": Family(lambda x, a, b: np.exp(b / x) * x**-a, _POWERS, np.linspace(0.25, 3.0, 12)),
    "weibull": Family(lambda x, a, b: np.exp(-((x / a) ** b)), _MOMENTS, _STEEPNESS, epochs=True),
}


@lru_cache(maxsize=64)
def progress(epochs: tuple[int, ...], last: int) -> tuple[Floats, Floats]:
    """Every member of every family, as the share of its change that is behind: 0 at epoch 1, 1 at the last.

    Args:
        epochs: `(T,)` the observed ones, from 1.
        last: the last, after them.

    Returns:
        `(members, T)`, and the prior `(members,)`: equal among families, and within each. Both read-only.
    """
    at = np.asarray((1, *epochs, last), dtype=np.float64)
    shares, prior = [], []
    for family in FAMILIES.values():
        # where half of the change is behind: from a third of an epoch to beyond the end
        first = np.maximum(family.first * last, 0.3) if family.epochs else family.first
        values = family.value(
            at, np.repeat(first, len(family.second))[:, None], np.tile(family.second, len(first))[:, None]
        )
        shares.append((values[:, 1:-1] - values[:, :1]) / (values[:, -1:] - values[:, :1]))
        prior.append(np.full(len(values), 1.0 / (len(FAMILIES) * len(values))))
    made = np.concatenate(shares), np.concatenate(prior)
    for array in made:
        array.flags.writeable = False
    return made


class Ends(NamedTuple):
    """What `(n, T)` standardised curves say under each member.

    Attributes:
        log_evidence: `(n, members)` logarithm of the marginal likelihood, up to a constant.
        end: `(n, members)` posterior mean of the value at the last epoch.
        variance: `(n, members)` predictive variance of the observation there.
    """

    log_evidence: Floats
    end: Floats
    variance: Floats


def posterior(curves: Floats, shares: Floats, weights: Floats, last_weight: float, change: float) -> Ends:
    """Linear regression of each curve on each member's progress, in closed form.

    y_t = c + s share_t + noise of variance sigma^2 / weight_t; c has a flat prior, s one of variance
    (change sigma)^2, and sigma^2 an inverse gamma one.

    Args:
        curves: `(n, T)`, T at least `FEWEST`.
        shares: `(members, T)` of `progress`.
        weights: `(T,)` of the epochs.
        last_weight: of the last epoch.
        change: see `CHANGE`.
    """
    mass = weights.sum()
    level, middle = curves @ weights / mass, shares @ weights / mass
    centred, moved = shares - middle[:, None], curves - level[:, None]
    strength = centred**2 @ weights
    precision = strength + change**-2
    scale = (moved * weights) @ centred.T / precision
    squares = (moved**2 @ weights)[:, None] - scale**2 * precision
    freedom = 2.0 * SHAPE + curves.shape[1] - 1.0
    belief = 2.0 * SHAPE * QUIET**2 + np.maximum(squares, 0.0)
    evidence = -0.5 * np.log1p(strength * change**2) - 0.5 * freedom * np.log(belief)
    ahead = 1.0 - middle
    # the variance of Student's t
    variance = belief / (freedom - 2.0) * (1.0 / last_weight + 1.0 / mass + ahead**2 / precision)
    return Ends(evidence, level[:, None] + scale * ahead, variance)


def extrapolate(curves: Floats, epochs: tuple[int, ...], last: int, change: float = CHANGE) -> tuple[Floats, Floats]:
    """Where curves end: posterior mean `(n,)`, and standard deviation of the value at the last epoch.

    An epoch's weight is its number: what parametric curves cannot follow happens at the start.

    Args:
        curves: `(n, T)` finite values.
        epochs: `(T,)` rising, from 1; T at least `FEWEST`.
        last: the epoch to extrapolate to, after the observed ones.
        change: see `CHANGE`.
    """
    shares, prior = progress(epochs, last)
    spread = curves.std(axis=1)
    spread = np.where(spread > 0, spread, 1.0)
    middle = curves.mean(axis=1)
    number = np.asarray(epochs, dtype=np.float64)
    unit = number.mean()
    found = posterior((curves - middle[:, None]) / spread[:, None], shares, number / unit, last / unit, change)
    members = found.log_evidence + np.log(prior)
    members = np.exp(members - members.max(axis=1, keepdims=True))
    members /= members.sum(axis=1, keepdims=True)
    mean = (members * found.end).sum(axis=1)
    variance = (members * (found.variance + (found.end - mean[:, None]) ** 2)).sum(axis=1)
    return middle + spread * mean, spread * np.sqrt(variance)
