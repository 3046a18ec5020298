"""Scales and ticks for regrets: logarithmic, or symmetric-logarithmic where some are 0."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import altair as alt

from nasbench.analysis.truth import VALUE_TOLERANCE

_MANTISSAS = ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 5.0, 7.0))
_ENOUGH_TICKS = 4
_MOST_DECADES = 6
_BELOW = 0.25
_LABEL = "datum.value != 0 && abs(datum.value) < 0.001 ? format(datum.value, '~e') : format(datum.value, '~g')"


@dataclass(frozen=True)
class RegretScale:
    """One axis of regrets.

    Attributes:
        kind: `log`, or `symlog` where 0 has to be on it.
        low, high: its ends; a symlog scale begins a little below 0, so that 0 stands clear of its edge.
        constant: where a symlog scale turns from linear to logarithmic.
        ticks: where to put numbers.
    """

    kind: str
    low: float
    high: float
    constant: float
    ticks: list[float]

    @property
    def scale(self) -> alt.Scale:
        """The Vega-Lite scale; what lies outside it is clamped to its ends."""
        domain = [self.low, self.high]
        if self.kind == "log":
            return alt.Scale(type="log", domain=domain, nice=False, clamp=True)
        return alt.Scale(type="symlog", domain=domain, nice=False, zero=False, clamp=True, constant=self.constant)

    def axis(self, title: str, **options: object) -> alt.Axis:
        """The axis with its numbers."""
        return alt.Axis(title=title, values=self.ticks, labelExpr=_LABEL, **options)  # type: ignore[arg-type]


def regret_scale(values: Iterable[float], floor: float | None = None) -> RegretScale:
    """A scale that shows all values, and the noise floor where it is near.

    Values within the tolerance of "equal to the optimum" count as 0.

    Args:
        values: regrets, >= 0; missing ones are ignored.
        floor: noise floor, shown where it lies within a factor of ten of the values.
    """
    known = [0.0 if v <= VALUE_TOLERANCE else v for v in values if math.isfinite(v)]
    positive = [v for v in known if v > 0]
    if not positive:
        high = 1.0 if not floor else 2 * floor
        return RegretScale("symlog", -high * _BELOW / 10, high, high / 10, [0.0, *ticks(high / 10, high)])
    low, high = min(positive), max(positive)
    if floor:
        low = min(low, floor / 1.6) if low < 10 * floor else low
        high = max(high, 1.2 * floor) if high > floor / 10 else high
    if len(positive) == len(known):
        low, high = low / 1.15, high * 1.15
        if high / low < 2:
            low, high = low / 1.4, high * 1.4
        return RegretScale("log", low, high, 1.0, ticks(low, high))
    constant = max(low, high * 1e-4)
    return RegretScale("symlog", -constant * _BELOW, high * 1.15, constant, [0.0, *ticks(constant, high * 1.15)])


def ticks(low: float, high: float) -> list[float]:
    """Round numbers from low to high (both > 0), as many as a small chart can carry."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    step = max(1, -(-(last - first) // _MOST_DECADES))
    found: list[float] = []
    for mantissas in _MANTISSAS:
        candidates = [float(f"{m}e{e}") for e in range(first, last + 1, step) for m in mantissas]
        found = [value for value in candidates if low <= value <= high]
        if len(found) >= _ENOUGH_TICKS:
            break
    return found
