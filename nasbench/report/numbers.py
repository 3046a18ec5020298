"""Figures as text: as many digits as they deserve, an en dash where there is none."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

MISSING = "–"
_TIMES = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))


def known(value: object) -> bool:
    """Whether a value is a number that says something (not None, not NaN)."""
    return isinstance(value, int | float) and not math.isnan(value)


def number(value: float | None, digits: int = 3) -> str:
    """A figure with so many significant digits; powers of ten only where it is tiny or huge."""
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)) + 1e-12)
    if size < -4 or size > 6:
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        return _minus(f"{mantissa}×10{_superscript(int(exponent))}")
    return _minus(f"{value:,.{max(digits - 1 - size, 0)}f}")


def decimals_for(values: Iterable[float | None], digits: int = 3) -> int | None:
    """Decimal places that suit a whole column, or None where its values differ too much in size.

    The middle value gets `digits` significant digits.
    """
    sizes = sorted(abs(v) for v in values if v is not None and math.isfinite(v) and v != 0)
    if not sizes:
        return 0
    places = digits - 1 - math.floor(math.log10(sizes[len(sizes) // 2]) + 1e-12)
    fits = places <= 6 and round(sizes[0], places) > 0 and sizes[-1] < 1e7
    return max(places, 0) if fits else None


def fixed(value: float | None, places: int | None, digits: int = 3) -> str:
    """A figure with the decimal places of its column (`decimals_for`)."""
    if value is None or not math.isfinite(value) or places is None:
        return number(value, digits)
    return _minus(f"{value:,.{places}f}")


def interval(low: float, high: float, places: int | None) -> str:
    """`[low, high]`, or "" where it is not known."""
    if not (known(low) and known(high)):
        return ""
    return f"[{fixed(low, places)}, {fixed(high, places)}]"


def percent(share: float | None) -> str:
    """A share as a percentage."""
    if share is None or math.isnan(share):
        return MISSING
    value = 100 * share
    whole = math.isclose(value, round(value), abs_tol=1e-9) or value >= 10
    return f"{value:.0f}\u00a0%" if whole else f"{value:.2g}\u00a0%"


def p_value(p: float | None) -> str:
    """A p-value with three decimals; `< 0.001` below."""
    if p is None or math.isnan(p):
        return MISSING
    return "<\u00a00.001" if p < 0.001 else f"{p:.3f}"


def duration(seconds: float | None) -> str:
    """Seconds in the unit that suits them."""
    if seconds is None or not math.isfinite(seconds):
        return number(seconds)
    if seconds == 0:
        return "0\u00a0s"
    size, unit = next(((s, u) for s, u in _TIMES if abs(seconds) >= s), _TIMES[-1])
    return f"{number(seconds / size)}\u00a0{unit}"


def time_unit(longest: float) -> tuple[float, str]:
    """Seconds in one unit of a time axis that ends at `longest` seconds, and the unit's name."""
    names = {"d": "days", "h": "hours", "min": "minutes", "s": "seconds", "ms": "milliseconds", "µs": "microseconds"}
    size, unit = next(((s, u) for s, u in _TIMES if longest >= 3 * s), _TIMES[-1])
    return size, names[unit]


def metric_name(metric: str, unit: str = "") -> str:
    """`val_accuracy` in words: `validation accuracy`; without a unit that is told beside it."""
    return metric.removesuffix(f"_{unit}").replace("val_", "validation ", 1).replace("_", " ")


def difference_unit(unit: str) -> str:
    """The unit of a difference of two values: percentages differ by percentage points."""
    return {"%": "percentage points", "fraction": "fraction"}.get(unit, unit)


def ranges(numbers: Sequence[int]) -> str:
    """Whole numbers with runs of neighbours drawn together: `0–19, 25`."""
    parts: list[list[int]] = []
    for value in sorted(set(numbers)):
        if parts and value == parts[-1][1] + 1:
            parts[-1][1] = value
        else:
            parts.append([value, value])
    return ", ".join(f"{a}" if a == b else f"{a}, {b}" if b == a + 1 else f"{a}–{b}" for a, b in parts)


def count(value: int, one: str, many: str | None = None) -> str:
    """`1 seed`, `20 seeds`."""
    return f"{value:,} {one if value == 1 else many or one + 's'}"


def _minus(text: str) -> str:
    return text.replace("-", "−")


def _superscript(exponent: int) -> str:
    return str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
