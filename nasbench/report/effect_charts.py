"""What positions and choices do, as charts: shares of the variance, a map of effects, estimates against the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np

from nasbench.report.marks import Canvas, Layered, chart, finish
from nasbench.report.numbers import decimals_for, difference_unit, fixed, known, metric_name, number
from nasbench.report.theme import INK, PALETTE, SOFT_INK

if TYPE_CHECKING:
    from nasbench.analysis.explanation import Explanation

BETTER, WORSE, NEUTRAL = PALETTE[0], PALETTE[1], "#f7f7f5"
MAIN, TOTAL = PALETTE[0], "#9ecae1"
METHOD_COLOURS = {"shapley": PALETTE[2], "dependence": PALETTE[1], "sample": PALETTE[5]}
METHOD_NAMES = {"shapley": "Shapley values", "dependence": "partial dependence", "sample": "means of the labels"}
_NAMED = 16
"""Letters of a choice that fit into its cell."""


def effect_title(explanation: Explanation) -> str:
    """`effect on validation accuracy (percentage points)`."""
    unit = "normal scores of its ranks" if explanation.ranks else difference_unit(explanation.metric.unit)
    return f"effect on {metric_name(explanation.metric.name)}" + (f" ({unit})" if unit else "")


def shown_method(explanation: Explanation) -> str:
    """Whose effects are drawn: the exact ones where they are known."""
    if explanation.exact is not None:
        return "exact"
    return "shapley" if "shapley" in explanation.effects else "dependence"


def importance_chart(explanation: Explanation, canvas: Canvas) -> Layered:
    """Each position's share of the variance, by itself and with its interactions.

    Bars are the exact shares where the table is whole, else the estimates, which are dots otherwise.

    Args:
        explanation: of a metric.
        canvas: where to draw.
    """
    frame = explanation.positions()
    exact = explanation.exact is not None
    main, total = ("exact_main", "exact_total") if exact else ("dependence", "permutation")
    titles = {"exact_total": "exact, with interactions", "exact_main": "exact, by itself",
              "permutation": "estimate with interactions (permutation)",
              "dependence": "estimate by itself (partial dependence)"}  # fmt: skip
    bars = [name for name in (total, main) if frame[name].notna().any()]
    dots = [name for name in ("permutation", "dependence") if exact and frame[name].notna().any()]
    palette = {total: TOTAL, main: MAIN, **({"permutation": PALETTE[2], "dependence": PALETTE[1]} if exact else {})}
    colours = {name: palette[name] for name in (*bars, *dots)}
    legend = alt.Legend(orient="bottom", columns=1 if canvas.width == "container" else 2, title=None, labelLimit=300)
    scale = alt.Scale(domain=[titles[name] for name in colours], range=list(colours.values()))

    def layer(name: str) -> alt.Chart:
        data = chart(
            [
                {"position": row["position"], "series": titles[name], "share": _plain(row)[name]}
                for row in frame.to_dict("records")
            ]
        )
        height = 16 if name == bars[0] else 9
        dot: alt.Chart = data.mark_point(filled=True, size=55, opacity=0.95)
        marked: alt.Chart = dot if name in dots else data.mark_bar(height=height)
        drawn: alt.Chart = marked.encode(
            x=alt.X("share:Q", title="share of the variance", axis=alt.Axis(format="%", tickCount=6), stack=None),
            y=alt.Y("position:N", sort=None, axis=_names(220), title=None),
            color=alt.Color("series:N", title=None, scale=scale, legend=legend),
            tooltip=[
                alt.Tooltip("position:N"), alt.Tooltip("series:N", title=" "), alt.Tooltip("share:Q", format=".1%"),
            ],
        )  # fmt: skip
        return drawn

    layers = [layer(name) for name in (*bars, *dots)]
    return finish(layers, canvas, f"{explanation.benchmark}: which position matters")


def effects_chart(explanation: Explanation, canvas: Canvas) -> Layered:
    """A map of the choices' effects: a row a position, a cell a choice; blue is better, orange is worse.

    Args:
        explanation: of a metric.
        canvas: where to draw.
    """
    space, method = explanation.space, shown_method(explanation)
    frame = explanation.choices()
    places = decimals_for(frame[method].abs())
    common = len({p.choices for p in space.parameters}) == 1
    columns = [choice for p in space.parameters for choice in range(len(p))]
    largest = float(frame[method].abs().max()) or 1.0
    rows = [
        {
            **_plain(row),
            "column": row["choice"] if common else str(column + 1),
            "good": explanation.metric.sign * row[method] if known(row[method]) else None,
            "label": ("" if common else f"{_short(row['choice'])}\n") + _signed(row[method], places),
            "dark": bool(abs(row[method]) > 0.6 * largest),
        }
        for row, column in zip(frame.to_dict("records"), columns, strict=True)
    ]
    x = alt.X(
        "column:N",
        sort=None,
        axis=alt.Axis(title=None, orient="top", labelAngle=0, labelLimit=110, ticks=False, domain=False, labels=common),
        scale=alt.Scale(paddingInner=0.04),
    )
    y = alt.Y("position:N", sort=None, axis=_names(200), title=None, scale=alt.Scale(paddingInner=0.06))
    colour = alt.Color(
        "good:Q",
        legend=None,
        scale=alt.Scale(domain=[-largest, 0.0, largest], range=[WORSE, NEUTRAL, BETTER], interpolate="rgb"),
    )
    base = chart(rows).encode(x=x, y=y)
    shown = {"position": "position", "choice": "choice", method: effect_title(explanation)}
    box = base.mark_rect(cornerRadius=3).encode(color=colour, tooltip=_tooltip(shown, ",.4~g"))
    text = base.mark_text(fontSize=11 if common else 10, lineBreak="\n", dy=0 if common else -6).encode(
        text="label:N", color=alt.condition("datum.dark", alt.value("#ffffff"), alt.value(INK))
    )
    return finish([box, text], canvas, f"{explanation.benchmark}: {effect_title(explanation)}")


def agreement_chart(explanation: Explanation, canvas: Canvas) -> Layered:
    """Each choice's estimated effect against the exact one; estimates on the line are right.

    Args:
        explanation: of a metric whose exact effects are known.
        canvas: where to draw.
    """
    frame = explanation.choices()
    agreement = explanation.agreement()
    names = {m: f"{METHOD_NAMES[m]} (rank correlation {number(agreement[m])})" for m in explanation.effects}
    rows = [
        {
            "position": row["position"], "choice": row["choice"], "exact": round(row["exact"], 6),
            "estimate": round(row[method], 6), "method": names[method],
        }
        for row in frame.to_dict("records") for method in names if known(row["exact"]) and known(row[method])
    ]  # fmt: skip
    ends = [min(min(r["exact"], r["estimate"]) for r in rows), max(max(r["exact"], r["estimate"]) for r in rows)]
    title = effect_title(explanation)
    line = chart([{"exact": end, "estimate": end} for end in ends]).mark_line(color=SOFT_INK, strokeDash=[4, 4])
    points = chart(rows).mark_point(filled=True, size=46, opacity=0.8)
    encoded = points.encode(
        color=alt.Color(
            "method:N",
            title=None,
            scale=alt.Scale(domain=list(names.values()), range=[METHOD_COLOURS[m] for m in names]),
            legend=alt.Legend(orient="bottom", columns=1, labelLimit=360),
        ),
        tooltip=_tooltip(
            {"position": "position", "choice": "choice", "exact": "exact", "estimate": "estimate"}, ",.4~g"
        ),
    )
    x, y = alt.X("exact:Q", title=f"exact {title}"), alt.Y("estimate:Q", title="estimate")
    return finish([line.encode(x=x, y=y), encoded.encode(x=x, y=y)], canvas, f"{explanation.benchmark}: estimates")


def _names(limit: int) -> alt.Axis:
    return alt.Axis(labelLimit=limit, labelPadding=8, ticks=False, domain=False, labelOverlap=False)


def _tooltip(fields: dict[str, str], numbers: str) -> list[alt.Tooltip]:
    text = {"position", "choice"}
    return [
        alt.Tooltip(f"{name}:N", title=title) if name in text else alt.Tooltip(f"{name}:Q", title=title, format=numbers)
        for name, title in fields.items()
    ]


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    """A row of a frame as JSON values of six digits; NaN as null."""
    return {
        str(key): value if isinstance(value, str) else None if np.isnan(value) else float(f"{value:.6g}")
        for key, value in row.items()
    }


def _signed(value: float, places: int | None) -> str:
    return ("+" if known(value) and value > 0 else "") + fixed(value, places)


def _short(text: str) -> str:
    return text if len(text) <= _NAMED else f"{text[: _NAMED - 1]}…"
