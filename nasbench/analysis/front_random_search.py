"""The law of random search with several objectives, by simulation: the hypervolume has no closed form.

Architectures are drawn without replacement, each shows one of its training runs (or their mean), and the
observed Pareto set is scored as that of a run is. Everything is drawn from streams of the task, the same
whenever it is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasbench.analysis.front_truth import FrontTruth, front_truth_of
from nasbench.analysis.random_search import Moments
from nasbench.analysis.task_truth import per_task
from nasbench.analysis.truth import VALUE_TOLERANCE, Floats
from nasbench.incumbent import front_steps
from nasbench.streams import generator

if TYPE_CHECKING:
    from nasbench.task import Task

PERMUTATIONS = 1_000
"""Simulated runs behind the moments after n draws."""

LONG_PERMUTATIONS = 200
"""Simulated noise-free runs to the end of the table, behind the expected draws until a set is as good."""

MOST_DRAWS = 100_000
"""Draws of a long run; where none of them is as good, its expected number is a lower bound."""

_LEAST_DRAWS = 1_024


class Simulated(NamedTuple):
    """One simulated run: `(k,)` draws after which its regret changed, and the regret from there on."""

    draws: NDArray[np.int64]
    regret: Floats


class FrontLaw:
    """Hypervolume regret of random search after n draws without replacement from a table.

    Args:
        truth: what runs are scored against.
        key: of the streams (a task id).
    """

    def __init__(self, truth: FrontTruth, key: str) -> None:
        self._truth, self._key = truth, key
        self._rows = np.flatnonzero(truth.listed)
        self._utility = truth.signs * truth.means
        self._runs: list[Simulated] = []
        self._length = 0
        self._long: list[Simulated] = []

    # -- after n draws ----------------------------------------------------------------------------

    def regret(self, n: ArrayLike) -> Moments:
        """Mean and standard deviation of the regret after n draws, with the mean's standard error.

        Args:
            n: numbers of draws, each at least 1; more than N count as N.
        """
        return _moments(self._after(n))

    def log_draws(self, n: ArrayLike) -> Moments:
        """The same of log E, the logarithm of `draws_until` the regret after n draws."""
        regret = self._after(n)
        values, places = np.unique(regret, return_inverse=True)
        return _moments(np.log(self.draws_until(values))[places].reshape(regret.shape))

    def _after(self, n: ArrayLike) -> Floats:
        """`(PERMUTATIONS, n)` regret of each simulated run; NaN before anything has a value."""
        draws = np.atleast_1d(np.asarray(n, dtype=np.int64))
        runs = self._simulated(int(draws.max(initial=1)))
        return np.stack([_at(run, draws) for run in runs])

    def _simulated(self, longest: int) -> list[Simulated]:
        """Runs of at least so many draws. A longer simulation begins with the same draws as a shorter one."""
        if longest > self._length:
            self._length = max(_LEAST_DRAWS, 1 << (longest - 1).bit_length())
            self._runs = [self._run(number, self._length) for number in range(PERMUTATIONS)]
        return self._runs

    def _run(self, number: int, length: int) -> Simulated:
        rng = generator("random search front", self._key, number)
        rows = rng.permutation(self._rows)[:length]
        return self._scored(rows, self._observed(rows, rng.random(len(rows))))

    def _observed(self, rows: NDArray[np.int64], pick: Floats) -> Floats:
        """`(n, d)` utilities shown of rows: those of one training run, the same for all objectives."""
        truth = self._truth
        run = truth.runs[rows, (pick * truth.counts[rows]).astype(np.int64)]
        utilities: Floats = truth.signs * truth.shown[rows, run]
        return utilities

    # -- until as good ------------------------------------------------------------------------------

    def draws_until(self, regret: ArrayLike) -> Floats:
        """E of regrets `(n,)`: expected draws of noise-free random search until its set is as good.

        At least 1, and at most all of the table; 1 for NaN.
        """
        wanted = np.atleast_1d(np.asarray(regret, dtype=np.float64))
        hits = np.stack([_until(run, wanted, min(len(self._rows), MOST_DRAWS)) for run in self._complete()])
        return np.where(np.isnan(wanted), 1.0, hits.mean(axis=0))

    def target(self, draws: float) -> float:
        """The largest regret that noise-free random search takes at least so many draws to reach, on average."""
        attained = np.unique(np.concatenate([run.regret for run in self._complete()]))
        low, high = 0, len(attained) - 1
        while low < high:
            middle = (low + high + 1) // 2
            enough = self.draws_until(attained[middle])[0] >= draws
            low, high = (middle, high) if enough else (low, middle - 1)
        return float(attained[low])

    def _complete(self) -> list[Simulated]:
        if not self._long:
            for number in range(LONG_PERMUTATIONS):
                rows = generator("random search front", self._key, number).permutation(self._rows)[:MOST_DRAWS]
                self._long.append(self._scored(rows, self._utility[rows]))
        return self._long

    def _scored(self, rows: NDArray[np.int64], utility: Floats) -> Simulated:
        points = self._truth.points[rows]
        steps = list(front_steps(utility, np.full(len(rows), np.nan), np.arange(len(rows))))
        draws = np.array([step.position + 1 for step in steps], dtype=np.int64)
        return Simulated(draws, np.array([self._truth.regret(points[step.members]) for step in steps]))


@per_task
def front_law_of(task: Task) -> FrontLaw:
    """The simulated law of random search on a task with several objectives."""
    return FrontLaw(front_truth_of(task), task.id)


def _at(run: Simulated, draws: NDArray[np.int64]) -> Floats:
    place = np.searchsorted(run.draws, draws, side="right") - 1
    return np.where(place >= 0, np.append(run.regret, np.nan)[place], np.nan)


def _until(run: Simulated, regret: Floats, size: int) -> Floats:
    """Draws after which a run that never gets worse is as good as each regret; `size` where it never is."""
    place = np.searchsorted(-run.regret, -regret - VALUE_TOLERANCE, side="left")
    return np.append(run.draws, size).astype(np.float64)[place]


def _moments(values: Floats) -> Moments:
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    mean, variance, error = np.full((3, values.shape[1]), np.nan)
    np.divide(np.where(known, values, 0.0).sum(axis=0), count, out=mean, where=count > 0)
    np.divide(np.where(known, (values - mean) ** 2, 0.0).sum(axis=0), count - 1, out=variance, where=count > 1)
    np.divide(np.sqrt(variance), np.sqrt(count), out=error, where=count > 1)
    return Moments(mean, np.sqrt(variance), error)
