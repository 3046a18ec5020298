"""What all charts share: data as text, the colours of strategies, the region of the noise floor."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import altair as alt

from nasbench.report.axes import RegretScale
from nasbench.report.numbers import difference_unit, number
from nasbench.report.theme import FLOOR, SOFT_INK, Styles

if TYPE_CHECKING:
    import pandas as pd

    from nasbench.report.data import TaskFacts

FOCUS = "focus"
"""Parameter of every interactive chart: labels of the strategies to stress; none stresses all."""

Layered = alt.LayerChart | alt.FacetChart
"""What altair says that layers make."""

MANY = 8
"""Above this many strategies in one chart, bands would hide each other."""

_DIGITS = 5
_SHOWN_LETTERS = 27


class Canvas(NamedTuple):
    """Where a chart is drawn.

    Attributes:
        width: in pixels, or `container` to fill the page's column.
        height: in pixels.
        interactive: for the page (tooltips, focus; titles are the page's), or for paper.
    """

    width: int | str
    height: int
    interactive: bool


def table(frame: pd.DataFrame, **columns: str) -> alt.InlineData:
    """A frame's columns as data in the spec itself: comma-separated text, a third of the size of JSON.

    Numbers have five digits; missing ones stay empty and are read as null.

    Args:
        frame: the data.
        columns: name in the spec -> column of the frame.
    """
    numeric = {name: frame[column].dtype.kind in "iuf" for name, column in columns.items()}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    cells = [
        map(_plain, frame[column].tolist()) if numeric[name] else frame[column].tolist()
        for name, column in columns.items()
    ]
    writer.writerows(zip(*cells, strict=True))
    parse = {name: "number" if is_number else "string" for name, is_number in numeric.items()}
    return alt.InlineData(values=text.getvalue(), format=alt.CsvDataFormat(type="csv", parse=parse))


def _plain(value: float) -> str:
    return f"{value:.{_DIGITS}g}" if math.isfinite(value) else ""


def chart(values: alt.InlineData | list[dict[str, Any]]) -> alt.Chart:
    """A chart over data that stand in the spec itself."""
    return alt.Chart(alt.InlineData(values=values) if isinstance(values, list) else values)


def colour(styles: Styles, present: list[str], legend: alt.Legend | None = None) -> alt.Color:
    """Colour by strategy."""
    return alt.Color(
        "strategy:N",
        title=None,
        legend=legend,
        scale=alt.Scale(domain=present, range=[styles[s].colour for s in present]),
    )


def dash(styles: Styles, present: list[str], legend: alt.Legend | None = None) -> alt.StrokeDash:
    """Dash pattern by strategy."""
    return alt.StrokeDash(
        "strategy:N",
        title=None,
        legend=legend,
        scale=alt.Scale(domain=present, range=[list(styles[s].dash) for s in present]),
    )


def stress(canvas: Canvas, shown: float) -> Any:
    """Opacity that dims all strategies but those in focus."""
    if not canvas.interactive:
        return alt.value(shown)
    focused = f"length({FOCUS}) == 0 || indexof({FOCUS}, datum.strategy) >= 0"
    return alt.condition(focused, alt.value(shown), alt.value(shown * 0.12))


def band(canvas: Canvas, strategies: int) -> Any:
    """Opacity of bands: where there are many, only those of the strategies in focus."""
    if strategies <= MANY:
        return stress(canvas, 0.13)
    return alt.condition(f"indexof({FOCUS}, datum.strategy) >= 0", alt.value(0.16), alt.value(0))


def names_axis(canvas: Canvas, **options: Any) -> alt.Axis:
    """An axis of strategy names: whole on paper; on the page long ones lose their middle, as the
    parameters that tell strategies apart stand at the end.
    """
    plain: dict[str, Any] = {
        "labelPadding": 8, "labelOverlap": False, "ticks": False, "domain": False, "title": None, **options,
    }  # fmt: skip
    if not canvas.interactive:
        return alt.Axis(labelLimit=320, **plain)
    half = _SHOWN_LETTERS // 2
    short = f"slice(datum.label, 0, {half}) + '…' + slice(datum.label, -{half})"
    expression = f"length(datum.label) > {_SHOWN_LETTERS} ? {short} : datum.label"
    return alt.Axis(labelLimit=200, labelExpr=expression, **plain)


def finish(layers: Sequence[alt.Chart | Layered], canvas: Canvas, title: str) -> Layered:
    """Layers as one chart of the canvas' size; titled on paper, with the focus parameter on the page."""
    layered = alt.layer(*layers).properties(width=canvas.width, height=canvas.height)
    if canvas.interactive:
        return layered.add_params(alt.param(name=FOCUS, value=[]))
    return layered.properties(title=alt.TitleParams(text=[title], limit=int(canvas.width) + 40))


def regret_title(facts: TaskFacts, before: str = "") -> str:
    """`table regret (percentage points)`; of a share, which way is better."""
    unit = "smaller is better" if facts.several else difference_unit(facts.unit)
    what = before + facts.measure
    return f"{what} ({unit})" if unit else what


def floor_region(facts: TaskFacts, scale: RegretScale, vertical: bool) -> list[alt.Chart]:
    """The region of practical equivalence, where it is on the scale.

    Args:
        facts: of the task.
        scale: of the regrets.
        vertical: whether regrets run upwards (else to the right).
    """
    floor = facts.noise_floor
    if floor is None or not scale.low < floor < scale.high:
        return []
    data = [{"from": scale.low, "to": floor}]
    shape = chart(data).mark_rect(color=FLOOR, opacity=0.10)
    edge = chart(data).mark_rule(color=FLOOR, opacity=0.55, strokeWidth=1)
    if not vertical:
        position = alt.X("from:Q", scale=scale.scale)
        return [shape.encode(x=position, x2="to:Q"), edge.encode(x=alt.X("to:Q", scale=scale.scale))]
    label = chart(data).mark_text(
        text=f"noise floor {number(floor)}", align="left", baseline="bottom", dx=4, dy=-3, fontSize=10, color=SOFT_INK
    )
    top = alt.Y("to:Q", scale=scale.scale)
    return [
        shape.encode(y=alt.Y("from:Q", scale=scale.scale), y2="to:Q"),
        edge.encode(y=top),
        label.encode(y=top, x=alt.value(0)),
    ]
