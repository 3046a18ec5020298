"""What a task is scored against, and what must be said of its numbers: noise, noise floor, surrogates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from nasbench.analysis.reference import SampledTruth, sampled_truth
from nasbench.analysis.truth import Truth
from nasbench.surrogates.regions import BEST_TENTH

if TYPE_CHECKING:
    from nasbench.surrogates.benchmark import SurrogateBenchmark
    from nasbench.task import Task

Result = TypeVar("Result")


def per_task(factory: Callable[[Task], Result]) -> Callable[[Task], Result]:
    """Keep one result a task, for as long as its benchmark is loaded."""
    kept: WeakKeyDictionary[Any, dict[str, Result]] = WeakKeyDictionary()

    @wraps(factory)
    def cached(task: Task) -> Result:
        results = kept.setdefault(task.bench, {})
        if task.id not in results:
            results[task.id] = factory(task)
        return results[task.id]

    return cached


@per_task
def truth_of(task: Task) -> Truth:
    """The truth behind a task's first objective, under its scoring protocol."""
    if not task.bench.tabular:
        return sampled_truth(task)
    bench, objective = task.bench, task.objectives[0]
    scored = task.score_protocol or task.protocol
    column = bench.column(objective.name, scored)
    shown = bench.column(objective.name, task.protocol)
    test = bench.test_metric(objective.name, task.score_protocol or task.protocol)
    truth = Truth(
        sign=objective.sign,
        shown=shown,
        column=column,
        mean=bench.mean(objective.name, scored),
        listed=task.listed,
        test=None if test is None else bench.mean(test, scored),
    )
    return truth if not task.bounds else _constrained(task, truth)


def _constrained(task: Task, truth: Truth) -> Truth:
    """The truth among the architectures that keep a task's constraints.

    A training run that is shown to break one cannot win, and has no value here. An architecture that may be
    shown to keep them while its means do not scores as the worst one that does.
    """
    feasible, worst = task.feasible, np.nanmin(truth.sign * truth.mean[task.feasible & truth.listed])
    shown = np.where(_shown_to_keep(task, truth.shown.shape[1]), truth.shown, np.nan)
    may_win = ~np.isnan(shown).all(axis=1)
    lowest = np.where(may_win, truth.sign * worst, np.nan)
    test = truth.test
    if test is not None:
        test = np.where(feasible, test, np.where(may_win, truth.sign * np.nanmin(truth.sign * test[feasible]), np.nan))
    same = truth.column is truth.shown or np.shares_memory(truth.column, truth.shown)
    return replace(
        truth,
        shown=shown,
        column=shown if same else truth.column,
        mean=np.where(feasible, truth.mean, lowest),
        test=test,
    )


def _shown_to_keep(task: Task, runs: int) -> NDArray[np.bool_]:
    """Which training runs `(A, R)` of the task's protocol show values that keep its constraints.

    R is `runs`, the number that the objective has, or that of a constrained metric where it is 1.
    """
    columns = [task.bench.column(bound.name, task.protocol) for bound in task.bounds]
    width = runs if runs > 1 else max(column.shape[1] for column in columns)
    keeps = np.ones((len(columns[0]), width), dtype=bool)
    for bound, values in zip(task.bounds, columns, strict=True):
        if values.shape[1] not in (1, width):
            values = task.bench.mean(bound.name, task.protocol)[:, None]
        keeps &= bound.keeps(values)
    return keeps


class Measure(NamedTuple):
    """What the runs of a task are judged by.

    Attributes:
        name: `table regret`, or `hypervolume regret` where there are several objectives.
        metric: the objective, several joined by `+`.
        unit: of the regret; "" for a share.
    """

    name: str
    metric: str
    unit: str


def measure_of(task: Task) -> Measure:
    """What the runs of a task are judged by."""
    names = [objective.name for objective in task.objectives]
    if len(names) > 1:
        return Measure("hypervolume regret", "+".join(names), "")
    return Measure("table regret", names[0], task.bench.metrics_of(task.protocol)[names[0]].unit)


def noise_label(task: Task) -> str:
    """How observations relate to training noise: `sampled`, `idealised`, `fixed run`, `noise unknown`.

    `noise unknown` is a table with a single training run an architecture: observations are noise-free.
    """
    if not task.noise_known:
        return "noise unknown"
    if task.repeat == "mean":
        return "idealised"
    return "sampled" if task.repeat == "random" else "fixed run"


def noise_floor_of(task: Task) -> float | None:
    """The table's noise floor where it is one of the task's own objective, else None."""
    bench = task.bench
    same = [objective.name for objective in task.objectives] == [bench.objective]
    return None if bench.noise_floor is None or not same else float(bench.noise_floor)


def caution(task: Task) -> str:
    """What must be said of results on a surrogate: how good its predictions are, what regret means there.

    Empty where the benchmark is a table.
    """
    if task.bench.tabular:
        return ""
    bench, truth = cast("SurrogateBenchmark", task.bench), cast(SampledTruth, truth_of(task))
    model = bench.model(task.objectives[0].name)
    held = model.held_out
    figures = f"held-out Kendall tau {held.tau:.2f}, R2 {held.r2:.2f}, 95 % intervals hold {held.coverage_95:.0%}"
    best = next((one for one in model.validation if one.region == BEST_TENTH and not one.baseline), None)
    if best is not None:
        figures += f"; tau {best.tau:.2f} among the best tenth when that is held out"
    if len(task.objectives) > 1:
        where = "the whole space" if truth.whole else f"a reference sample of {len(truth.mean):,}"
        meaning = (
            f"Hypervolume regret is against the Pareto front of the predictions over {where} and of each objective's "
            "best known architecture; it is below 0 where a run goes beyond that."
        )
    elif truth.whole:
        meaning = "Regret is against its best prediction over the whole space."
    else:
        meaning = (
            f"Regret is against the best known prediction, of a reference sample of {len(truth.mean):,} and of climbs "
            "from the table's best, and is below 0 where a run beats that; random search is that on the sample, and "
            "speed-ups are lower bounds where a run beats all of the sample."
        )
    return f"Surrogate of {bench.manifest.base}: its values are predictions ({figures}). {meaning}"
