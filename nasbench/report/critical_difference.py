"""The critical-difference diagram: average ranks, and bars over what the tests cannot tell apart.

Source: Demsar, Statistical Comparisons of Classifiers over Multiple Data Sets, JMLR 2006. The bars
come from the pairwise tests that the report prints, not from a Nemenyi distance.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import altair as alt

from nasbench.report.data import records
from nasbench.report.marks import Layered, chart
from nasbench.report.theme import INK, SOFT_INK, Styles

if TYPE_CHECKING:
    import pandas as pd

_LINE = 22
"""Pixels from one label to the next."""
_BAR = 9
"""Pixels from one clique bar to the next."""
_AXIS = 26
"""Pixels above the axis: its numbers."""
_NUMBER = 18
"""Pixels that a number of the axis takes."""
_LETTER = 6.4
"""Pixels a letter takes at the labels' size, on average."""
_LONGEST = 30
"""Letters of the longest label that is drawn whole."""


def critical_difference(frame: pd.DataFrame, title: str, styles: Styles, width: int, two_sided: bool = True) -> Layered:
    """Ranks on an axis, names on leaders below it, bars that join cliques.

    Args:
        frame: `ranking` columns; at least two strategies.
        title: drawn above; "" draws none.
        styles: of all strategies of the report.
        width: of the whole diagram, pixels.
        two_sided: names at both sides, as in papers; else all at the right, for narrow columns.
    """
    ranked = records(frame.sort_values("average_rank", kind="stable"))
    count = len(ranked)
    for row in ranked:
        row["colour"] = styles[row["strategy"]].colour
    # Each name stands above its leader, so the axis leaves room for the longest beside it.
    room = _LETTER * min(max(len(str(r["strategy"])) for r in ranked), _LONGEST) + 34
    left, right = (room if two_sided else 14.0), width - room
    scale = _Position(1.0, float(count), left, right)
    cliques = _clique_bars(ranked, scale)
    top = _AXIS + 12 + _BAR * len(cliques)
    names = _names(ranked, scale, width, top, two_sided)
    height = max(name["leader"] for name in names) + 8
    pixels = {
        "x": alt.Scale(domain=[0, width], nice=False, zero=False),
        "y": alt.Scale(domain=[height, 0], nice=False, zero=False),
    }

    def x(field: str) -> alt.X:
        return alt.X(f"{field}:Q", scale=pixels["x"], axis=None)

    def y(field: str) -> alt.Y:
        return alt.Y(f"{field}:Q", scale=pixels["y"], axis=None)

    data, ruler, numbers = chart(names), chart(_ruler(scale, count)), chart(_numbers(scale, count))
    paint = alt.Color("colour:N", scale=None)
    layers = [
        ruler.mark_rule(color=INK, strokeWidth=1.2).encode(x=x("x"), x2="x2", y=y("y"), y2="y2"),
        numbers.mark_text(baseline="bottom", fontSize=11, color=SOFT_INK, dy=-3).encode(
            x=x("x"), y=y("y"), text="text:N"
        ),
        data.mark_rule(strokeWidth=1.4).encode(x=x("rank"), y=y("axis"), y2="leader", color=paint),
        data.mark_rule(strokeWidth=1.4).encode(x=x("rank"), x2="edge", y=y("leader"), color=paint),
        data.mark_circle(size=36, opacity=1).encode(x=x("rank"), y=y("axis"), color=paint),
    ]
    for align, side in (("left", -1), ("right", 1)):
        here = [name for name in names if name["side"] == side]
        if here:
            layers.append(
                chart(here)
                .mark_text(align=align, baseline="bottom", fontSize=12, dy=-2, color=INK, limit=room + 20)  # type: ignore[arg-type]
                .encode(x=x("edge"), y=y("leader"), text="text:N")
            )
    if cliques:
        layers.append(
            chart(cliques).mark_rule(strokeWidth=5, color=INK, strokeCap="round").encode(x=x("x"), x2="x2", y=y("y"))
        )
    layered = alt.layer(*layers).properties(width=width, height=height)
    return layered.properties(title=alt.TitleParams(text=[title], limit=width)) if title else layered


class _Position:
    """Ranks to pixels."""

    def __init__(self, first: float, last: float, left: float, right: float) -> None:
        self._first, self._left = first, left
        self._each = (right - left) / max(last - first, 1.0)

    def __call__(self, rank: float) -> float:
        return round(self._left + (rank - self._first) * self._each, 2)


def _names(
    ranked: list[dict[str, Any]], at: _Position, width: int, top: float, two_sided: bool
) -> list[dict[str, Any]]:
    """Name, side and leader of each strategy; leaders never cross a stem."""
    half = math.ceil(len(ranked) / 2) if two_sided else 0
    names = []
    for place, row in enumerate(ranked):
        on_left = place < half
        level = place if on_left else len(ranked) - 1 - place
        label = f"{row['average_rank']:.2f}"
        text = f"{row['strategy']}  {label}" if on_left else f"{label}  {row['strategy']}"
        names.append(
            {
                "strategy": row["strategy"],
                "text": text,
                "rank": at(row["average_rank"]),
                "axis": _AXIS,
                "leader": top + _LINE * (level + 1),
                "edge": 0 if on_left else width,
                "side": -1 if on_left else 1,
                "colour": row["colour"],
            }
        )
    return names


def _clique_bars(ranked: list[dict[str, Any]], at: _Position) -> list[dict[str, float]]:
    members: dict[int, list[float]] = {}
    for row in ranked:
        for clique in row["cliques"]:
            members.setdefault(int(clique), []).append(float(row["average_rank"]))
    return [
        {"x": at(min(ranks)) - 4, "x2": at(max(ranks)) + 4, "y": _AXIS + 12 + _BAR * level}
        for level, (_, ranks) in enumerate(sorted(members.items()))
    ]


def _ruler(at: _Position, count: int) -> list[dict[str, float]]:
    line = {"x": at(1), "x2": at(count), "y": _AXIS, "y2": _AXIS}
    marks = [{"x": at(r), "x2": at(r), "y": _AXIS - 5, "y2": _AXIS} for r in range(1, count + 1)]
    return [line, *marks]


def _numbers(at: _Position, count: int) -> list[dict[str, Any]]:
    step = max(1, math.ceil(_NUMBER / max(at(2) - at(1), 0.1)))
    return [{"x": at(r), "y": _AXIS - 5, "text": str(r)} for r in range(1, count + 1, step)]
