from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posebench.report.axis import Axis, around

values = st.lists(st.floats(0, 1e6), min_size=1, max_size=8)


@given(values, st.booleans())
def test_every_value_lies_on_the_axis_in_its_order(found: list[float], logarithmic: bool) -> None:
    axis = around(found, 400.0, 20.0, may_be_logarithmic=logarithmic)
    places = [axis.at(value) for value in sorted(found)]
    assert all(20.0 <= place <= 400.0 for place in places)
    assert places == sorted(places, reverse=True)
    assert axis.low <= min(found) and max(found) <= axis.high


@given(st.floats(1e-3, 1e5), st.floats(1e-3, 1e5), st.integers(2, 8))
def test_ticks_are_round_evenly_spaced_and_not_too_many(a: float, gap: float, count: int) -> None:
    axis = Axis(a, a + gap, 0.0, 1.0)
    ticks = axis.ticks(count)
    assert len(ticks) <= count + 1
    assert all(axis.low - 1e-9 * a <= tick <= axis.high * (1 + 1e-9) for tick in ticks)
    steps = [high - low for low, high in pairwise(ticks)]
    for step in steps:
        assert step == pytest.approx(steps[0], rel=1e-3)
        digit = step / 10 ** math.floor(math.log10(step) + 1e-9)
        assert min(abs(digit - d) for d in (1, 2, 5, 10)) < 0.01


def test_equal_factors_are_equally_far_apart_on_a_logarithmic_axis() -> None:
    axis = around([10.0, 1000.0], 0.0, 100.0, may_be_logarithmic=True)
    assert axis.logarithmic
    assert axis.at(100) - axis.at(10) == pytest.approx(axis.at(1000) - axis.at(100))
    assert {10, 100, 1000} <= set(axis.ticks(6))


def test_near_values_and_zero_have_an_axis_that_is_not_logarithmic() -> None:
    assert not around([10.0, 49.0], 0.0, 1.0, may_be_logarithmic=True).logarithmic
    assert not around([0.0, 49.0], 0.0, 1.0, may_be_logarithmic=True).logarithmic
    assert around([0.0], 0.0, 1.0).low == 0.0
