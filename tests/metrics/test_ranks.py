"""Ranks that the draws leave open."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posebench.metrics.ranks import RankRange, rank_ranges
from posebench.types import Float64Array


def _drawn(
    values: Float64Array, error: float, seed: int = 0, replicates: int = 2000
) -> Float64Array:
    """Replicates whose errors are independent."""
    noise = np.random.default_rng(seed).normal(0, error, (len(values), replicates))
    return values[:, None] + noise


def test_what_is_far_apart_has_one_rank() -> None:
    values = np.array([0.2, 0.6, 0.4])
    assert rank_ranges(values, _drawn(values, 0.001)) == [
        RankRange(3, 3),
        RankRange(1, 1),
        RankRange(2, 2),
    ]


def test_what_cannot_be_told_apart_shares_its_ranks() -> None:
    values = np.array([0.50, 0.505, 0.1])
    assert rank_ranges(values, _drawn(values, 0.02)) == [
        RankRange(1, 2),
        RankRange(1, 2),
        RankRange(3, 3),
    ]


def test_errors_that_all_share_do_not_matter() -> None:
    """The difference of two models may be known far better than either of them."""
    values = np.array([0.50, 0.51])
    common = np.random.default_rng(1).normal(0, 0.1, 2000)
    assert rank_ranges(values, _drawn(values, 0.001) + common) == [RankRange(2, 2), RankRange(1, 1)]


def test_the_same_result_twice_is_never_told_apart() -> None:
    values = np.array([0.5, 0.5, 0.3])
    drawn = _drawn(values, 0.001)
    drawn[1] = drawn[0]
    assert rank_ranges(values, drawn)[:2] == [RankRange(1, 2), RankRange(1, 2)]


def test_replicates_without_a_figure_are_left_out() -> None:
    values = np.array([0.2, 0.6])
    drawn = _drawn(values, 0.001)
    drawn[0, ::7] = np.nan
    assert rank_ranges(values, drawn) == [RankRange(2, 2), RankRange(1, 1)]
    drawn[0] = np.nan
    assert rank_ranges(values, drawn) == [RankRange(1, 2), RankRange(1, 2)]


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_be_told_apart(count: int) -> None:
    values = np.zeros(count)
    assert rank_ranges(values, _drawn(values, 1.0)) == [RankRange(1, 1)] * count


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6), st.floats(1e-3, 0.3), st.integers(0, 99))
def test_the_rank_observed_lies_in_the_range(values: list[float], error: float, seed: int) -> None:
    array = np.array(values)
    ranges = rank_ranges(array, _drawn(array, error, seed, replicates=50))
    for value, found in zip(values, ranges, strict=True):
        best, worst = 1 + (array > value).sum(), (array >= value).sum()
        assert found.best <= best and worst <= found.worst


def test_the_ranges_hold_together_as_often_as_they_should() -> None:
    """True values at equal distances: all ranges right in 95 % of the trials, less chance."""
    true, error, right = np.linspace(0.5, 0.56, 4), 0.02, 0
    for trial in range(300):
        values = _drawn(true, error, trial, replicates=1)[:, 0]
        ranges = rank_ranges(values, _drawn(values, error, 1000 + trial, replicates=500))
        ranks = 1 + (true[:, None] < true).sum(axis=1)
        right += all(r.best <= k <= r.worst for r, k in zip(ranges, ranks, strict=True))
    assert right >= 267  # P(fewer) < 1e-5 at .95


def test_it_is_written_as_one_number_or_two() -> None:
    assert (str(RankRange(2, 2)), str(RankRange(1, 3))) == ("2", "1-3")
