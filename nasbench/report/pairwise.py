"""Probability of improvement between all pairs of strategies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt

from nasbench.report.data import records
from nasbench.report.marks import Canvas, Layered, chart, finish, names_axis, table

if TYPE_CHECKING:
    import pandas as pd

CELL = 34
"""Height of a row, pixels."""
_WIDE_ENOUGH = 30
"""Narrower cells stay without numbers."""
LOSES, EVEN, WINS = "#b35806", "#f5f5f5", "#2166ac"


def improvement_matrix(frame: pd.DataFrame, order: list[str], title: str, canvas: Canvas) -> Layered:
    """How often the row's strategy ends better than the column's with the same seed.

    Args:
        frame: `comparisons` of one task (or over tasks).
        order: strategies, best first.
        title: the task, or what is pooled.
        canvas: where to draw; its height is set by the number of strategies.
    """
    import pandas as pd

    cells = pd.DataFrame([cell for pair in records(frame) for cell in _both_ways(pair)])
    values = table(cells, **{str(name): str(name) for name in cells})
    domain = alt.Scale(domain=order)
    # A container's width is kept, so slanted names would be cut off at its right end.
    above = names_axis(canvas, orient="top", labelAngle=-90 if canvas.interactive else -40)
    base = chart(values).encode(
        x=alt.X("other:N", sort=order, axis=above, scale=domain),
        y=alt.Y("strategy:N", sort=order, axis=names_axis(canvas), scale=domain),
    )
    tips = [
        alt.Tooltip("strategy:N", title="better"),
        alt.Tooltip("other:N", title="than"),
        alt.Tooltip("improvement:Q", title="probability", format=".3~g"),
        alt.Tooltip("p_holm:Q", title="Holm p", format=".2~g"),
    ]
    squares = base.mark_rect(stroke="#ffffff", strokeWidth=2, cornerRadius=3).encode(
        color=alt.Color(
            "improvement:Q",
            legend=None,
            scale=alt.Scale(domain=[0, 0.5, 1], range=[LOSES, EVEN, WINS], interpolate="lab"),
        ),
        **({"tooltip": tips} if canvas.interactive else {}),
    )
    readable = f"width / {len(order)} >= {_WIDE_ENOUGH}"
    text = base.mark_text(fontSize=10.5).encode(
        text=alt.Text("text:N"),
        color=alt.condition("abs(datum.improvement - 0.5) > 0.3", alt.value("#ffffff"), alt.value("#1f2328")),
        opacity=alt.condition(readable, alt.value(1), alt.value(0)),
    )
    return finish([squares, text], canvas._replace(height=CELL * len(order)), title)


def _both_ways(pair: dict[str, Any]) -> list[dict[str, Any]]:
    star = "*" if pair["significant"] else ""
    return [
        {
            "strategy": first,
            "other": second,
            "improvement": round(share, 4),
            "p_holm": float(f"{pair['p_holm']:.3g}"),
            "text": f"{share:.2f}{star}",
        }
        for first, second, share in (
            (pair["better"], pair["worse"], float(pair["improvement"])),
            (pair["worse"], pair["better"], 1 - float(pair["improvement"])),
        )
        if share == share
    ]
