"""How a surrogate sees the values of a metric: their scale, and the noise of one training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_IN_BIN = 30
"""Architectures whose variances are pooled at least; fewer would make the noise itself noisy."""

MOST_BINS = 10

LEAST_REPEATED = 10
"""Fewer architectures that were trained twice do not tell the noise: its deviation would be off by a quarter."""


class TargetScale(NamedTuple):
    """The map between a metric's values and the standardised targets that models are fitted to.

    Attributes:
        log: whether logarithms are standardised, so that predictions stay positive.
        centre, spread: mean and standard deviation of the values (of their logarithms).
    """

    log: bool
    centre: float
    spread: float

    @classmethod
    def of(cls, values: Floats, positive: bool) -> TargetScale:
        """The scale of training values `(n,)`.

        Args:
            values: without NaN.
            positive: whether the metric is a cost or drawn on a log scale: logarithms then, where
                all values allow it.
        """
        log = positive and bool((values > 0).all())
        seen = np.log(values) if log else values
        return cls(log, float(seen.mean()), float(seen.std()) or 1.0)

    def targets(self, values: Floats) -> Floats:
        """Standardised targets of values."""
        return ((np.log(values) if self.log else values) - self.centre) / self.spread

    def values(self, targets: Floats) -> Floats:
        """The inverse of `targets`."""
        seen = self.centre + self.spread * targets
        return np.asarray(np.exp(seen) if self.log else seen)

    def deviations(self, values: Floats, deviations: Floats) -> Floats:
        """Standard deviations of standardised targets in the metric's unit, to first order."""
        return np.asarray(deviations * self.spread * (np.abs(values) if self.log else 1.0))


@dataclass(frozen=True)
class NoiseModel:
    """Standard deviation of one training around its architecture's mean, by that mean.

    Between the centres of bins of equally many architectures it is linear, beyond them constant.

    Args:
        means: `(k,)` rising: the mean value of each bin.
        deviations: `(k,)` its pooled standard deviation over training runs.
        rows: architectures trained at least twice that it was fitted to.
        runs: their average number of runs.
    """

    means: tuple[float, ...]
    deviations: tuple[float, ...]
    rows: int
    runs: float

    @classmethod
    def fit(cls, values: Floats) -> NoiseModel | None:
        """The noise of a column `(A, R)`; None where too few architectures were trained twice."""
        runs = (~np.isnan(values)).sum(axis=1)
        values, runs = values[runs > 1], runs[runs > 1]
        if len(values) < LEAST_REPEATED:
            return None
        mean = np.nansum(values, axis=1) / runs
        squares = np.nansum((values - mean[:, None]) ** 2, axis=1)
        bins = min(MOST_BINS, max(1, len(values) // LEAST_IN_BIN))
        parts = np.array_split(np.argsort(mean, kind="stable"), bins)
        centres = [float(mean[part].mean()) for part in parts]
        pooled = [float(np.sqrt(squares[part].sum() / (runs[part] - 1).sum())) for part in parts]
        rising = [i for i in range(bins) if i == 0 or centres[i] > centres[i - 1]]
        return cls(tuple(centres[i] for i in rising), tuple(pooled[i] for i in rising), len(values), float(runs.mean()))

    def deviation(self, mean: float) -> float:
        """Standard deviation of one training at a predicted mean."""
        return float(np.interp(mean, self.means, self.deviations))

    def at(self, means: Floats) -> Floats:
        """Standard deviations `(n,)` of one training at predicted means `(n,)`."""
        return np.asarray(np.interp(means, self.means, self.deviations), dtype=np.float64)
