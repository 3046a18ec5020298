"""Which charts a report of predictors has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from nasbench.prediction_split import CLASS_DISJOINT, TOP_DECILE, UNIFORM
from nasbench.report.gallery import Figure, pair_figures, per_task
from nasbench.report.predictor_budgets import budget_map, pareto
from nasbench.report.predictor_lines import calibration, correlation
from nasbench.report.theme import Styles, styles_of

if TYPE_CHECKING:
    import pandas as pd

    from nasbench.report.predictor_data import PredictionFacts, PredictorReportData

_KIND_FIGURES = {
    UNIFORM: (
        "correlation",
        "Rank correlation along the training size",
        "Kendall's tau-b on uniform held-out rows, mean over trials with its 95 % bootstrap band.",
    ),
    CLASS_DISJOINT: (
        "correlation-class-disjoint",
        "The same where no functional twin was trained on",
        "Held-out rows that compute the same function as no training row: what is left without looking twins up.",
    ),
    TOP_DECILE: (
        "correlation-top-decile",
        "The same within the best tenth",
        "Held-out rows from the best tenth of the table, chosen by training runs other than those they are judged on "
        "(where the table has several).",
    ),
}

_CEILING = {
    False: " Dashed: the agreement of one training run with the mean of the others.",
    True: " Dashed: the agreement of two training runs within the best tenth by a third.",
}

NAMES = (
    *(name for name, _, _ in _KIND_FIGURES.values()),
    "pareto-initialisation",
    "pareto-query",
    "budgets",
    "calibration",
    "critical-difference",
    "improvement",
)
"""Names of all figures that a report may have."""


def figures(data: PredictorReportData) -> Iterator[Figure]:
    """The figures of a report, in its order; those without data are left out."""
    styles = styles_of(data.predictors)
    for kind, (name, title, caption) in _KIND_FIGURES.items():
        drawn = [facts for facts in data.tasks if _of(data.summary, facts, kind)["kendall"].notna().any()]
        if drawn:
            ceiling = _CEILING[kind == TOP_DECILE] if any(kind in facts.ceilings for facts in drawn) else ""
            yield per_task(
                name,
                title,
                caption + ceiling,
                drawn,
                lambda facts, canvas, kind=kind: correlation(  # type: ignore[misc]
                    _of(data.summary, facts, kind), facts, kind, styles, canvas
                ),
            )
    drawn = [facts for facts in data.tasks if _of(data.summary, facts, UNIFORM)["kendall"].notna().any()]
    if drawn:
        yield from _budget_figures(data, drawn, styles)
    calibrated = [facts for facts in data.tasks if len(_calibration(data, facts))]
    if calibrated:
        yield per_task(
            "calibration",
            "Calibration of the uncertainties",
            f"Share of held-out labels inside of central predictive intervals, trained on {data.size:,} architectures; "
            "below the dashed diagonal a predictor is too sure of itself. Labels carry the noise of those trained on.",
            calibrated,
            lambda facts, canvas: calibration(_calibration(data, facts), facts, styles, canvas),
        )
    yield from pair_figures(
        data.rankings,
        data.tests,
        styles,
        f"Average rank of Kendall's tau within a trial, trained on {data.size:,} architectures; 1 is best.",
        "How often the row ranks held-out rows better than the column in the same trial",
    )


def _budget_figures(data: PredictorReportData, drawn: list[PredictionFacts], styles: Styles) -> Iterator[Figure]:
    for along, title, what in (
        ("init", "Quality against initialisation time", "simulated training of the training set and measured fit"),
        ("query", "Quality against query time", "measured, and what an encoder charges for its features"),
    ):
        name = {"init": "pareto-initialisation", "query": "pareto-query"}[along]
        yield per_task(
            name,
            title,
            f"One point a predictor and training size; {what}. Grey steps: the Pareto front.",
            drawn,
            lambda facts, canvas, along=along: pareto(  # type: ignore[misc]
                _of(data.summary, facts, UNIFORM), facts, along, styles, canvas
            ),
        )
    yield per_task(
        "budgets",
        "Best predictor under each pair of budgets",
        "The predictor (at any training size) with the highest mean tau that fits both budgets; white where none does.",
        drawn,
        lambda facts, canvas: budget_map(_of(data.summary, facts, UNIFORM), facts, styles, canvas),
    )


def _of(frame: pd.DataFrame, facts: PredictionFacts, kind: str) -> pd.DataFrame:
    return frame[(frame["task"] == facts.label) & (frame["kind"] == kind)]


def _calibration(data: PredictorReportData, facts: PredictionFacts) -> pd.DataFrame:
    frame = data.calibration
    return frame[(frame["task"] == facts.label) & frame["size"].isin([0, data.size])]
