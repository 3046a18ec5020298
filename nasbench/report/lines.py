"""Anytime regret along evaluations or simulated time, and the distribution of running times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from nasbench.report.axes import regret_scale, ticks
from nasbench.report.marks import (
    MANY,
    Canvas,
    Layered,
    band,
    colour,
    dash,
    finish,
    floor_region,
    regret_title,
    stress,
    table,
)
from nasbench.report.numbers import metric_name, time_unit
from nasbench.report.theme import Styles

if TYPE_CHECKING:
    import pandas as pd

    from nasbench.report.data import TaskFacts

HOVER_POINTS = 40
"""Points of a line that answer the mouse."""
LONG = 200
"""Above this many evaluations the axis is logarithmic."""
_LEGEND_COLUMNS = 5


def anytime(frame: pd.DataFrame, facts: TaskFacts, styles: Styles, canvas: Canvas) -> Layered:
    """Mean regret with its 95 % band, the law of random search, the floor.

    Args:
        frame: `curves` of one task, along evaluations, epochs or seconds.
        facts: of that task.
        styles: of all strategies of the figure: its charts share one scale of colours and one legend.
        canvas: where to draw.
    """
    along, label, unit = frame["axis"].iloc[0], "evaluations", 1.0
    if along == "seconds":
        unit, name = time_unit(float(frame["x"].max()))
        label = f"simulated {name}"
    elif along == "epochs":
        label = "training epochs"
    frame = frame.assign(x=frame["x"] / unit)
    scale = regret_scale(frame["mean"], facts.noise_floor)
    many, colours = frame["strategy"].nunique() > MANY, list(styles)
    x = _along(frame["x"], label, logarithmic=along == "seconds")
    y = alt.Y("mean:Q", scale=scale.scale, axis=scale.axis(regret_title(facts, "mean "), grid=True))
    columns = ("strategy", "x", "mean", "low", "high", *(("observed", "seeds", "hover") if canvas.interactive else ()))
    data = table(frame.assign(hover=_answering(frame)), **{name: name for name in columns})
    legend = None if canvas.interactive else line_legend()
    area = (
        alt.Chart()
        .mark_area(interpolate="step-after")
        .encode(
            x=x,
            y=alt.Y("low:Q", scale=scale.scale),
            y2="high:Q",
            color=colour(styles, colours, legend),
            opacity=band(canvas, frame["strategy"].nunique()),
        )
    )
    line = (
        alt.Chart()
        .mark_line(interpolate="step-after", strokeWidth=2)
        .encode(
            x=x,
            y=y,
            color=colour(styles, colours, legend),
            strokeDash=dash(styles, colours, legend),
            opacity=stress(canvas, 1.0),
        )
    )
    drawn = [area, line] if canvas.interactive or not many else [line]
    if canvas.interactive:
        tips = [
            alt.Tooltip("strategy:N"),
            alt.Tooltip("x:Q", title=label, format=",.4~g"),
            alt.Tooltip("mean:Q", title=f"mean {facts.measure}", format=".3~g"),
            alt.Tooltip("low:Q", title="95 % band from", format=".3~g"),
            alt.Tooltip("high:Q", title="to", format=".3~g"),
            alt.Tooltip("seeds:Q", title="runs"),
        ]
        if not facts.several:
            tips.insert(
                -1, alt.Tooltip("observed:Q", title=f"mean observed {metric_name(facts.metric)}", format=".5~g")
            )
        drawn.append(_hover(x, y, colour(styles, colours), tips))
    return finish([*floor_region(facts, scale, vertical=True), alt.layer(*drawn, data=data)], canvas, facts.label)


def runtime_distribution(frame: pd.DataFrame, facts: TaskFacts, styles: Styles, canvas: Canvas) -> Layered:
    """Share of (run, target) pairs whose target has been reached, along evaluations.

    Args:
        frame: `ecdf` of one task.
        facts: of that task.
        styles: of all strategies of the figure: its charts share one scale of colours and one legend.
        canvas: where to draw.
    """
    colours = list(styles)
    legend = None if canvas.interactive else line_legend()
    x = _along(frame["x"], "evaluations", logarithmic=True)
    y = alt.Y(
        "reached:Q",
        title="share of targets reached",
        scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(format=".0%", tickCount=5),
    )
    columns = ("strategy", "x", "reached", *(("hover",) if canvas.interactive else ()))
    data = table(frame.assign(hover=_answering(frame)), **{name: name for name in columns})
    line = (
        alt.Chart()
        .mark_line(interpolate="step-after", strokeWidth=2)
        .encode(
            x=x,
            y=y,
            color=colour(styles, colours, legend),
            strokeDash=dash(styles, colours, legend),
            opacity=stress(canvas, 1.0),
        )
    )
    drawn = [line]
    if canvas.interactive:
        tips = [
            alt.Tooltip("strategy:N"),
            alt.Tooltip("x:Q", title="evaluations", format=",.4~g"),
            alt.Tooltip("reached:Q", title="targets reached", format=".1%"),
        ]
        drawn.append(_hover(x, y, colour(styles, colours), tips))
    return finish([alt.layer(*drawn, data=data)], canvas, facts.label)


def _along(x: pd.Series[Any], title: str, logarithmic: bool) -> alt.X:
    """The x axis: logarithmic where asked for, or where it is long."""
    first, last = float(x.min()), float(x.max())
    if (logarithmic or last > LONG) and 0 < first < last:
        axis = alt.Axis(values=ticks(first, last), format=",~g", grid=False, labelFlush=True)
        return alt.X("x:Q", title=title, axis=axis, scale=alt.Scale(type="log", domain=[first, last], nice=False))
    scale = alt.Scale(domain=[min(first, 1.0), max(last, first + 1)], nice=False)
    return alt.X("x:Q", title=title, axis=alt.Axis(tickCount=6, grid=False), scale=scale)


def line_legend() -> alt.Legend:
    """The legend of lines on paper; the page has one of its own."""
    return alt.Legend(
        orient="top", columns=_LEGEND_COLUMNS, labelLimit=230, symbolType="stroke", symbolSize=300, symbolOpacity=1
    )


def _hover(x: alt.X, y: alt.Y, color: alt.Color, tips: list[alt.Tooltip]) -> alt.Chart:
    """Invisible points along each line, the nearest of which shows itself and its numbers."""
    nearest = alt.selection_point(
        name="nearest", nearest=True, on="pointerover", clear="pointerout", fields=["x", "strategy"], empty=False
    )
    shown = alt.condition(nearest, alt.value(1), alt.value(0))
    points = alt.Chart().transform_filter("datum.hover == 1").mark_point(filled=True, size=60)
    hover: alt.Chart = points.encode(x=x, y=y, color=color, opacity=shown, tooltip=tips).add_params(nearest)
    return hover


def _answering(frame: pd.DataFrame) -> pd.Series[Any]:
    """1 at up to `HOVER_POINTS` points spread along each line, else 0."""
    return frame.groupby("strategy", sort=False)["x"].transform(_spread).astype(int)


def _spread(x: pd.Series[Any]) -> NDArray[np.int64]:
    chosen = np.zeros(len(x), dtype=np.int64)
    chosen[np.unique(np.linspace(0, len(x) - 1, min(len(x), HOVER_POINTS)).round().astype(int))] = 1
    return chosen
