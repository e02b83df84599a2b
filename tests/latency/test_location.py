"""The Hodges-Lehmann estimate against scipy's signed-rank test and by its definition."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from support import require

from posebench.latency.location import fewest_values, hodges_lehmann

VALUES = arrays(
    np.float64, st.integers(8, 40), elements=st.floats(-1e3, 1e3, width=32), unique=True
)


def distinct(values: npt.NDArray[np.float64]) -> bool:
    """Whether a signed-rank test of any shift between the values has no ties."""
    sums = [a + b for a, b in combinations_with_replacement(values.tolist(), 2)]
    return len(set(sums)) == len(sums)


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("count", [8, 13, 30])
def test_the_interval_holds_the_centres_that_the_signed_rank_test_does_not_reject(
    count: int, level: float
) -> None:
    wilcoxon = require("scipy.stats").wilcoxon
    values = np.random.default_rng(count).gamma(2.0, size=count)
    assert distinct(values)
    found = hodges_lehmann(values, level)
    step = 1e-9
    for centre, kept in (
        (found.low - step, False), (found.low + step, True),
        (found.high - step, True), (found.high + step, False),
    ):  # fmt: skip
        p = wilcoxon(values - centre, mode="exact").pvalue
        assert (p > 1 - level) == kept
    assert wilcoxon(values - found.low + step, mode="exact").pvalue == pytest.approx(
        1 - found.coverage
    )
    assert level <= found.coverage < 1


def test_six_values_by_hand() -> None:
    """The exact interval of six values is that of all of them, with 1 - 2 / 64."""
    found = hodges_lehmann([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
    assert (found.low, found.high, found.coverage) == (1.0, 32.0, 1 - 2 / 64)
    pairs = combinations_with_replacement([1, 2, 4, 8, 16, 32], 2)
    assert found.value == np.median([(a + b) / 2 for a, b in pairs])


@given(VALUES, st.floats(-100, 100), st.floats(0.1, 10))
def test_it_moves_and_grows_with_the_values(
    values: npt.NDArray[np.float64],
    shift: float,
    scale: float,
) -> None:
    plain, moved = hodges_lehmann(values), hodges_lehmann(shift - scale * values)
    assert plain.low <= plain.value <= plain.high
    expected = (shift - scale * plain.high, shift - scale * plain.value, shift - scale * plain.low)
    assert (moved.low, moved.value, moved.high) == pytest.approx(expected, abs=1e-6)


def test_a_twentieth_of_the_intervals_miss() -> None:
    """400 samples of 12, whose exact coverage is .9575; .92 is five standard deviations off."""
    random = np.random.default_rng(3)
    found = [hodges_lehmann(random.standard_t(3, 12)) for _ in range(400)]
    assert found[0].coverage == pytest.approx(0.9575, abs=1e-4)
    covered = np.mean([one.low <= 0 <= one.high for one in found])
    assert 0.92 <= covered <= 0.99


@pytest.mark.parametrize(("level", "fewest"), [(0.9, 5), (0.95, 6), (0.99, 8)])
def test_few_values_have_no_interval(level: float, fewest: int) -> None:
    assert fewest_values(level) == fewest
    values = np.arange(fewest, dtype=np.float64)
    assert hodges_lehmann(values, level).coverage >= level
    with pytest.raises(ValueError, match=f"needs {fewest} values"):
        hodges_lehmann(values[1:], level)


def test_a_value_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        hodges_lehmann([1.0] * 7 + [float("nan")])
