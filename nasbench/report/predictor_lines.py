"""Rank correlation along the training size, and observed against nominal coverage."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import altair as alt

from nasbench.analysis.fronts import EXACT_FRONT
from nasbench.analysis.random_reference import REFERENCES
from nasbench.report.lines import line_legend
from nasbench.report.marks import MANY, Canvas, Layered, band, chart, colour, dash, finish, stress, table
from nasbench.report.theme import GREY, SOFT_INK, Styles

if TYPE_CHECKING:
    import pandas as pd

    from nasbench.report.predictor_data import PredictionFacts

_ROOM = 34
"""Pixels that the number of a training size takes on its axis."""
_PLOT = 300
"""Pixels that an axis has at least."""


def correlation(frame: pd.DataFrame, facts: PredictionFacts, kind: str, styles: Styles, canvas: Canvas) -> Layered:
    """Kendall's tau against the number of training architectures, with its 95 % band, and the ceiling.

    Args:
        frame: summary rows of one task and kind.
        facts: of that task.
        kind: of held-out rows.
        styles: of all predictors of the report.
        canvas: where to draw.
    """
    present = competitors(styles)
    frame = _with_untrained(frame)
    ceiling = facts.ceilings.get(kind)
    sizes = sorted(set(frame["size"].tolist()))
    x = _sizes_axis(sizes)
    scale = _tau_scale(float(frame["kendall_low"].min()), float(frame["kendall_high"].max()), ceiling)
    y = alt.Y("kendall:Q", scale=scale, axis=alt.Axis(title="Kendall tau", tickCount=6))
    legend = None if canvas.interactive else line_legend()
    data = table(
        frame, strategy="strategy", size="size", kendall="kendall", low="kendall_low", high="kendall_high",
        trials="trials",
    )  # fmt: skip
    colours = colour(styles, present, legend)
    area = chart(data).mark_area().encode(
        x=x, y=alt.Y("low:Q", scale=scale), y2="high:Q", color=colours, opacity=band(canvas, len(present))
    )  # fmt: skip
    line = chart(data).mark_line(strokeWidth=2).encode(
        x=x, y=y, color=colours, strokeDash=dash(styles, present, legend), opacity=stress(canvas, 1.0)
    )  # fmt: skip
    tips = [
        alt.Tooltip("strategy:N", title="predictor"),
        alt.Tooltip("size:Q", title="training architectures", format=","),
        alt.Tooltip("kendall:Q", title="mean Kendall tau", format=".3f"),
        alt.Tooltip("low:Q", title="95 % interval from", format=".3f"),
        alt.Tooltip("high:Q", title="to", format=".3f"),
        alt.Tooltip("trials:Q"),
    ]
    points = chart(data).mark_point(filled=True, size=32).encode(
        x=x, y=y, color=colours, opacity=stress(canvas, 1.0), **({"tooltip": tips} if canvas.interactive else {})
    )  # fmt: skip
    if len(sizes) == 1:  # a band of no width
        area = chart(data).mark_rule(strokeWidth=2).encode(
            x=x, y=alt.Y("low:Q", scale=scale), y2="high:Q", color=colours, opacity=stress(canvas, 0.4)
        )  # fmt: skip
    bands = [area] if canvas.interactive or len(present) <= MANY else []
    return finish([*_ceiling(ceiling, scale), *bands, line, points], canvas, facts.label)


def competitors(styles: Styles) -> list[str]:
    """All predictors of the report, drawn or not: charts side by side on paper share one legend and one
    scale of colours, which they must all state alike.
    """
    return [label for label in styles if label not in (EXACT_FRONT, *REFERENCES)]


def _with_untrained(frame: pd.DataFrame) -> pd.DataFrame:
    """A predictor that needs no training has one number: drawn level over all sizes."""
    import pandas as pd

    untrained, trained = frame[frame["size"] == 0], frame[frame["size"] > 0]
    if not len(untrained):
        return frame
    ends = sorted({trained["size"].min(), trained["size"].max()}) if len(trained) else [1, 10]
    return pd.concat([trained, *(untrained.assign(size=end) for end in ends)])


def _sizes_axis(sizes: list[int]) -> alt.X:
    """A logarithmic axis with numbers at the sizes that have room for them."""
    low, high = float(sizes[0]), float(sizes[-1])
    shown, last = [], -math.inf
    for size in sizes:
        place = _PLOT * (math.log(size / low) / math.log(high / low) if high > low else 0.0)
        if place - last >= _ROOM:
            shown.append(size)
            last = place
    if high == low:
        low, high = low / 2, high * 2
    axis = alt.Axis(title="training architectures", values=shown, format=",", grid=False, labelOverlap=False)
    return alt.X("size:Q", axis=axis, scale=alt.Scale(type="log", domain=[low, high], nice=False))


def _tau_scale(low: float, high: float, ceiling: float | None) -> alt.Scale:
    bottom = math.floor(20 * min(low, 0.9 * high)) / 20
    top = min(1.0, math.ceil(20 * (max(high, ceiling + 0.02 if ceiling else high))) / 20)
    return alt.Scale(domain=[bottom, top], nice=False, zero=False, clamp=True)


def _ceiling(ceiling: float | None, scale: alt.Scale) -> list[alt.Chart]:
    """A dashed line at the agreement of training runs."""
    if ceiling is None:
        return []
    base = chart([{"tau": round(ceiling, 4)}]).encode(y=alt.Y("tau:Q", scale=scale))
    text = base.mark_text(
        text=f"training runs agree: {ceiling:.3f}", align="left", baseline="bottom", dx=4, dy=-3, fontSize=10,
        color=SOFT_INK,
    )  # fmt: skip
    return [base.mark_rule(color=GREY, strokeDash=[5, 4]), text.encode(x=alt.value(0))]


def calibration(frame: pd.DataFrame, facts: PredictionFacts, styles: Styles, canvas: Canvas) -> Layered:
    """Share of the labels inside of central predictive intervals against the share that should be.

    Args:
        frame: calibration rows of one task at one size.
        facts: of that task.
        styles: of all predictors of the report.
        canvas: where to draw.
    """
    present = competitors(styles)
    share = alt.Scale(domain=[0, 1], nice=False)
    percent: dict[str, Any] = {"format": ".0%", "tickCount": 5}
    x = alt.X("nominal:Q", scale=share, axis=alt.Axis(title="nominal coverage", grid=False, **percent))
    y = alt.Y("observed:Q", scale=share, axis=alt.Axis(title="observed coverage", **percent))
    legend = None if canvas.interactive else line_legend()
    data = table(frame, strategy="strategy", nominal="nominal", observed="observed", low="low", high="high")
    colours = colour(styles, present, legend)
    ideal = chart([{"nominal": 0, "observed": 0}, {"nominal": 1, "observed": 1}])
    tips = [
        alt.Tooltip("strategy:N", title="predictor"),
        alt.Tooltip("nominal:Q", format=".0%"),
        alt.Tooltip("observed:Q", format=".1%"),
        alt.Tooltip("low:Q", title="95 % interval from", format=".1%"),
        alt.Tooltip("high:Q", title="to", format=".1%"),
    ]
    layers = [
        ideal.mark_line(color=GREY, strokeDash=[5, 4], strokeWidth=1.5).encode(x=x, y=y),
        chart(data).mark_area().encode(
            x=x, y=alt.Y("low:Q", scale=share), y2="high:Q", color=colours, opacity=band(canvas, len(present))
        ),
        chart(data).mark_line(strokeWidth=2).encode(
            x=x, y=y, color=colours, strokeDash=dash(styles, present, legend), opacity=stress(canvas, 1.0)
        ),
    ]  # fmt: skip
    if canvas.interactive:
        layers.append(
            chart(data).mark_point(filled=True, size=26).encode(
                x=x, y=y, color=colours, opacity=stress(canvas, 1.0), tooltip=tips
            )
        )  # fmt: skip
    return finish(layers, canvas, facts.label)
