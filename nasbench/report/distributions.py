"""Final regret, seed by seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt

from nasbench.report.axes import regret_scale
from nasbench.report.marks import (
    Canvas,
    Layered,
    chart,
    colour,
    finish,
    floor_region,
    names_axis,
    regret_title,
    stress,
    table,
)
from nasbench.report.numbers import metric_name
from nasbench.report.theme import GREY, Styles

if TYPE_CHECKING:
    import pandas as pd

    from nasbench.report.data import TaskFacts

ROW = 30
"""Height of one strategy, pixels."""
_GOLDEN = 0.6180339887498949


def final_regret(
    frame: pd.DataFrame, facts: TaskFacts, styles: Styles, canvas: Canvas, random_search: float | None
) -> Layered:
    """One dot a run, quartile box and median a strategy; best mean first.

    Args:
        frame: `finals` of one task.
        facts: of that task.
        styles: of all strategies of the figure: its charts share one scale of colours.
        canvas: where to draw; its height is set by the number of strategies.
        random_search: expected regret of random search at equal evaluations, or None.
    """
    frame = frame[frame["regret"].notna()]
    order = frame.groupby("strategy")["regret"].mean().sort_values(kind="stable").index.tolist()
    scale = regret_scale([*frame["regret"], *([random_search] if random_search else [])], facts.noise_floor)
    place = frame.groupby("strategy").cumcount()
    frame = frame.assign(jitter=((place * _GOLDEN) % 1 - 0.5).round(3))
    values = table(
        frame, strategy="strategy", seed="seed", regret="regret", observed="observed",
        architecture="architecture", jitter="jitter",
    )  # fmt: skip
    x = alt.X("regret:Q", scale=scale.scale, axis=scale.axis(regret_title(facts), grid=True))
    y = alt.Y("strategy:N", sort=order, axis=names_axis(canvas))
    colours = colour(styles, list(styles))
    quartiles = chart(values).transform_aggregate(
        q1="q1(regret)", q2="median(regret)", q3="q3(regret)", groupby=["strategy"]
    )
    box = quartiles.mark_bar(height=15, cornerRadius=2).encode(
        x=alt.X("q1:Q", scale=scale.scale), x2="q3:Q", y=y, color=colours, opacity=stress(canvas, 0.2)
    )
    median = quartiles.mark_tick(thickness=2.5, height=19).encode(
        x=alt.X("q2:Q", scale=scale.scale), y=y, color=colours, opacity=stress(canvas, 1.0)
    )
    observed = alt.Tooltip("observed:Q", title=f"observed {metric_name(facts.metric)}", format=".6~g")
    tips = [
        alt.Tooltip("strategy:N"),
        alt.Tooltip("seed:Q"),
        alt.Tooltip("regret:Q", title=facts.measure, format=".4~g"),
        *([] if facts.several else [observed, alt.Tooltip("architecture:N")]),
    ]
    dots = (
        chart(values)
        .mark_circle(size=26, stroke="#ffffff", strokeWidth=0.4)
        .encode(
            x=x,
            y=y,
            yOffset=alt.YOffset("jitter:Q", scale=alt.Scale(domain=[-1, 1])),
            color=colours,
            opacity=stress(canvas, 0.8),
            **({"tooltip": tips} if canvas.interactive else {}),
        )
    )
    layers = [*floor_region(facts, scale, vertical=False)]
    if random_search:
        layers.append(
            chart([{"random_search": random_search}])
            .mark_rule(color=GREY, strokeDash=[5, 4], strokeWidth=1.5)
            .encode(x=alt.X("random_search:Q", scale=scale.scale))
        )
    return finish([*layers, box, dots, median], canvas._replace(height=ROW * len(order)), facts.label)
