"""How much training noise a table's means carry: the noise floor."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def noise_floor(values: ArrayLike, sign: int = 1, top: int = 100) -> float | None:
    """Standard error of the mean of a table's best architectures, in the metric's unit.

    The root mean variance over training runs of the `top` best architectures by mean (among those
    trained at least twice), divided by the square root of their average number of runs.
    Differences below it are practical equivalence by default.

    Args:
        values: `(architectures, repeats)`, NaN where a run is missing.
        sign: +1 where larger is better, -1 where smaller is.
        top: how many of the best architectures to pool.

    Returns:
        The floor, or None where no architecture was trained twice (noise unknown).
    """
    table: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    if table.ndim != 2:
        raise ValueError(f"noise_floor needs an (architectures, repeats) array, got shape {table.shape}")
    runs = np.count_nonzero(~np.isnan(table), axis=1)
    table, runs = table[runs > 1], runs[runs > 1]
    if not len(table):
        return None
    mean = np.nansum(table, axis=1) / runs
    best = np.argsort(-sign * mean, kind="stable")[:top]
    variance = np.nansum((table[best] - mean[best, None]) ** 2, axis=1) / (runs[best] - 1)
    return float(np.sqrt(variance.mean() / runs[best].mean()))
