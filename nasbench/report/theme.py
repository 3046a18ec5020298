"""A colour and a dash pattern for each strategy, and the look of every chart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nasbench.analysis.fronts import EXACT_FRONT
from nasbench.analysis.random_reference import REFERENCES

CONTROL = "random-search"
"""Registry name of the strategy that everything is compared with; drawn in grey."""

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#c566a0", "#e69f00", "#56b4e9", "#332288", "#882255")
"""Okabe and Ito's colours without yellow and black (their purple a little darker, to stand out on
white), then two of Paul Tol's: told apart with deuteranopia, protanopia and tritanopia."""

GREY = "#767676"
DASHES = ((1, 0), (7, 3), (2, 2), (8, 3, 2, 3))
EXACT_DASH = (5, 4)
FLOOR = "#8a6d00"
"""The region of practical equivalence."""

FONT = "Helvetica, Arial, 'Liberation Sans', sans-serif"
INK = "#1f2328"
SOFT_INK = "#57606a"


@dataclass(frozen=True)
class Style:
    """How one strategy is drawn.

    Attributes:
        label: the strategy.
        colour: `#rrggbb`.
        dash: lengths of dashes and gaps in pixels; (1, 0) is solid.
    """

    label: str
    colour: str
    dash: tuple[int, ...]


Styles = Mapping[str, Style]


def styles_of(labels: Iterable[str]) -> dict[str, Style]:
    """One style a strategy, that depends on nothing but the set of labels.

    Random search is grey, its law (exact or simulated) grey and dashed, a table's own Pareto front black. The
    others take the palette in alphabetical order, then the palette again with another dash pattern.
    """
    names = sorted(set(labels) - {CONTROL, EXACT_FRONT, *REFERENCES})
    styles = {
        name: Style(name, PALETTE[i % len(PALETTE)], DASHES[i // len(PALETTE) % len(DASHES)])
        for i, name in enumerate(names)
    }
    if CONTROL in labels:
        styles = {CONTROL: Style(CONTROL, GREY, DASHES[0]), **styles}
    laws = {label: Style(label, GREY, EXACT_DASH) for label in REFERENCES}
    return {**styles, **laws, EXACT_FRONT: Style(EXACT_FRONT, INK, DASHES[0])}


CONFIG: dict[str, Any] = {
    "font": FONT,
    "background": "#ffffff",
    "view": {"stroke": None},
    "title": {"fontSize": 13, "fontWeight": 600, "anchor": "start", "color": INK, "offset": 8, "subtitleFontSize": 11,
              "subtitleColor": SOFT_INK, "subtitlePadding": 3},
    "axis": {
        "labelFontSize": 11,
        "titleFontSize": 11.5,
        "titleFontWeight": 500,
        "labelColor": SOFT_INK,
        "titleColor": INK,
        "gridColor": "#e8eaed",
        "domainColor": "#8c959f",
        "tickColor": "#8c959f",
        "labelOverlap": True,
        "titlePadding": 6,
    },
    "legend": {"labelFontSize": 11.5, "titleFontSize": 11.5, "labelColor": INK, "symbolStrokeWidth": 2.5},
}  # fmt: skip
"""Vega-Lite configuration of all charts."""
