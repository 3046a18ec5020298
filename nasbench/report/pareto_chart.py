"""Two objectives against each other: the table's front, what half of the runs attain, the median run's set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import altair as alt
import numpy as np

from nasbench.analysis.fronts import ATTAINED, EXACT, MEDIAN
from nasbench.analysis.truth import Floats
from nasbench.report.lines import line_legend
from nasbench.report.marks import Canvas, Layered, chart, colour, dash, finish, stress, table
from nasbench.report.numbers import metric_name
from nasbench.report.theme import INK, Styles

if TYPE_CHECKING:
    import pandas as pd

    from nasbench.report.data import Goal, TaskFacts

HEIGHT = 330
"""Pixels: fronts are steep where regret curves are flat."""
_BEFORE, _BEYOND = 0.06, 0.16
"""Room around the exact front, in its widths: beyond its best and its worst values."""


class ParetoView(NamedTuple):
    """Two objectives of a task, to be drawn against each other.

    Attributes:
        facts: of the task.
        across, up: the objectives of the x and the y axis.
    """

    facts: TaskFacts
    across: Goal
    up: Goal

    @property
    def label(self) -> str:
        """The task; the axes say which objectives."""
        return self.facts.label


def views_of(tasks: Sequence[TaskFacts]) -> Iterator[ParetoView]:
    """All pairs of objectives of the tasks that have several."""
    for facts in tasks:
        for up, across in combinations(facts.goals, 2):
            yield ParetoView(facts, across, up)


def pareto_fronts(frame: pd.DataFrame, view: ParetoView, styles: Styles, canvas: Canvas) -> Layered:
    """Points of the median runs, and with two objectives the steps of the exact front and of the 50 % attainment.

    Args:
        frame: `surfaces` of one task.
        view: what to draw.
        styles: of all strategies of the figure.
        canvas: where to draw; its height is set.
    """
    import pandas as pd

    frame = frame.rename(columns={view.across.name: "x", view.up.name: "y"})
    exact = frame[frame["kind"] == EXACT]
    windows = {
        axis: _window(frame[axis], exact[axis], goal.sign) for axis, goal in (("x", view.across), ("y", view.up))
    }
    lined = frame[(frame["kind"] != MEDIAN) & (len(view.facts.goals) == 2)]
    steps = [
        _steps(part[["x", "y"]].to_numpy(dtype=float), view, windows).assign(
            strategy=part["strategy"].iloc[0], kind=part["kind"].iloc[0]
        )
        for _, part in lined.groupby(["strategy", "kind"], sort=False)
    ]
    points = frame[frame["kind"] != ATTAINED].assign(place=0)
    drawn = pd.concat([*steps, points.assign(kind=points["kind"] + " point")], ignore_index=True)
    data = table(drawn, **{name: name for name in ("strategy", "kind", "seed", "x", "y", "place")})
    legend = None if canvas.interactive else line_legend()
    colours = colour(styles, list(styles), legend)
    place = {"x": _axis("x", view.across, windows["x"]), "y": _axis("y", view.up, windows["y"])}
    line = {**place, "color": colours, "strokeDash": dash(styles, list(styles), legend), "order": "place:Q"}
    tips = [
        alt.Tooltip("strategy:N"),
        alt.Tooltip("y:Q", title=_named(view.up), format=".6~g"),
        alt.Tooltip("x:Q", title=_named(view.across), format=".6~g"),
        alt.Tooltip("seed:Q", title="seed of the median run"),
    ]
    answers = {"tooltip": tips} if canvas.interactive else {}
    # The exact front is drawn last and thin, so that what reaches it shows on both sides of it.
    layers = [
        _of(data, ATTAINED).mark_line(interpolate="step-after", strokeWidth=2.5, clip=True).encode(
            **line, opacity=stress(canvas, 0.75)
        ),
        _of(data, f"{MEDIAN} point").mark_circle(size=62, stroke="#ffffff", strokeWidth=0.8, clip=True).encode(
            **place, color=colours, opacity=stress(canvas, 0.95), **answers
        ),
        _of(data, EXACT).mark_line(interpolate="step-after", strokeWidth=1.1, clip=True).encode(**line),
        _of(data, f"{EXACT} point").mark_circle(size=16, color=INK, opacity=1, clip=True).encode(
            **place, **({"tooltip": tips[:3]} if canvas.interactive else {})
        ),
    ]  # fmt: skip
    return finish(layers, canvas._replace(height=HEIGHT), view.label)


def _of(data: alt.InlineData, kind: str) -> alt.Chart:
    filtered: alt.Chart = chart(data).transform_filter(f"datum.kind == '{kind}'")
    return filtered


def _window(values: pd.Series[float], exact: pd.Series[float], sign: int) -> tuple[float, float]:
    """(best, worst) end of an axis: the exact front with some room; the runs' points where it has no width."""
    best, worst = sign * (sign * exact).max(), sign * (sign * exact).min()
    if best == worst:
        worst = sign * (sign * values).min()
    width = abs(worst - best) or abs(best) or 1.0
    return float(best + sign * _BEFORE * width), float(worst - sign * _BEYOND * width)


def _steps(points: Floats, view: ParetoView, windows: dict[str, tuple[float, float]]) -> pd.DataFrame:
    """The edge of what points `(k, 2)` dominate, to the ends of the axes, in order of drawing."""
    import pandas as pd

    order = np.argsort(-view.across.sign * points[:, 0], kind="stable")
    x, y = points[order].T
    if len(x):
        worst_x, worst_y = windows["x"][1], windows["y"][1]
        x, y = np.concatenate([x[:1], x, [worst_x]]), np.concatenate([[worst_y], y, y[-1:]])
    return pd.DataFrame({"x": x, "y": y, "place": np.arange(len(x)), "seed": -1})


def _axis(field: str, goal: Goal, window: tuple[float, float]) -> alt.X | alt.Y:
    better = "larger" if goal.sign > 0 else "smaller"
    large = max(map(abs, window)) >= 1e4
    axis = alt.Axis(
        title=f"{_named(goal)}, {better} is better",
        labelExpr=f"format(datum.value, '{'~s' if large else '~g'}')",
        tickCount=6,
        grid=field == "y",
    )
    scale = alt.Scale(domain=sorted(window), nice=False, zero=False)
    return (alt.X if field == "x" else alt.Y)(f"{field}:Q", axis=axis, scale=scale)


def _named(goal: Goal) -> str:
    """An objective in words, with its unit."""
    unit = f" ({goal.unit})" if goal.unit and goal.unit != "count" else ""
    return f"{metric_name(goal.name, goal.unit)}{unit}"
