"""Which charts a report has: each once for paper, and once a task for the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import altair as alt

from nasbench.analysis.front_random_search import PERMUTATIONS
from nasbench.report.critical_difference import critical_difference
from nasbench.report.distributions import final_regret
from nasbench.report.embed import in_columns
from nasbench.report.intervals import speedups
from nasbench.report.lines import anytime, runtime_distribution
from nasbench.report.marks import MANY, Canvas, Layered
from nasbench.report.pairwise import improvement_matrix
from nasbench.report.pareto_chart import pareto_fronts, views_of
from nasbench.report.theme import CONFIG, Styles, styles_of

if TYPE_CHECKING:
    import pandas as pd

    from nasbench.report.data import ReportData, TaskFacts

WIDE, NARROW = 700, 320
"""Widths of the two critical-difference diagrams of the page, pixels."""
_HEIGHT = 270
_PAPER_WIDTHS = {1: 640, 2: 420}
_PAPER_WIDTH = 340

Spec = dict[str, Any]


class Labelled(Protocol):
    """Facts of a task, as far as its figures' titles need them."""

    @property
    def label(self) -> str:
        """Of the task, unique in the report."""
        ...


Facts = TypeVar("Facts", bound=Labelled)


@dataclass(frozen=True)
class Panel:
    """One interactive chart of the page.

    Attributes:
        title: the task, or what is pooled.
        spec: Vega-Lite, without configuration.
        fit: `fluid` fills its column; `wide` and `narrow` have fixed widths, for wide and narrow
            screens.
    """

    title: str
    spec: Spec
    fit: str = "fluid"


@dataclass(frozen=True)
class Figure:
    """One chart of the report.

    Attributes:
        name: of its files.
        title, caption: what it shows and how to read it.
        paper: Vega-Lite spec of the SVG and PNG.
        panels: interactive charts.
        more: further ones, shown on demand.
    """

    name: str
    title: str
    caption: str
    paper: Spec
    panels: list[Panel]
    more: list[Panel] = field(default_factory=list)


NAMES = (
    "pareto",
    "anytime",
    "anytime-seconds",
    "final-regret",
    "speedup",
    "critical-difference",
    "improvement",
    "runtime-distribution",
)
"""Names of all figures that a report may have."""

_FLOOR = " Shaded: within the noise floor, practically equal."


def figures(data: ReportData) -> Iterator[Figure]:
    """The figures of a report, in its order; those without data are left out."""
    styles = styles_of(data.strategies)
    yield from _pareto_figure(data, styles)
    yield from _line_figures(data, styles)
    ended = [facts for facts in data.tasks if _of(data.finals, facts)["regret"].notna().any()]
    if ended:
        seen = drawn_styles(styles, data.finals, ended)
        yield per_task(
            "final-regret",
            "Final regret, seed by seed",
            "One dot a run; the box spans the quartiles, the bar is the median. Dashed: expectation of random "
            "search at equal evaluations. Shaded: within the noise floor.",
            ended,
            lambda facts, canvas: final_regret(
                _of(data.finals, facts), facts, seen, canvas, reference_regret(data, facts)
            ),
        )
    fast = [facts for facts in data.tasks if (_of(data.summary, facts)["speedup"] > 0).any()]
    if fast:
        figure = per_task(
            "speedup",
            "Speed-up over random search",
            "How many times as many random draws it takes, on average, to find an architecture (or with several "
            "objectives a set of them) as good as what the strategy ends with. Random search is 1 by construction "
            "(dashed).",
            fast,
            lambda facts, canvas: speedups(_of(data.summary, facts), facts.label, styles, canvas),
        )
        if len(data.tasks) > 1 and (data.overall["speedup"] > 0).any():
            overall = speedups(data.overall, "geometric mean over all tasks", styles, Canvas("container", 0, True))
            figure.panels.insert(0, Panel("Geometric mean over all tasks", page_spec(overall)))
        yield figure
    yield from pair_figures(
        data.rankings,
        data.tests,
        styles,
        "Average rank of the final regret within a seed, 1 is best.",
        "How often the row ends better than the column with the same seed",
    )
    timed = [facts for facts in data.tasks if len(_of(data.ecdf, facts))]
    if timed:
        here = drawn_styles(styles, data.ecdf, timed)
        yield per_task(
            "runtime-distribution",
            "How soon targets are reached",
            "Share of (run, target) pairs whose target the run's true value has reached; the targets are those "
            "of the table below.",
            timed,
            lambda facts, canvas: runtime_distribution(_of(data.ecdf, facts), facts, here, canvas),
        )


def drawn_styles(styles: Styles, frame: pd.DataFrame, tasks: Sequence[TaskFacts]) -> Styles:
    """The styles of the strategies that a figure of these tasks draws, in the order of the legend.

    Charts side by side on paper share one scale of colours and one legend, which they must all state alike
    also where their strategies differ.
    """
    here = set(frame[frame["task"].isin([facts.label for facts in tasks])]["strategy"])
    return {label: style for label, style in styles.items() if label in here}


def _pareto_figure(data: ReportData, styles: Styles) -> Iterator[Figure]:
    views = list(views_of([facts for facts in data.tasks if facts.several]))
    if not views:
        return
    here = drawn_styles(styles, data.fronts, [view.facts for view in views])
    lines = "Lines: what half of a strategy's runs reach or exceed (50 % attainment surface). "
    yield per_task(
        "pareto",
        "Pareto fronts",
        "All values are true means. Black: the exact front of the table. "
        + (lines if any(len(view.facts.goals) == 2 for view in views) else "")
        + "Points: what the strategy's median run by hypervolume regret ends with; chosen by observed values, so that "
        "under noise some are dominated. What lies far from the exact front is outside of the chart.",
        views,
        lambda view, canvas: pareto_fronts(_of(data.fronts, view.facts), view, here, canvas),
    )


def _line_figures(data: ReportData, styles: Styles) -> Iterator[Figure]:
    bands = "Mean over seeds with its 95 % bootstrap band"
    if len(data.strategies) >= MANY:
        bands += " (of the strategies that are pressed above)"
    for name, title, caption, frame in (
        (
            "anytime",
            "Regret along the search",
            f"{bands}; true regret may rise again under noise. Dashed grey: random search, {_laws(data.tasks)}.",
            data.curves,
        ),
        (
            "anytime-seconds",
            "Regret along simulated time",
            f"{bands}. Time is the simulated wall-clock of the table's training costs.",
            data.times,
        ),
    ):
        drawn = [facts for facts in data.tasks if len(_of(frame, facts))]
        if drawn:
            here = drawn_styles(styles, frame, drawn)
            yield per_task(
                name,
                title,
                f"{caption}{_FLOOR if any(facts.noise_floor is not None for facts in drawn) else ''}",
                drawn,
                lambda facts, canvas, frame=frame, here=here: anytime(_of(frame, facts), facts, here, canvas),  # type: ignore[misc]
            )


def _laws(tasks: Sequence[TaskFacts]) -> str:
    """How the law of random search was found."""
    several = {facts.several for facts in tasks}
    simulated = f"simulated with {PERMUTATIONS:,} permutations"
    return (
        f"exactly, or with several objectives {simulated}"
        if len(several) > 1
        else simulated
        if any(several)
        else "exactly"
    )


def pair_figures(
    rankings: Mapping[str, pd.DataFrame], tests: pd.DataFrame, styles: Styles, ranks: str, improves: str
) -> Iterator[Figure]:
    """The critical-difference diagram and the matrix of pairwise improvements.

    Args:
        rankings: task label (or `all tasks`, first) -> columns of `ranking`.
        tests: columns of `comparisons`.
        styles: of all competitors.
        ranks: what is ranked, in words.
        improves: what a cell of the matrix counts, in words.
    """
    ranked = {label: frame for label, frame in rankings.items() if len(frame) > 1}
    if not ranked:
        return
    (first, main), *others = ranked.items()
    pooled = "all tasks" if others else first
    yield Figure(
        "critical-difference",
        "Critical-difference diagram",
        f"{ranks} Bars join those that the printed tests do not tell apart.",
        paper_spec(critical_difference(main, pooled, styles, WIDE)),
        [
            Panel(pooled, page_spec(critical_difference(main, "", styles, WIDE)), "wide"),
            Panel(pooled, page_spec(critical_difference(main, "", styles, NARROW, two_sided=False)), "narrow"),
        ],
        [
            Panel(label, page_spec(critical_difference(frame, "", styles, NARROW, two_sided=False)), "narrow-always")
            for label, frame in others
        ],
    )
    tested = {label: tests[tests["task"] == label] for label in ranked}
    tested = {label: frame for label, frame in tested.items() if len(frame)}
    if not tested:
        return
    panels = {label: (frame, _best_first(frame, ranked[label])) for label, frame in tested.items()}
    (first, (frame, order)), *others_tested = panels.items()
    page = Canvas("container", 0, True)
    yield Figure(
        "improvement",
        "Probability of improvement",
        f"{improves}, ties counting one half; * marks a significant difference (Holm).",
        paper_spec(improvement_matrix(frame, order, first, Canvas(_cells(len(order)), 0, False))),
        [Panel(first, page_spec(improvement_matrix(frame, order, first, page)))],
        [
            Panel(label, page_spec(improvement_matrix(frame, order, label, page)))
            for label, (frame, order) in others_tested
        ],
    )


def _best_first(tests: pd.DataFrame, ranking: pd.DataFrame) -> list[str]:
    """Strategies by rank; those that were tested but could not be ranked go last."""
    ranked = ranking.sort_values("average_rank", kind="stable")["strategy"].tolist()
    return list(dict.fromkeys([*ranked, *tests["better"], *tests["worse"]]))


def _cells(strategies: int) -> int:
    """Width of a matrix on paper."""
    return max(46 * strategies, min(70 * strategies, 420))


def reference_regret(data: ReportData, facts: TaskFacts) -> float | None:
    """Expected regret of random search, where it is one number for the task."""
    values = _of(data.summary, facts)["random_search_regret"].dropna().round(12).unique()
    return float(values[0]) if len(values) == 1 else None


def _of(frame: pd.DataFrame, facts: TaskFacts) -> pd.DataFrame:
    return frame[frame["task"] == facts.label]


def per_task(
    name: str, title: str, caption: str, tasks: Sequence[Facts], draw: Callable[[Facts, Canvas], Layered]
) -> Figure:
    """A figure of one chart a task: all in one for paper, one panel each on the page.

    Args:
        name: of the figure's files.
        title: what it shows.
        caption: how to read it.
        tasks: facts of the tasks that are drawn.
        draw: the chart of a task on a canvas.
    """
    columns = {1: 1, 2: 2, 4: 2}.get(len(tasks), 3)
    paper = Canvas(_PAPER_WIDTHS.get(columns, _PAPER_WIDTH), _HEIGHT, False)
    charts = [draw(facts, paper) for facts in tasks]
    grid = alt.concat(*charts, columns=columns, spacing=26) if len(charts) > 1 else charts[0]
    page = Canvas("container", _HEIGHT, True)
    return Figure(
        name,
        title,
        caption,
        paper_spec(grid),
        [Panel(facts.label, page_spec(draw(facts, page))) for facts in tasks],
    )


def paper_spec(chart: Layered | alt.ConcatChart) -> Spec:
    """Vega-Lite with its configuration, for SVG and PNG."""
    return {**chart.to_dict(validate=False), "config": CONFIG, "padding": 14}


def page_spec(chart: Layered) -> Spec:
    """Vega-Lite without what the page states once: schema and configuration; its data in columns."""
    spec = in_columns(chart.to_dict(validate=False))
    return {key: value for key, value in spec.items() if key not in ("$schema", "config")}
