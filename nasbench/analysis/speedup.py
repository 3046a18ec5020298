"""Speed-up over random search: expected draws until as good, against random search itself.

E(v) = (N + 1) / (k(v) + 1), with k(v) the number of architectures whose mean is at least as good as
v. The score of a strategy is exp(mean over runs of log E(final true value)) over the same functional
of random search at equal evaluations and equal repeat policy: 1 for random search by construction,
finite, and unchanged by any monotone rescaling of the metric. With several objectives E is the expected
number of draws until the Pareto set of what was drawn has as small a hypervolume regret, by simulation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nasbench.analysis.bootstrap import bounds, mean_interval, resampled_means
from nasbench.analysis.groups import TaskRuns
from nasbench.analysis.random_reference import reference_log_draws
from nasbench.analysis.truth import Floats
from nasbench.run import Run

TRIM = 0.25
"""Share that the interquartile mean drops at each end."""


class SpeedUp(NamedTuple):
    """A speed-up over random search with its 95 % bootstrap interval over seeds."""

    value: float
    low: float
    high: float


def reference_draws(run: Run) -> int | None:
    """Draws of random search that equal a run's budget; None where no number of draws does.

    The task's evaluations, or where seconds or epochs limit the run what it was charged. Lower
    fidelities and class-wise charging have no equal number of draws.
    """
    task = run.task
    if task.fidelity is not None or task.charge == "unique-class":
        return None
    if task.evaluations is not None and task.seconds is None and task.epochs is None:
        return int(task.evaluations)
    return int(run.ledger.charged) or None


def log_ratios(group: TaskRuns, strategy: str) -> Floats:
    """`(seeds,)` log E(final true value) - its expectation under random search, a seed.

    NaN where a seed is missing, its run has found nothing, or there is no equal number of draws.
    """
    draws = {seed: reference_draws(path.run) for seed, path in group.paths.get(strategy, {}).items()}
    counts = sorted({n for n in draws.values() if n is not None})
    expected = dict(zip(counts, reference_log_draws(group.task, counts).mean.tolist(), strict=True))
    ratios = np.full(len(group.seeds), np.nan)
    for place, seed in enumerate(group.seeds):
        n = draws.get(seed)
        if n is not None:
            ratios[place] = group.paths[strategy][seed].log_draws - expected[n]
    return ratios


def speed_up(group: TaskRuns, strategy: str) -> SpeedUp:
    """A strategy's speed-up on one task."""
    mean, low, high = np.exp(mean_interval(log_ratios(group, strategy), group.weights))
    return SpeedUp(float(mean), float(low), float(high))


def speed_up_over_tasks(groups: Sequence[TaskRuns], strategy: str, *, interquartile: bool = False) -> SpeedUp:
    """Geometric mean over tasks of a strategy's speed-ups; seeds are resampled within each task.

    Args:
        groups: tasks that the strategy ran on.
        strategy: its label.
        interquartile: take the interquartile mean over seeds *within* each task (trimming over
            pooled tasks would drop the hard and the easy tasks, not the odd seeds).

    Returns:
        NaN where a task has no score.
    """
    means, resampled = [], []
    for group in groups:
        ratios = log_ratios(group, strategy)
        if interquartile:
            means.append(_interquartile_mean(ratios[None, :])[0])
            picks = _picks(group.weights)
            resampled.append(_interquartile_mean(ratios[picks]))
        else:
            means.append(float(mean_interval(ratios, group.weights).mean))
            resampled.append(resampled_means(ratios, group.weights))
    low, high = bounds(np.mean(resampled, axis=0))
    mean, low, high = np.exp([np.mean(means), low, high])
    return SpeedUp(float(mean), float(low), float(high))


def _picks(weights: Floats) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """The seeds that each resample holds, `(resamples, seeds)`."""
    resamples, seeds = weights.shape
    counts = np.rint(weights * seeds).astype(np.int64).ravel()
    return np.repeat(np.tile(np.arange(seeds), resamples), counts).reshape(resamples, seeds)


def _interquartile_mean(values: Floats) -> Floats:
    """Mean of each row's middle half; NaNs are left out, a row of them gives NaN."""
    ordered = np.sort(values, axis=1)  # NaNs sort to the end
    count = (~np.isnan(ordered)).sum(axis=1)
    cut = (count * TRIM).astype(np.int64)
    place = np.arange(values.shape[1])
    middle = (place >= cut[:, None]) & (place < (count - cut)[:, None])
    total: Floats = np.where(middle, ordered, 0.0).sum(axis=1)
    means: Floats = np.divide(total, middle.sum(axis=1), out=np.full(len(values), np.nan), where=count > 0)
    return means
