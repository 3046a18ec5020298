"""Paired tests over seeds: exact signed-rank, stratified sign flips, Holm, probability of improvement."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasbench.analysis.truth import VALUE_TOLERANCE, Floats
from nasbench.streams import generator

FLIPS = 10_000
MORE_FLIPS = 200_000
"""Fresh flips for a p-value that the first `FLIPS` cannot resolve."""
RESOLVED = 10
"""Flips as extreme as the data that make a p-value good enough."""
EXACT_PAIRS = 200
"""Up to this many pairs the signed-rank distribution is enumerated exactly."""


def differences(first: ArrayLike, second: ArrayLike) -> Floats:
    """`second - first` of the pairs in which both have a value; equal values give exactly 0."""
    d = np.asarray(second, dtype=np.float64) - np.asarray(first, dtype=np.float64)
    d = d[~np.isnan(d)]
    return np.where(np.abs(d) <= VALUE_TOLERANCE, 0.0, d)


def wilcoxon(d: Floats) -> float:
    """Two-sided p of the signed-rank test of paired differences, zeros ranked (Pratt).

    Exact given the ranks, ties and zeros included: every assignment of signs to the nonzero
    differences is equally likely. Above `EXACT_PAIRS` differences SciPy's normal approximation.
    Source: Pratt, Remarks on Zeros and Ties in the Wilcoxon Signed Rank Procedures, JASA 1959.

    Args:
        d: `(n,)` differences; 1.0 is returned where all are zero or there are none.
    """
    if not np.any(d):
        return 1.0
    if len(d) > EXACT_PAIRS:
        from scipy.stats import wilcoxon as normal_approximation

        return float(normal_approximation(d, zero_method="pratt", method="asymptotic").pvalue)
    doubled = _doubled_ranks(np.abs(d))
    signed = int(doubled[d > 0].sum() - doubled[d < 0].sum())
    return _tail(tuple(sorted(doubled[d != 0].tolist())), abs(signed))


def signed_rank_sum(d: Floats) -> float:
    """Sum of the signed ranks: above 0 where the differences lean to the positive side."""
    return float((_doubled_ranks(np.abs(d)) * np.sign(d)).sum() / 2) if np.any(d) else 0.0


def _doubled_ranks(size: Floats) -> NDArray[np.int64]:
    """Twice the average ranks, which are whole numbers; sizes equal to 1e-12 of the largest tie."""
    rounded = np.round(size / size.max(), 12)
    _, inverse, counts = np.unique(rounded, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    doubled: NDArray[np.int64] = (2 * last - counts + 1)[inverse]
    return doubled


@lru_cache(maxsize=4096)
def _tail(doubled: tuple[int, ...], extreme: int) -> float:
    """P(|sum of +- doubled ranks| >= extreme) under equally likely signs."""
    total = sum(doubled)
    mass = _signed_rank_mass(doubled)
    # The sum of positive ranks w gives the signed sum 2 w - total.
    signed = np.abs(2 * np.arange(total + 1) - total)
    return float(min(1.0, mass[signed >= extreme].sum()))


@lru_cache(maxsize=256)
def _signed_rank_mass(doubled: tuple[int, ...]) -> Floats:
    """Distribution of the sum of the positive doubled ranks, by convolution."""
    mass = np.zeros(sum(doubled) + 1)
    mass[0] = 1.0
    for rank in doubled:
        shifted = np.zeros_like(mass)
        shifted[rank:] = mass[:-rank]
        mass = 0.5 * (mass + shifted)
    return mass


class SignFlip(NamedTuple):
    """Outcome of a stratified sign-flip test.

    Attributes:
        statistic: mean over tasks of the mean scaled difference, -1 to 1.
        p: two-sided.
    """

    statistic: float
    p: float


def sign_flip(tasks: Sequence[Floats]) -> SignFlip:
    """Claim (a): on these tasks, does one strategy end better over seeds?

    Each task's differences are divided by their root mean square (which no flip changes), averaged
    over seeds, then over tasks. Under the null each (task, seed) block's sign is a fair coin, flipped
    independently: the streams of a seed are independent between tasks. All 2^blocks flips are
    enumerated where they are at most `FLIPS`; otherwise `FLIPS` fixed pseudo-random ones, and
    `MORE_FLIPS` fresh ones where fewer than `RESOLVED` of these are as extreme.

    Args:
        tasks: `(seeds,)` paired differences of each task; a task without pairs is left out.
    """
    blocks = [d for d in tasks if len(d)]
    if not blocks or not any(np.any(d) for d in blocks):
        return SignFlip(0.0, 1.0)
    scaled = [d / (np.sqrt(np.mean(d**2)) or 1.0) / (len(d) * len(blocks)) for d in blocks]
    weights = np.concatenate(scaled)
    return SignFlip(float(weights.sum()), _flip_tail(weights.tobytes()))


@lru_cache(maxsize=4096)
def _flip_tail(data: bytes) -> float:
    """P(|sum of +- weights| >= |sum of weights|) under fair signs; cached, as reports ask often."""
    weights = np.frombuffer(data)
    total = float(weights.sum())
    extreme = abs(total) - 1e-12

    def count(heads: Floats) -> int:
        return int((np.abs(2.0 * (heads @ weights) - total) >= extreme).sum())

    moving = np.flatnonzero(weights)
    if 2 ** min(len(moving), 64) <= FLIPS:
        heads = np.zeros((2 ** len(moving), len(weights)))
        heads[:, moving] = (np.arange(len(heads))[:, None] >> np.arange(len(moving))) & 1
        # A zero weighs nothing on either side of its coin.
        return count(heads) / len(heads)
    as_extreme = count(_fixed_heads(len(weights)))
    if as_extreme >= RESOLVED:
        return (1 + as_extreme) / (1 + FLIPS)
    rng = generator("sign flip, more", len(weights))
    as_extreme = sum(count(_heads(rng, FLIPS, len(weights))) for _ in range(MORE_FLIPS // FLIPS))
    return (1 + as_extreme) / (1 + MORE_FLIPS)


@lru_cache(maxsize=2)
def _fixed_heads(blocks: int) -> Floats:
    return _heads(generator("sign flip", blocks), FLIPS, blocks)


def _heads(rng: np.random.Generator, count: int, blocks: int) -> Floats:
    """`(count, blocks)` fair coins, 0.0 or 1.0."""
    width = -(-blocks // 8)
    packed = np.frombuffer(rng.bytes(count * width), dtype=np.uint8).reshape(count, width)
    heads: Floats = np.unpackbits(packed, axis=1, count=blocks).astype(np.float64)
    return heads


def holm(p: ArrayLike) -> Floats:
    """Holm's step-down adjustment of a family of p-values, in their order; NaN takes no part.

    Source: Holm, A Simple Sequentially Rejective Multiple Test Procedure, 1979.
    """
    values = np.asarray(p, dtype=np.float64)
    adjusted = np.full(values.shape, np.nan)
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * factors), 1.0)
    return adjusted


def improvements(first: ArrayLike, second: ArrayLike) -> Floats:
    """1 for each pair whose first (a regret) is lower, 1/2 for a tie, 0 otherwise; NaN without both."""
    d = np.asarray(second, dtype=np.float64) - np.asarray(first, dtype=np.float64)
    d = np.where(np.abs(d) <= VALUE_TOLERANCE, 0.0, d)
    outcome: Floats = 0.5 + 0.5 * np.sign(d)
    return outcome
