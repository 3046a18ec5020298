"""Speed-up over random search, with its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt

from nasbench.report.axes import ticks
from nasbench.report.marks import Canvas, Layered, chart, colour, finish, names_axis, stress, table
from nasbench.report.theme import GREY, Styles

if TYPE_CHECKING:
    import pandas as pd

ROW = 26
"""Height of one strategy, pixels."""


def speedups(frame: pd.DataFrame, title: str, styles: Styles, canvas: Canvas) -> Layered:
    """One point and 95 % interval a strategy, fastest first; random search is 1 by construction.

    Args:
        frame: rows of one task of `summary`, or `overall`.
        title: the task, or what is pooled.
        styles: of all strategies of the figure: its charts share one scale of colours.
        canvas: where to draw; its height is set by the number of strategies.
    """
    frame = frame[frame["speedup"] > 0].sort_values("speedup", ascending=False, kind="stable")
    order = frame["strategy"].tolist()
    seen = frame[["speedup", "speedup_low", "speedup_high"]].to_numpy(dtype=float).ravel()
    seen = seen[seen > 0]
    low, high = min(1.0, float(seen.min())) / 1.3, max(1.0, float(seen.max())) * 1.3
    scale = alt.Scale(type="log", domain=[low, high], nice=False, clamp=True)
    axis = alt.Axis(values=ticks(low, high), format="~g", title="speed-up over random search (×)")
    y = alt.Y("strategy:N", sort=order, axis=names_axis(canvas))
    base = chart(table(frame, strategy="strategy", speedup="speedup", low="speedup_low", high="speedup_high"))
    tips = [
        alt.Tooltip("strategy:N"),
        alt.Tooltip("speedup:Q", title="speed-up", format=".3~g"),
        alt.Tooltip("low:Q", title="95 % interval from", format=".3~g"),
        alt.Tooltip("high:Q", title="to", format=".3~g"),
    ]
    colours = colour(styles, list(styles))
    one = chart([{"one": 1}]).mark_rule(color=GREY, strokeDash=[5, 4], strokeWidth=1.5)
    bar = base.mark_rule(strokeWidth=3).encode(
        x=alt.X("low:Q", scale=scale), x2="high:Q", y=y, color=colours, opacity=stress(canvas, 0.55)
    )
    point = base.mark_point(filled=True, size=75).encode(
        x=alt.X("speedup:Q", scale=scale, axis=axis),
        y=y,
        color=colours,
        opacity=stress(canvas, 1.0),
        **({"tooltip": tips} if canvas.interactive else {}),
    )
    layers = [one.encode(x=alt.X("one:Q", scale=scale)), bar, point]
    return finish(layers, canvas._replace(height=ROW * len(order)), title)
