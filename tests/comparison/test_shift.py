"""Shifts of two samples against scipy's tests, and against every arrangement there is."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import require

from posebench.comparison.shift import paired_shift, unpaired_shift
from posebench.types import Float64Array

SMALL = st.lists(st.integers(-4, 4), min_size=5, max_size=9)


def drawn(seed: int, first: int, second: int, shift: float) -> tuple[Float64Array, Float64Array]:
    random = np.random.default_rng(seed)
    return random.gamma(2.0, size=first), random.gamma(2.0, size=second) + shift


@pytest.mark.parametrize(("first", "second"), [(4, 4), (6, 6), (3, 9), (12, 7), (30, 40)])
@pytest.mark.parametrize("shift", [0.0, 0.8, -3.0])
def test_unpaired_as_scipy(first: int, second: int, shift: float) -> None:
    mannwhitneyu = require("scipy.stats").mannwhitneyu
    one, other = drawn(first, first, second, shift)
    found = unpaired_shift(one, other)

    def p(moved: float) -> float:
        return float(mannwhitneyu(other - moved, one, method="exact").pvalue)

    assert found.p == pytest.approx(p(0.0))
    assert found.value == pytest.approx(np.median(np.subtract.outer(other, one)))
    assert found.coverage >= 0.95
    step = 1e-9
    for bound, outwards in ((found.low, -step), (found.high, step)):
        assert p(bound + outwards) == pytest.approx(1 - found.coverage)
        assert p(bound - outwards) > 1 - 0.95


@pytest.mark.parametrize("shift", [0.0, 0.3, -2.0])
def test_paired_as_scipy(shift: float) -> None:
    wilcoxon = require("scipy.stats").wilcoxon
    one, other = drawn(5, 14, 14, shift)
    found = paired_shift(one, other)
    assert found.p == pytest.approx(float(wilcoxon(other - one, mode="exact").pvalue))


def test_p_is_the_share_of_arrangements_as_uneven() -> None:
    one, other = drawn(3, 4, 5, 1.0)
    everything = np.concatenate([one, other])

    def above(chosen: tuple[int, ...]) -> int:
        rest = np.delete(everything, chosen)
        return int((everything[list(chosen)][:, None] > rest[None, :]).sum())

    all_of_them = np.array([above(chosen) for chosen in combinations(range(9), 5)])
    fewer = min(above((4, 5, 6, 7, 8)), 20 - above((4, 5, 6, 7, 8)))
    share = np.mean((all_of_them <= fewer) | (all_of_them >= 20 - fewer))
    assert unpaired_shift(one, other).p == pytest.approx(float(share))


@given(SMALL, SMALL)
def test_the_interval_leaves_out_0_where_the_test_rejects_it(
    one: list[int], other: list[int]
) -> None:
    """Whole numbers, so that ties are everywhere."""
    first, second = np.array(one, np.float64), np.array(other, np.float64)
    found = unpaired_shift(first, second)
    outside = found.low > 0 or found.high < 0
    assert outside == (found.p <= 1 - found.coverage + 1e-12)
    back = unpaired_shift(second, first)
    assert (back.low, back.value, back.high) == (-found.high, -found.value, -found.low)
    assert back.p == pytest.approx(found.p)


@given(st.lists(st.integers(-4, 4), min_size=6, max_size=12))
def test_so_it_is_for_pairs(differences: list[int]) -> None:
    values = np.array(differences, np.float64)
    found = paired_shift(np.zeros(len(values)), values)
    outside = found.low > 0 or found.high < 0
    assert outside == (found.p <= 1 - found.coverage + 1e-12)


@pytest.mark.parametrize(("first", "second"), [(3, 3), (2, 7), (1, 30), (0, 6)])
def test_too_few(first: int, second: int) -> None:
    with pytest.raises(ValueError, match="too few"):
        unpaired_shift(np.arange(first, dtype=float), np.arange(second, dtype=float))


def test_an_effect_as_large_as_the_interval_is_found() -> None:
    """600 samples of two times 6: found in 97.5 %, and .955 is three standard errors less."""
    random = np.random.default_rng(8)
    samples = random.standard_normal((600, 2, 6))
    found = [unpaired_shift(one, other) for one, other in samples]
    detectable = float(np.median([shift.high - shift.low for shift in found]))
    assert 0.955 <= np.mean([shift.low + detectable > 0 for shift in found]) <= 0.995
