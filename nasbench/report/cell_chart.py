"""A cell drawn as its graph: nodes in a row, each edge coloured by how much its operation matters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from nasbench.report.effect_charts import BETTER, shown_method
from nasbench.report.marks import Canvas, Layered, chart, finish
from nasbench.report.numbers import decimals_for, fixed, known, percent
from nasbench.report.theme import INK
from nasbench.spaces.edge_cell import EdgeCellSpace

if TYPE_CHECKING:
    from nasbench.analysis.explanation import Explanation

WIDTH, HEIGHT = 780, 430
_STEPS = 60
_NODE = 2300
"""Area of a node, square pixels."""
_FAINT = "#cfd8e3"
_RISE = 0.62
"""Height of an arc for each node that it passes, in steps of nodes."""


def has_cell(explanation: Explanation) -> bool:
    """Whether the space's positions are the edges of one cell."""
    return isinstance(explanation.space, EdgeCellSpace)


def cell_chart(explanation: Explanation, canvas: Canvas) -> Layered:
    """The cell with its edges' importances and best operations.

    Args:
        explanation: of a metric on an `EdgeCellSpace`.
        canvas: where to draw; its size is that of the drawing, whose arrows would not fit another one.
    """
    space = explanation.space
    if not isinstance(space, EdgeCellSpace):
        raise TypeError(f"{space!r} is no cell with operations on its edges")
    edges, nodes = space.cell.edges, space.cell.output + 1
    paths = [_arc(a, b) for a, b in edges]
    importance, of_what = _importance(explanation)
    labels = _labels(explanation, importance)
    lines: list[dict[str, Any]] = []
    heads: list[dict[str, Any]] = []
    texts: list[dict[str, Any]] = []
    reach = [path[:, 1] for path in paths]
    low, high = float(np.min(reach)) - 0.22, float(np.max(reach)) + 0.3
    pixels = np.array([WIDTH / (nodes - 0.2), HEIGHT / (high - low)])
    for edge, ((a, b), path) in enumerate(zip(edges, paths, strict=True)):
        shared = {"edge": f"{a} → {b}", "importance": round(float(importance[edge]), 6), "label": labels[edge]}
        lines += [{**shared, "step": i, "x": round(x, 4), "y": round(y, 4)} for i, (x, y) in enumerate(path.tolist())]
        tip = int(np.flatnonzero(np.hypot(*((path - path[-1]) * pixels).T) > 1.3 * np.sqrt(_NODE / np.pi))[-1])
        right, up = ((path[tip] - path[tip - 2]) * pixels).tolist()
        angle = float(np.degrees(np.arctan2(right, up)))
        (x, y) = path[tip].tolist()
        heads.append({**shared, "x": round(x, 4), "y": round(y, 4), "angle": round(angle, 2)})
        x, y = path[_STEPS // 2].tolist()
        texts.append({**shared, "x": round(x, 4), "y": round(y, 4)})
    names = ["input", *(str(node) for node in range(1, nodes - 1)), "output"]
    scale_x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[-0.4, nodes - 0.6], nice=False))
    scale_y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[low, high], nice=False))
    most = float(importance.max()) or 1.0
    colour = alt.Color(
        "importance:Q",
        title=of_what,
        scale=alt.Scale(domain=[0, most], range=[_FAINT, BETTER], interpolate="rgb"),
        legend=alt.Legend(
            type="gradient", orient="bottom", format="%", gradientLength=260, titleLimit=420, tickCount=4
        ),
    )
    width = alt.Size("importance:Q", scale=alt.Scale(domain=[0, most], range=[2, 9]), legend=None)
    tooltip = [alt.Tooltip("edge:N"), alt.Tooltip("importance:Q", title=of_what, format=".1%")]
    layers = [
        chart(lines).mark_trail().encode(
            x=scale_x, y=scale_y, detail="edge:N", order="step:Q", color=colour, size=width, tooltip=tooltip
        ),
        chart(heads).mark_point(shape="triangle", filled=True, size=210, opacity=1).encode(
            x=scale_x, y=scale_y, color=colour, angle=alt.Angle("angle:Q", scale=None)
        ),
        _text(texts, scale_x, scale_y, "#ffffff", 5),
        _text(texts, scale_x, scale_y, INK, 0),
    ]  # fmt: skip
    places = [{"x": i, "y": 0.0, "name": name} for i, name in enumerate(names)]
    layers.append(
        chart(places).mark_circle(size=_NODE, color="#ffffff", stroke=INK, strokeWidth=1.5, opacity=1)
        .encode(x=scale_x, y=scale_y)
    )  # fmt: skip
    layers.append(chart(places).mark_text(fontSize=12, color=INK).encode(x=scale_x, y=scale_y, text="name:N"))
    return finish(layers, Canvas(WIDTH, HEIGHT, canvas.interactive), f"{explanation.benchmark}: the cell")


def _arc(a: int, b: int) -> NDArray[np.float64]:
    """Points `(steps + 1, 2)` from one node to another: straight to the next, else above or below the row.

    Edges of equal span change sides with their source, so that those of a cell with four nodes do not cross.
    """
    t = np.linspace(0.0, 1.0, _STEPS + 1)
    side = 0.0 if b - a == 1 else 1.0 if (b - a) % 2 or a % 2 else -1.0
    return np.stack([a + (b - a) * t, side * _RISE * (b - a - 1) * np.sin(np.pi * t)], axis=1)


def _importance(explanation: Explanation) -> tuple[NDArray[np.float64], str]:
    """Of each edge, and what it is."""
    frame = explanation.positions()
    for name, title in (("exact_total", "exact share of the variance, with interactions"),
                        ("permutation", "estimated share of the variance, with interactions"),
                        ("dependence", "estimated share of the variance, by itself")):  # fmt: skip
        if frame[name].notna().all():
            return np.maximum(frame[name].to_numpy(dtype=np.float64), 0.0), title
    raise ValueError("the explanation has no importances")


def _labels(explanation: Explanation, importance: NDArray[np.float64]) -> list[str]:
    """The best operation of each edge with its effect, and the edge's share."""
    method = shown_method(explanation)
    effects = explanation.exact.main.effects if explanation.exact else explanation.effects[method]
    places = decimals_for(np.abs(np.concatenate(effects)).tolist())
    labels = []
    for effect, parameter, share in zip(effects, explanation.space.parameters, importance.tolist(), strict=True):
        best = int(np.nanargmax(explanation.metric.sign * effect))
        value = float(effect[best])
        plus = "+" if known(value) and value > 0 else ""
        labels.append(f"{parameter.choices[best]} {plus}{fixed(value, places)}\n{percent(share)}")
    return labels


def _text(rows: list[dict[str, Any]], x: alt.X, y: alt.Y, colour: str, halo: float) -> alt.Chart:
    """Labels above their edges, or the halo that keeps them readable there."""
    options: dict[str, Any] = {"stroke": colour, "strokeWidth": halo, "strokeJoin": "round"} if halo else {}
    options |= {"fontSize": 11.5, "lineBreak": "\n", "dy": -27, "color": colour, "align": "center"}
    marked: alt.Chart = chart(rows).mark_text(**options)
    return marked.encode(x=x, y=y, text="label:N")
