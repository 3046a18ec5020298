"""Figures as text."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench.report.numbers import (
    MISSING,
    count,
    decimals_for,
    duration,
    fixed,
    interval,
    metric_name,
    number,
    p_value,
    percent,
    ranges,
    time_unit,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (0.0, "0"),
        (0.5141, "0.514"),
        (12.3456, "12.3"),
        (-2.5, "−2.50"),
        (15625.0, "15,625"),
        (0.000123, "0.000123"),
        (1.234e-5, "1.23×10⁻⁵"),
        (2.5e9, "2.50×10⁹"),
    ],
)
def test_number(value, text):
    assert number(value) == text


@given(st.floats(min_value=1e-4, max_value=1e6))
def test_number_keeps_three_digits(value):
    shown = float(number(value).replace(",", ""))
    assert abs(shown - value) <= 0.00501 * value


@given(st.lists(st.floats(min_value=1e-3, max_value=1e5), min_size=1, max_size=20))
def test_a_column_never_shows_a_positive_value_as_zero(values):
    places = decimals_for(values)
    for value in values:
        shown = fixed(value, places).replace(",", "")
        assert float(shown) > 0


def test_columns_share_their_decimals():
    values = [0.0503, 0.086, 0.138, 0.511, 0.0]
    places = decimals_for(values)
    assert [fixed(v, places) for v in values] == ["0.050", "0.086", "0.138", "0.511", "0.000"]
    assert decimals_for([1e-5, 0.3]) is None
    assert decimals_for([math.nan, None]) == 0


def test_interval():
    assert interval(0.1, 0.25, 2) == "[0.10, 0.25]"
    assert interval(math.nan, 0.25, 2) == ""


def test_shares_and_p_values():
    assert percent(0.97) == "97\u00a0%"
    assert percent(0.001) == "0.1\u00a0%"
    assert percent(0.0001) == "0.01\u00a0%"
    assert percent(None) == MISSING
    assert p_value(0.0004) == "<\u00a00.001"
    assert p_value(0.0449) == "0.045"
    assert p_value(math.nan) == MISSING


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0\u00a0s"),
        (90, "1.50\u00a0min"),
        (7200, "2.00\u00a0h"),
        (86400 * 4.27, "4.27\u00a0d"),
        (0.0123, "12.3\u00a0ms"),
    ],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_time_unit_leaves_a_readable_axis():
    assert time_unit(400_000) == (86400.0, "days")
    assert time_unit(100_000) == (3600.0, "hours")
    assert time_unit(100) == (1.0, "seconds")


@given(st.sets(st.integers(0, 60), min_size=1))
def test_ranges_are_complete(numbers):
    said = set()
    for part in ranges(list(numbers)).split(", "):
        first, _, last = part.partition("–")
        said |= set(range(int(first), int(last or first) + 1))
    assert said == numbers


def test_words():
    assert count(1, "run") == "1 run"
    assert count(2, "strategy", "strategies") == "2 strategies"
    assert metric_name("val_accuracy") == "validation accuracy"
    assert metric_name("latency_ms") == "latency ms"
