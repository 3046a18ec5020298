"""Quality against cost: Pareto charts over one cost, and the best predictor under each pair of budgets."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import altair as alt
import numpy as np

from nasbench.analysis.predictor_quality import Floats
from nasbench.analysis.predictor_tests import best_within, pareto_front
from nasbench.report.axes import ticks
from nasbench.report.lines import line_legend
from nasbench.report.marks import Canvas, Layered, chart, colour, dash, finish, stress, table
from nasbench.report.numbers import duration, time_unit
from nasbench.report.predictor_lines import competitors
from nasbench.report.theme import GREY, Styles

if TYPE_CHECKING:
    import pandas as pd

    from nasbench.report.predictor_data import PredictionFacts

INIT_CELLS, QUERY_CELLS = 32, 12
"""Budgets of the map along its two axes."""

_ONE_UNIT = 1e4
"""Costs that differ by more than this are not told in one unit of time."""
_ROUND_TIMES = {
    1e-6: "1 µs", 1e-5: "10 µs", 1e-4: "100 µs", 1e-3: "1 ms", 0.01: "10 ms", 0.1: "100 ms", 1.0: "1 s", 10.0: "10 s",
    60.0: "1 min", 600.0: "10 min", 3600.0: "1 h", 36_000.0: "10 h", 86_400.0: "1 d", 864_000.0: "10 d",
    8_640_000.0: "100 d",
}  # fmt: skip
"""Ticks of an axis in seconds, and their names."""


class Cost(NamedTuple):
    """A cost as an axis shows it.

    Attributes:
        values: `(points,)` in the axis' unit.
        title: of the axis.
        unit: seconds in one unit; 0 where the cost counts architectures.
        named: whether ticks carry their own units.
    """

    values: Floats
    title: str
    unit: float
    named: bool = False

    def text(self, value: float) -> str:
        """A cost in words."""
        return duration(value * self.unit) if self.unit else f"{value:,.0f} architectures"

    def axis(self, low: float, high: float, zero: bool = False) -> alt.Axis:
        """A logarithmic axis from low to high, with a tick at 0 if wanted."""
        plain = {"title": self.title, "grid": False}
        if not self.named:
            values = [0.0, *ticks(low, high)] if zero else ticks(low, high)
            return alt.Axis(values=values, labelExpr="format(datum.value, ',~g')", **plain)  # type: ignore[arg-type]
        values = [seconds for seconds in _ROUND_TIMES if low <= seconds <= high]
        names = json.dumps({f"{seconds:g}": _ROUND_TIMES[seconds] for seconds in values}, ensure_ascii=False)
        return alt.Axis(values=values, labelExpr=f"({names})[format(datum.value, '~g')]", **plain)  # type: ignore[arg-type]


def init_cost(frame: pd.DataFrame, facts: PredictionFacts) -> Cost:
    """Training of the training set and the fit; its size where no training time is known."""
    if not facts.has_times:
        return Cost(frame["size"].to_numpy(dtype=float), "initialisation (architectures with labels)", 0.0)
    return _time("initialisation", frame["init_seconds"].to_numpy(dtype=float))


def query_cost(frame: pd.DataFrame) -> Cost:
    """Time to predict one architecture."""
    return _time("query", frame["query_seconds"].to_numpy(dtype=float), " an architecture")


def _time(what: str, seconds: Floats, each: str = "") -> Cost:
    """In the unit that suits the longest; in seconds with named ticks where costs differ too much for one."""
    positive = seconds[seconds > 0]
    if len(positive) and positive.max() / positive.min() > _ONE_UNIT:
        return Cost(seconds, what + (f" (time{each})" if each else " time"), 1.0, named=True)
    unit, name = time_unit(float(np.nanmax(seconds)))
    return Cost(seconds / unit, f"{what} ({name}{each})", unit)


def pareto(frame: pd.DataFrame, facts: PredictionFacts, along: str, styles: Styles, canvas: Canvas) -> Layered:
    """One point a (predictor, size), joined along the size; the grey steps are the Pareto front.

    Args:
        frame: summary rows of one task on uniform rows.
        facts: of that task.
        along: `init` or `query`.
        styles: of all predictors of the report.
        canvas: where to draw.
    """
    frame = frame[frame["kendall"].notna()].reset_index(drop=True)
    cost = init_cost(frame, facts) if along == "init" else query_cost(frame)
    frame = frame.assign(cost=cost.values, said=[cost.text(value) for value in cost.values])
    present = competitors(styles)
    x = _logarithmic("cost", cost)
    low, high = float(frame["kendall"].min()), float(frame["kendall"].max())
    scale = alt.Scale(domain=[low - 0.05 * (high - low or 1), high + 0.08 * (high - low or 1)], nice=False, zero=False)
    y = alt.Y("kendall:Q", scale=scale, axis=alt.Axis(title="Kendall tau", tickCount=6))
    legend = None if canvas.interactive else line_legend()
    data = table(frame, strategy="strategy", size="size", cost="cost", kendall="kendall", said="said")
    colours = colour(styles, present, legend)
    front = pareto_front(frame["cost"].to_numpy(), frame["kendall"].to_numpy())
    steps = [{"cost": float(frame["cost"][i]), "kendall": float(frame["kendall"][i])} for i in front]
    tips = [
        alt.Tooltip("strategy:N", title="predictor"),
        alt.Tooltip("size:Q", title="training architectures", format=","),
        alt.Tooltip("kendall:Q", title="mean Kendall tau", format=".3f"),
        alt.Tooltip("said:N", title=cost.title.partition(" (")[0]),
    ]
    layers = [
        chart(steps).mark_line(interpolate="step-after", color=GREY, strokeWidth=5, opacity=0.3).encode(x=x, y=y),
        chart(data).mark_line(strokeWidth=1.3).encode(
            x=x, y=y, order="size:Q", color=colours, strokeDash=dash(styles, present, legend),
            opacity=stress(canvas, 0.7 if along == "init" else 0.35),
        ),
        chart(data).mark_point(filled=True, size=48).encode(
            x=x, y=y, color=colours, opacity=stress(canvas, 1.0), **({"tooltip": tips} if canvas.interactive else {})
        ),
    ]  # fmt: skip
    return finish(layers, canvas, facts.label)


def budget_map(frame: pd.DataFrame, facts: PredictionFacts, styles: Styles, canvas: Canvas) -> Layered:
    """The predictor with the best mean tau among those that fit both budgets; white where none does.

    Args:
        frame: summary rows of one task on uniform rows.
        facts: of that task.
        styles: of all predictors of the report.
        canvas: where to draw.
    """
    import pandas as pd

    frame = frame[frame["kendall"].notna()].reset_index(drop=True)
    init, query = init_cost(frame, facts), query_cost(frame)
    edges = _edges(init.values, INIT_CELLS), _edges(query.values, QUERY_CELLS)
    # A cell stands for the budgets of its upper ends, so that a point's own cell affords it.
    best = best_within(init.values, query.values, frame["kendall"].to_numpy(), (edges[0][1:], edges[1][1:]))
    cells = [
        {
            "strategy": frame["strategy"][point],
            "size": int(frame["size"][point]),
            "kendall": float(frame["kendall"][point]),
            "x": float(edges[0][first]), "x2": float(edges[0][last + 1]),
            "y": float(edges[1][j]), "y2": float(edges[1][j + 1]),
            "init": " to ".join(dict.fromkeys(init.text(float(edges[0][end + 1])) for end in (first, last))),
            "query": query.text(float(edges[1][j + 1])),
        }
        for j, row in enumerate(best)
        for point, first, last in _stretches(row)
        if point >= 0
    ]  # fmt: skip
    values = pd.DataFrame(cells)
    present = competitors(styles)
    data = table(values, **{str(name): str(name) for name in values})
    legend = None if canvas.interactive else alt.Legend(orient="top", columns=5, labelLimit=230, symbolType="square")
    tips = [
        alt.Tooltip("init:N", title="initialisation within"),
        alt.Tooltip("query:N", title="query within"),
        alt.Tooltip("strategy:N", title="best"),
        alt.Tooltip("size:Q", title="training architectures", format=","),
        alt.Tooltip("kendall:Q", title="mean Kendall tau", format=".3f"),
    ]
    rect = chart(data).mark_rect(stroke="#ffffff", strokeWidth=0.6).encode(
        x=_logarithmic("x", init, (edges[0][0], edges[0][-1])), x2="x2:Q",
        y=_logarithmic("y", query, (edges[1][0], edges[1][-1]), vertical=True), y2="y2:Q",
        color=colour(styles, present, legend), opacity=stress(canvas, 0.9),
        **({"tooltip": tips} if canvas.interactive else {}),
    )  # fmt: skip
    return finish([rect], canvas, facts.label)


def _stretches(row: list[int]) -> list[tuple[int, int, int]]:
    """Equal neighbours as one: (value, first place, last place)."""
    starts = [place for place in range(len(row)) if place == 0 or row[place] != row[place - 1]]
    return [(row[a], a, b - 1) for a, b in pairwise([*starts, len(row)])]


def _edges(values: Floats, cells: int) -> Floats:
    """Ends of the cells, evenly spaced on a logarithmic axis; costs of 0 fit in the first cell."""
    positive = values[values > 0]
    low, high = (float(positive.min()), float(positive.max())) if len(positive) else (0.5, 1.0)
    if high / low < 4:
        low, high = low / 2, high * 2
    edges: Floats = np.geomspace(low / 1.05, high * 1.3, cells + 1)
    return edges


def _logarithmic(
    field: str, cost: Cost, ends: tuple[float, float] | None = None, vertical: bool = False
) -> alt.X | alt.Y:
    """A logarithmic axis of a cost; where one is 0 (nothing to train), symmetric-logarithmic."""
    positive = cost.values[cost.values > 0]
    channel = alt.Y if vertical else alt.X
    if not len(positive):
        return channel(f"{field}:Q", title=cost.title)
    low, high = ends or (float(positive.min()) / 1.4, float(positive.max()) * 1.4)
    if ends is None and (cost.values == 0).any():
        scale = alt.Scale(type="symlog", constant=1.4 * low, domain=[0, high], nice=False)
        return channel(f"{field}:Q", scale=scale, axis=cost.axis(1.4 * low, high, zero=True))
    scale = alt.Scale(type="log", domain=[low, high], nice=False)
    return channel(f"{field}:Q", scale=scale, axis=cost.axis(low, high))
