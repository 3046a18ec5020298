"""Seed-paired percentile bootstrap: the same resampled seeds for all strategies of a task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nasbench.analysis.truth import Floats
from nasbench.streams import generator

RESAMPLES = 2000
LEVEL = 0.95


class Interval(NamedTuple):
    """A mean with its percentile interval, each of the shape that was asked for."""

    mean: Floats
    low: Floats
    high: Floats


def seed_weights(key: str, seeds: Sequence[int]) -> Floats:
    """`(RESAMPLES, seeds)` how often each seed is drawn, over the number of seeds.

    Args:
        key: what the resampling belongs to (a task id): equal key and seeds, equal weights.
        seeds: the seeds that are resampled.
    """
    count = len(seeds)
    rng = generator("bootstrap", key, list(seeds))
    draws = rng.integers(0, count, size=(RESAMPLES, count)) + count * np.arange(RESAMPLES)[:, None]
    times = np.bincount(draws.ravel(), minlength=RESAMPLES * count).reshape(RESAMPLES, count)
    weights: Floats = times / count
    return weights


def resampled_means(values: Floats, weights: Floats) -> Floats:
    """Means of `(S,)` or `(S, X)` values under `(B, S)` weights: `(B,)` or `(B, X)`.

    A NaN takes no part; a resample that holds nothing else gives NaN.
    """
    known = ~np.isnan(values)
    total: Floats = weights @ np.where(known, values, 0.0)
    if known.all():
        return total
    share = weights @ known.astype(np.float64)
    means: Floats = np.divide(total, share, out=np.full(np.shape(total), np.nan), where=share > 0)
    return means


def mean_interval(values: Floats, weights: Floats) -> Interval:
    """Mean over seeds of `(S,)` or `(S, X)` values, with its percentile interval."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    mean = np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)
    return Interval(mean, *bounds(resampled_means(values, weights)))


def bounds(resampled: Floats) -> tuple[Floats, Floats]:
    """Percentile bounds over the first axis; NaN resamples are left out."""
    tail = (1 - LEVEL) / 2
    missing = np.isnan(resampled)
    if not missing.any():
        low, high = np.quantile(resampled, [tail, 1 - tail], axis=0)
        return low, high
    empty = missing.all(axis=0)
    filled = np.where(empty, 0.0, resampled)
    low, high = np.nanquantile(filled, [tail, 1 - tail], axis=0)
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high)
