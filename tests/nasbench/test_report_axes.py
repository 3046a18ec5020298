"""Scales of regrets."""

import math

from hypothesis import given
from hypothesis import strategies as st

from nasbench.report.axes import regret_scale, ticks

regrets = st.floats(min_value=1e-7, max_value=1e3)


@given(st.lists(regrets, min_size=1, max_size=30), st.none() | st.floats(1e-4, 10))
def test_positive_regrets_get_a_logarithmic_scale_that_holds_them(values, floor):
    scale = regret_scale(values, floor)
    assert scale.kind == "log"
    assert 0 < scale.low < min(values)
    assert max(values) < scale.high
    assert all(scale.low <= tick <= scale.high for tick in scale.ticks)
    assert scale.ticks == sorted(scale.ticks)
    assert len(scale.ticks) <= 24


@given(st.lists(regrets, max_size=30), st.none() | st.floats(1e-4, 10))
def test_a_regret_of_zero_gets_a_symlog_scale_that_shows_it(values, floor):
    scale = regret_scale([*values, 0.0, 1e-12, math.nan], floor)
    assert scale.kind == "symlog"
    assert scale.low < 0
    assert scale.ticks[0] == 0
    assert max([*values, 0.0]) < scale.high
    assert scale.constant > 0


def test_the_noise_floor_is_shown_where_it_is_near():
    near, far = regret_scale([0.2, 0.5], floor=0.1), regret_scale([5.0, 9.0], floor=0.1)
    assert near.low < 0.1 < near.high
    assert not far.low < 0.1 < far.high


@given(st.floats(1e-9, 1e6), st.floats(1.5, 1e9))
def test_ticks_are_round_and_inside(low, factor):
    found = ticks(low, low * factor)
    assert all(low <= tick <= low * factor for tick in found)
    assert all(f"{tick:.1e}".split("e")[0] in {"1.0", "1.5", "2.0", "3.0", "5.0", "7.0"} for tick in found)
    if factor >= 10:
        assert len(found) >= 1
