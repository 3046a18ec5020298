"""What a run with several objectives is scored against: the exact Pareto front, in normalised objective space.

Each objective is turned so that smaller is better, and scaled so that the front's best value is 0 and
its worst is 1; the reference point of the hypervolume is 1.1 in each. Where the whole front has one value
of an objective (it is one point, or the objective hardly matters), the range of the table takes the
place of the front's; an objective that is constant in the table is 0 everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from nasbench.analysis.reference import best_known_genotypes, feasible_sample, reference_of, shown_sample
from nasbench.analysis.task_truth import per_task
from nasbench.analysis.truth import VALUE_TOLERANCE, Floats

if TYPE_CHECKING:
    from nasbench.space import Genotypes
    from nasbench.surrogates.benchmark import SurrogateBenchmark
    from nasbench.task import Task

REFERENCE = 1.1
"""The hypervolume's reference point in each normalised objective: a tenth beyond the exact front's worst."""


@dataclass(frozen=True, eq=False)
class FrontTruth:
    """Several objectives of one benchmark, as the analysis sees them.

    Attributes:
        signs: `(d,)` +1 where larger values are better, -1 where smaller are.
        means: `(A, d)` mean over the existing training runs under the scoring protocol, NaN where an
            architecture has none or its means break a constraint.
        shown: `(A, R, d)` what a search may be shown: the values of each training run, R = 1 where it sees one
            number; NaN where a value is missing or the run breaks a constraint.
        counts: `(A,)` how many of the R a row may show.
        runs: `(A, R)` their numbers, left-aligned.
        listed: `(A,)` rows that a run of the task may ask for.
        best_known: `(k, d)` values of architectures beside these rows that may belong to the front, or None.
    """

    signs: NDArray[np.int64]
    means: Floats
    shown: Floats
    counts: NDArray[np.int64]
    runs: NDArray[np.int64]
    listed: NDArray[np.bool_]
    best_known: Floats | None = None

    @cached_property
    def size(self) -> int:
        """Number of architectures that may be asked for, failed ones included."""
        return int(self.listed.sum())

    @cached_property
    def front(self) -> Floats:
        """`(k, d)` the exact Pareto front of the true means, each point once; first objective's best first.

        Raises:
            ValueError: no architecture has a value of every objective.
        """
        from moocore import filter_dominated

        points = self._known
        if self.best_known is not None:
            points = np.concatenate([points, self.best_known])
        if not len(points):
            raise ValueError("no architecture has a value of every objective, so there is no Pareto front")
        costs: Floats = np.unique(filter_dominated(-self.signs * points), axis=0)  # sorts, the first objective first
        front: Floats = -self.signs * costs
        return front

    @cached_property
    def ideal(self) -> Floats:
        """`(d,)` best value of each objective on the exact front."""
        return np.asarray(self.signs * (self.signs * self.front).max(axis=0))

    @cached_property
    def nadir(self) -> Floats:
        """`(d,)` worst value of each objective on the exact front; see the module for a front without width."""
        front, table = np.ptp(self.front, axis=0), np.ptp(np.concatenate([self._known, self.front]), axis=0)
        width = np.where(front > VALUE_TOLERANCE * table, front, np.where(table > 0, table, 1.0))
        nadir: Floats = self.ideal - self.signs * width
        return nadir

    @cached_property
    def _known(self) -> Floats:
        """True means of the listed architectures that have a value of every objective."""
        return self.means[self.listed & ~np.isnan(self.means).any(axis=1)]

    def normalised(self, values: Floats) -> Floats:
        """Values `(n, d)` in normalised space: 0 is the exact front's best, 1 its worst, smaller is better."""
        scaled: Floats = (values - self.ideal) / (self.nadir - self.ideal)
        return scaled

    @cached_property
    def _exact(self) -> Floats:
        return self.normalised(self.front)

    @cached_property
    def hypervolume(self) -> float:
        """Of the exact front in normalised space; at most 1.1^d."""
        return float(self._volume(self._exact))

    @cached_property
    def _volume(self) -> Callable[[Floats], float]:
        from moocore import Hypervolume

        volume: Callable[[Floats], float] = Hypervolume(ref=[REFERENCE] * len(self.signs))
        return volume

    @cached_property
    def points(self) -> Floats:
        """`(A, d)` the true means in normalised space."""
        return self.normalised(self.means)

    def regret(self, points: Floats) -> float:
        """Hypervolume regret of a set: 1 - its hypervolume over that of the exact front.

        0 for a set that holds the whole front, 1 for one that is nowhere better than the reference point;
        below 0 only where the front is the best known one and the set goes beyond it.

        Args:
            points: `(k, d)` true means in normalised space; rows with a NaN add nothing.
        """
        present = points[~np.isnan(points).any(axis=1)]
        return 1.0 - (float(self._volume(present)) if len(present) else 0.0) / self.hypervolume

    def igd_plus(self, points: Floats) -> float:
        """Modified inverted generational distance of a set to the exact front, in normalised space.

        The mean over the front's points of how far the nearest of the set falls short of them. Source:
        Ishibuchi et al., Modified Distance Calculation in Generational Distance and Inverted Generational
        Distance, EMO 2015.

        Args:
            points: `(k, d)` true means in normalised space; rows with a NaN add nothing.
        """
        from moocore import igd_plus

        present = points[~np.isnan(points).any(axis=1)]
        return float(igd_plus(present, ref=self._exact)) if len(present) else float("nan")


@per_task
def front_truth_of(task: Task) -> FrontTruth:
    """The truth behind a task with several objectives, under its scoring protocol."""
    signs = np.array([objective.sign for objective in task.objectives])
    if not task.bench.tabular:
        return _sampled(task, signs)
    bench, scored = task.bench, task.score_protocol or task.protocol
    means = np.column_stack([bench.mean(objective.name, scored) for objective in task.objectives])
    counts, runs = task.runs_of(task.protocol)
    if task.repeat == "random":
        columns = [bench.column(name, task.protocol)[:, : runs.shape[1]] for name in task.metrics]
    else:
        columns = [_one_number(task, name) for name in task.metrics]
        counts, runs = np.ones_like(counts), np.zeros((len(counts), 1), dtype=np.int64)
    return FrontTruth(
        signs=signs,
        means=np.where(task.feasible[:, None], means, np.nan),
        shown=_shown(task, columns),
        counts=counts,
        runs=runs,
        listed=task.listed,
    )


def _sampled(task: Task, signs: NDArray[np.int64]) -> FrontTruth:
    """The truth on a benchmark without a table: the front of its reference sample and of the best known values."""
    bench = cast("SurrogateBenchmark", task.bench)
    samples = [reference_of(bench, name) for name in task.metrics]
    shown = _shown(task, [shown_sample(task, name, s) for name, s in zip(task.metrics, samples, strict=True)])
    size, draws, objectives = shown.shape
    return FrontTruth(
        signs=signs,
        means=np.where(feasible_sample(task)[:, None], np.column_stack(samples[:objectives]), np.nan),
        shown=shown,
        counts=np.full(size, draws),
        runs=np.tile(np.arange(draws), (size, 1)),
        listed=np.ones(size, dtype=bool),
        best_known=true_values(task, best_known_genotypes(task)),
    )


def _one_number(task: Task, name: str) -> Floats:
    """`(A, 1)` the only number that a search sees of a metric: the mean, the asked training run, or all there is."""
    if task.repeat == "mean":
        return task.bench.mean(name, task.protocol)[:, None]
    column = task.bench.column(name, task.protocol)
    return column[:, [int(task.repeat)]] if column.shape[1] > 1 else column


def _shown(task: Task, columns: Sequence[Floats]) -> Floats:
    """`(A, R, d)` values of the objectives from `(A, R)` or `(A, 1)` columns of all metrics that a trial is told."""
    columns = np.broadcast_arrays(*columns)
    objectives = len(task.objectives)
    shown = np.stack(columns[:objectives], axis=-1)
    for bound, column in zip(task.bounds, columns[objectives:], strict=True):
        shown[~bound.keeps(column)] = np.nan
    return shown


def true_values(task: Task, genotypes: Genotypes) -> Floats:
    """`(n, d)` what a benchmark without a table predicts of architectures; NaN where that breaks a constraint."""
    values = np.column_stack([task.bench.query(genotypes, objective.name) for objective in task.objectives])
    for bound in task.bounds:
        values[~bound.keeps(np.asarray(task.bench.query(genotypes, bound.name)))] = np.nan
    return values
