"""Everything that a report shows, collected once as frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from nasbench.run import Run

if TYPE_CHECKING:
    import pandas as pd

    from nasbench.task import Task

MOST_POINTS, LEAST_POINTS = 160, 60
"""Points of a drawn line, in a small and in a large report."""
_ALL_POINTS = 12_000


class TaskFacts(NamedTuple):
    """What a reader must know about a task to read its numbers.

    Attributes:
        label: as in the frames.
        metric, unit, direction: of the first objective.
        optimum: best mean of the table (the best known of a surrogate).
        architectures: how many may be asked for.
        budget: in words.
        noise: `sampled`, `idealised`, `fixed run` or `noise unknown`.
        noise_floor: in the objective's unit, or None where the table declares none.
        searched_on_test: whether an objective is a test column.
        charge: which evaluations are charged (`all`, `unique`, `unique-class`).
        workers: simulated workers.
        has_times: whether the clock counts simulated seconds.
        surrogate: where values are predictions, how good those are and what regret means; else "".
    """

    label: str
    metric: str
    unit: str
    direction: str
    optimum: float
    architectures: int
    budget: str
    noise: str
    noise_floor: float | None = None
    searched_on_test: bool = False
    charge: str = "all"
    workers: int = 1
    has_times: bool = False
    surrogate: str = ""


@dataclass(frozen=True)
class ReportData:
    """The frames of a report; columns as documented in `nasbench.analysis`.

    Attributes:
        tasks: facts of each task, in order of appearance.
        strategies: entry labels, sorted.
        seeds: all seeds, rising.
        verdict: in words, one sentence an item.
        finals, summary, overall, tests, targets, ecdf: frames over all tasks.
        curves: anytime curves along evaluations.
        times: along simulated seconds, of the tasks that have times (may be empty).
        rankings: task label (or `all tasks`) -> ranking.
    """

    tasks: list[TaskFacts]
    strategies: list[str]
    seeds: list[int]
    verdict: list[str]
    finals: pd.DataFrame
    summary: pd.DataFrame
    overall: pd.DataFrame
    curves: pd.DataFrame
    times: pd.DataFrame
    tests: pd.DataFrame
    targets: pd.DataFrame
    ecdf: pd.DataFrame
    rankings: dict[str, pd.DataFrame] = field(default_factory=dict)


def collect(runs: Sequence[Run], progress: Callable[[str], None] | None = None) -> ReportData:
    """All frames of a report.

    Args:
        runs: at least one.
        progress: told what is being computed.

    Raises:
        ValueError: there are no runs.
    """
    if not runs:
        raise ValueError("a report needs at least one run")
    from nasbench.analysis.curves import curves
    from nasbench.analysis.groups import group
    from nasbench.analysis.pairwise import OVER_TASKS, comparisons
    from nasbench.analysis.ranking import ranking
    from nasbench.analysis.summary import finals, overall, summary
    from nasbench.analysis.targets import ecdf, expected_running_time
    from nasbench.analysis.verdict import verdict

    tell = progress or (lambda _: None)
    groups = group(runs)
    lines = sum(len(one.strategies) for one in groups)
    points = max(LEAST_POINTS, min(MOST_POINTS, _ALL_POINTS // lines))
    timed = [run for run in runs if run.task.has_times]
    tell("regret and scores")
    final_frame, summary_frame = finals(runs), summary(runs)
    overall_frame = overall(runs)
    tell("anytime curves")
    curve_frame = curves(runs, points=points)
    time_frame = curves(timed, axis="seconds", points=points) if timed else curve_frame.iloc[:0]
    tell("tests")
    test_frame = comparisons(runs)
    rankings = {} if len(groups) == 1 else {OVER_TASKS: ranking(runs)}
    rankings |= {one.label: ranking(runs, task=one.label) for one in groups}
    return ReportData(
        tasks=[facts_of(one.task, one.label) for one in groups],
        strategies=sorted({run.entry.label for run in runs}),
        seeds=sorted({run.seed for run in runs}),
        verdict=verdict(runs),
        finals=final_frame,
        summary=summary_frame,
        overall=overall_frame,
        curves=curve_frame,
        times=time_frame,
        tests=test_frame,
        targets=expected_running_time(runs),
        ecdf=ecdf(runs, points=points),
        rankings=rankings,
    )


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as dictionaries."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def facts_of(task: Task, label: str) -> TaskFacts:
    """The facts of a task."""
    from nasbench.analysis.task_truth import caution, noise_floor_of, noise_label, truth_of

    objective, truth = task.objectives[0], truth_of(task)
    limits = [
        f"{limit:,} {name}"
        for limit, name in (
            (task.evaluations, "evaluations"),
            (task.seconds, "simulated seconds"),
            (task.epochs, "training epochs"),
        )
        if limit is not None
    ]
    return TaskFacts(
        label=label,
        metric=objective.name,
        unit=task.bench.metrics_of(task.protocol)[objective.name].unit,
        direction=objective.direction,
        optimum=truth.optimum,
        architectures=truth.size if task.bench.tabular else task.space.size,
        budget=" or ".join(limits),
        noise=noise_label(task),
        noise_floor=noise_floor_of(task),
        searched_on_test=task.searched_on_test,
        charge=task.charge,
        workers=task.workers,
        has_times=task.has_times,
        surrogate=caution(task),
    )
