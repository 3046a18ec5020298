"""Everything that a report shows, collected once as frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from nasbench.analysis.random_reference import RANDOM_SEARCH_EXACT, reference_label
from nasbench.run import Run

if TYPE_CHECKING:
    import pandas as pd

    from nasbench.task import Task

MOST_POINTS, LEAST_POINTS = 160, 60
"""Points of a drawn line, in a small and in a large report."""
_ALL_POINTS = 12_000


class Goal(NamedTuple):
    """One objective: its metric, unit and direction (`sign` is +1 where larger is better, else -1)."""

    name: str
    unit: str
    direction: str
    sign: int


class TaskFacts(NamedTuple):
    """What a reader must know about a task to read its numbers.

    Attributes:
        label: as in the frames.
        metric, unit: the objective (several joined by `+`), and the unit of its regret ("" for shares).
        direction: of the first objective.
        optimum: best mean of the first objective in the table (the best known of a surrogate).
        architectures: how many may be asked for.
        budget: in words.
        noise: `sampled`, `idealised`, `fixed run` or `noise unknown`.
        noise_floor: in the objective's unit, or None where the table declares none.
        searched_on_test: whether an objective is a test column.
        charge: which evaluations are charged (`all`, `unique`, `unique-class`).
        workers: simulated workers.
        has_times: whether the clock counts simulated seconds.
        surrogate: where values are predictions, how good those are and what regret means; else "".
        measure: what regrets are, `table regret` or `hypervolume regret`.
        goals: the objectives.
        front: points of the exact Pareto front; 0 with one objective.
        reference: label of random search's law, exact or simulated.
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
    measure: str = "table regret"
    goals: tuple[Goal, ...] = ()
    front: int = 0
    reference: str = RANDOM_SEARCH_EXACT

    @property
    def several(self) -> bool:
        """Whether the task has several objectives."""
        return len(self.goals) > 1


@dataclass(frozen=True)
class ReportData:
    """The frames of a report; columns as documented in `nasbench.analysis`.

    Attributes:
        tasks: facts of each task, in order of appearance.
        strategies: entry labels, sorted.
        seeds: all seeds, rising.
        verdict: in words, one sentence an item.
        finals, summary, overall, tests, targets, ecdf: frames over all tasks.
        curves: anytime curves along evaluations, or along epochs where trials may have several lengths.
        times: along simulated seconds, of the tasks that have times (may be empty).
        fronts: points of Pareto charts, of the tasks with several objectives (may be empty).
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
    fronts: pd.DataFrame
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
    from nasbench.analysis.fronts import surfaces
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
    curve_frame = curves(runs, "search", points)
    time_frame = curves(timed, axis="seconds", points=points) if timed else curve_frame.iloc[:0]
    tell("tests")
    test_frame = comparisons(runs)
    rankings = {} if len(groups) == 1 else {OVER_TASKS: ranking(runs)}
    rankings |= {one.label: ranking(runs, task=one.label) for one in groups}
    rankings = {label: frame[frame["average_rank"].notna()] for label, frame in rankings.items()}
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
        fronts=surfaces(runs),
        rankings=rankings,
    )


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as dictionaries."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def facts_of(task: Task, label: str) -> TaskFacts:
    """The facts of a task."""
    from nasbench.analysis.front_truth import front_truth_of
    from nasbench.analysis.task_truth import caution, measure_of, noise_floor_of, noise_label, truth_of

    objective, truth, measure = task.objectives[0], truth_of(task), measure_of(task)
    metrics = task.bench.metrics_of(task.protocol)
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
        metric=measure.metric,
        unit=measure.unit,
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
        measure=measure.name,
        goals=tuple(Goal(o.name, metrics[o.name].unit, o.direction, o.sign) for o in task.objectives),
        front=len(front_truth_of(task).front) if len(task.objectives) > 1 else 0,
        reference=reference_label(task),
    )
