"""Everything that a report of predictors shows, collected once as frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from nasbench.analysis.noise_ceiling import repeat_ceiling, top_ceiling
from nasbench.prediction_split import CLASS_DISJOINT, TOP_DECILE, UNIFORM
from nasbench.prediction_task import PredictionTask

if TYPE_CHECKING:
    import pandas as pd

    from nasbench.analysis.predictor_scores import Scores


class PredictionFacts(NamedTuple):
    """What a reader must know about a prediction task to read its numbers.

    Attributes:
        label: as in the frames.
        metric, unit, direction: what is predicted.
        architectures: of the table.
        held_out: rows of each kind.
        labels: `mean` or `random`.
        noise_known: whether some architecture was trained more than once.
        predicts_test: whether the metric is a test column.
        has_times: whether the table has training times.
        kinds: of held-out rows.
        ceilings: kind -> agreement of training runs with each other, where it is known.
    """

    label: str
    metric: str
    unit: str
    direction: str
    architectures: int
    held_out: int
    labels: str
    noise_known: bool
    predicts_test: bool
    has_times: bool
    kinds: tuple[str, ...]
    ceilings: dict[str, float]


@dataclass(frozen=True)
class PredictorReportData:
    """The frames of a report; columns as `nasbench.analysis.predictor_scores` says, with the predictor's
    label as `strategy`, which is what charts and tables colour by.

    Attributes:
        tasks: facts of each task, in order of appearance.
        predictors: labels, sorted.
        sizes: training sizes, rising; without 0.
        trials: all trials, rising.
        size: the one that tests, calibration and the detailed table are at.
        verdict: in words.
        trial_frame, summary, calibration, tests: frames over all tasks.
        rankings: task label (or `all tasks`, first) -> ranking.
        failures: (predictor, task, size, trial, error) of each failed run.
    """

    tasks: list[PredictionFacts]
    predictors: list[str]
    sizes: list[int]
    trials: list[int]
    size: int
    verdict: list[str]
    trial_frame: pd.DataFrame
    summary: pd.DataFrame
    calibration: pd.DataFrame
    tests: pd.DataFrame
    rankings: dict[str, pd.DataFrame]
    failures: list[tuple[str, str, int, int, str]]


def collect(scores: Scores, progress: Callable[[str], None] | None = None) -> PredictorReportData:
    """All frames of a report.

    Args:
        scores: of at least one run.
        progress: told what is being computed.

    Raises:
        ValueError: there are no runs.
    """
    if not scores.runs:
        raise ValueError("a report needs at least one run")
    from nasbench.analysis.pairwise import OVER_TASKS
    from nasbench.analysis.predictor_tests import comparisons, disagreements, judged_size, ranking
    from nasbench.analysis.predictor_verdict import verdict

    tell = progress or (lambda _: None)
    size = judged_size(scores)
    tell("scores")
    frame, summary = scores.frame, scores.summary
    tell("tests")
    labels = list(scores.labels.values())
    judged = [one.label for one in disagreements(scores)]
    rankings = {} if len(labels) == 1 else {OVER_TASKS: ranking(scores)}
    rankings |= {label: ranking(scores, label) for label in judged}
    # Without a trial in which all have a value there are no ranks.
    rankings = {label: frame[frame["average_rank"].notna()] for label, frame in rankings.items()}
    return PredictorReportData(
        tasks=[facts_of(task, scores.labels[key]) for key, task in scores.tasks.items()],
        predictors=sorted(scores.predictors),
        sizes=sorted({run.size for run in scores.runs} - {0}),
        trials=sorted({run.trial for run in scores.runs}),
        size=size,
        verdict=verdict(scores),
        trial_frame=frame,
        summary=summary.rename(columns={"predictor": "strategy"}),
        calibration=scores.calibration.rename(columns={"predictor": "strategy"}),
        tests=comparisons(scores),
        rankings=rankings,
        failures=[
            (run.entry.label, scores.labels[run.task.id], run.size, run.trial, run.error)
            for run in scores.runs
            if run.failed
        ],
    )


def facts_of(task: PredictionTask, label: str) -> PredictionFacts:
    """The facts of a task."""
    from nasbench.analysis.predictor_scores import kinds_of

    values, metric = task.bench.column(task.metric, task.protocol), task.facts
    agreement = repeat_ceiling(values)
    ceilings = {UNIFORM: agreement, CLASS_DISJOINT: agreement, TOP_DECILE: top_ceiling(values, metric.sign)}
    return PredictionFacts(
        label=label,
        metric=task.metric,
        unit=metric.unit,
        direction=metric.direction,
        architectures=len(task.bench),
        held_out=task.held_out,
        labels=task.label,
        noise_known=task.noise_known,
        predicts_test=task.predicts_test,
        has_times=task.has_times,
        kinds=tuple(kinds_of(task)),
        ceilings={kind: value for kind, value in ceilings.items() if value == value},
    )
