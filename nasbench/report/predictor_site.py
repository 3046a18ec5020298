"""Writes a report of predictors: one offline page, its charts, the summary, the trials, the provenance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench.report.context import FEW_TASKS, group_verdict, reproduce, views_of
from nasbench.report.numbers import count, metric_name, number, ranges
from nasbench.report.site import Report, csv_of, json_of, render_page, write_files

if TYPE_CHECKING:
    from nasbench.analysis.predictor_scores import Scores
    from nasbench.report.gallery import Figure
    from nasbench.report.predictor_data import PredictorReportData

TITLE = "Comparison of performance predictors"


def write_report(
    scores: Scores,
    out: Path,
    provenance: Mapping[str, Any],
    title: str = TITLE,
    progress: Callable[[str], None] | None = None,
) -> Report:
    """Write the report of predictor runs directly into a folder.

    Same runs and provenance, same bytes. Nothing is fetched, by this function or the page.

    Args:
        scores: of exactly the runs to report; at least one.
        out: the folder; made where it does not exist.
        provenance: what it takes to do the same again, as JSON values; written as it is.
        title: of the page.
        progress: told what is being made.

    Raises:
        ValueError: there are no runs.
        OSError: the folder cannot be written.
    """
    from nasbench.report.predictor_data import collect
    from nasbench.report.predictor_gallery import NAMES, figures

    data = collect(scores, progress)
    drawn = list(figures(data))
    files = {
        "summary.csv": csv_of(data.summary.rename(columns={"strategy": "predictor"})),
        "trials.csv": csv_of(data.trial_frame),
        "provenance.json": json_of(provenance),
    }
    return write_files(Path(out), drawn, NAMES, files, lambda: page(data, drawn, provenance, title), progress)


def page(data: PredictorReportData, drawn: Sequence[Figure], provenance: Mapping[str, Any], title: str) -> str:
    """The page as HTML."""
    return render_page("predictors.html.j2", title, _about(data), drawn, _variables(data, drawn, provenance))


def _variables(data: PredictorReportData, drawn: Sequence[Figure], provenance: Mapping[str, Any]) -> dict[str, Any]:
    from nasbench.analysis.pairwise import OVER_TASKS
    from nasbench.report.details import tests_table
    from nasbench.report.predictor_glossary import GLOSSARY
    from nasbench.report.predictor_tables import costs_table, errors_table, labels_of, quality_table, sizes_table
    from nasbench.report.theme import styles_of

    units = {OVER_TASKS: "root mean squares of the task", **{facts.label: "units of tau" for facts in data.tasks}}
    tables = [tests_table(data.tests, label, unit, "trial") for label, unit in units.items()]
    return {
        "styles": styles_of(data.predictors),
        "predictors": data.predictors,
        "verdicts": _verdicts(data),
        "few_tasks": len(data.tasks) <= FEW_TASKS,
        "tasks": [(facts, labels_of(facts)) for facts in data.tasks],
        "number": number,
        "metric_name": metric_name,
        "size": data.size,
        "figures": views_of(drawn),
        "sizes": [sizes_table(data, facts) for facts in data.tasks],
        "qualities": [quality_table(data, facts) for facts in data.tasks],
        "errors": [errors_table(data, facts) for facts in data.tasks],
        "costs": [costs_table(data, facts) for facts in data.tasks],
        "tests": [table for table in tables if table is not None],
        "failures": [(*failure[:4], failure[4].strip().splitlines()[-1], failure[4]) for failure in data.failures],
        "failed_runs": count(len(data.failures), "run"),
        "reproduce": reproduce({**provenance, "strategies": provenance.get("predictors", [])}),
        "glossary": GLOSSARY,
    }


def _verdicts(data: PredictorReportData) -> list[tuple[str, list[str]]]:
    """What is said of all tasks and of each, in the verdict's order."""
    place = {sentence: number for number, sentence in enumerate(data.verdict)}
    groups = group_verdict(data.verdict, [facts.label for facts in data.tasks])
    return [(one.task, sorted([*one.leading, *one.others], key=place.__getitem__)) for one in groups]


def _about(data: PredictorReportData) -> str:
    sizes = [f"{size:,}" for size in data.sizes]
    trained = [f"trained on {', '.join(sizes)} architectures"] if sizes else []
    return " · ".join(
        [
            count(len(data.predictors), "predictor"),
            count(len(data.tasks), "task"),
            *trained,
            f"{count(len(data.trials), 'trial')} ({ranges(data.trials)})",
        ]
    )
