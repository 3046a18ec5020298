"""The smallest difference that a paired test can see: said instead of a post-hoc power."""

from __future__ import annotations

from math import pi, sqrt
from typing import Literal

WILCOXON_EFFICIENCY = 3 / pi
"""Asymptotic relative efficiency of the signed-rank test against the t test, normal differences."""


def minimal_detectable_effect(
    pairs: int, alpha: float = 0.05, power: float = 0.8, test: Literal["wilcoxon", "t"] = "wilcoxon"
) -> float:
    """Mean of paired differences, in units of their sd, that a two-sided test finds with `power`.

    From the noncentral t distribution; the signed-rank test needs 1 / sqrt(3 / pi) times as much.

    Args:
        pairs: number of paired seeds.
        alpha: level of the single test (Holm's first step: alpha over the number of tests).
        power: probability of finding it.
        test: `wilcoxon` or `t`.

    Returns:
        The effect, inf where so few pairs can never reject at this level.
    """
    from scipy.optimize import brentq
    from scipy.stats import nct, t

    if pairs < 2 or (test == "wilcoxon" and 2.0 ** (1 - pairs) > alpha):
        return float("inf")
    freedom = pairs - 1
    critical = t.isf(alpha / 2, freedom)
    # The opposite tail adds less than alpha^2 at any power worth asking for, and overflows.
    shortfall = lambda effect: nct.sf(critical, freedom, effect * sqrt(pairs)) - power  # noqa: E731
    upper = (critical + 6.0) / sqrt(pairs)
    effect = float(brentq(shortfall, 0.0, upper))
    return effect / sqrt(WILCOXON_EFFICIENCY) if test == "wilcoxon" else effect
