"""Weights of pictures count as copies would."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posebench.sigmas.scale import Sample, weighted_mean, weighted_median
from posebench.types import Float64Array

values = st.floats(0, 1e6, allow_subnormal=False)


@st.composite
def samples(draw: st.DrawFn) -> tuple[Sample, Float64Array]:
    """Distances on a few pictures, and how often each picture is drawn in some replicates."""
    squared = np.array(draw(st.lists(values, min_size=1, max_size=12)))
    images = draw(st.integers(1, 4))
    index = draw(st.lists(st.integers(0, images - 1), min_size=len(squared), max_size=len(squared)))
    rows = st.lists(st.integers(0, 3), min_size=images, max_size=images)
    drawn = np.array(draw(st.lists(rows, min_size=1, max_size=3)), np.float64)
    return Sample(squared, np.ones(len(squared)), np.array(index, np.int64)), drawn


@given(samples())
def test_weights_are_copies(case: tuple[Sample, Float64Array]) -> None:
    sample, drawn = case
    means, medians = weighted_mean(sample, drawn), weighted_median(sample, drawn)
    for row, mean, median in zip(drawn, means, medians, strict=True):
        copies = np.repeat(sample.squared, row[sample.image_index].astype(int))
        if len(copies):
            assert mean == pytest.approx(np.mean(copies), rel=1e-12)
            assert median == np.median(copies)
        else:
            assert np.isnan(mean) and np.isnan(median)


def test_distances_may_weigh_differently() -> None:
    weights = np.array([2 / 3, 2 / 3, 2 / 3, 1.0])
    sample = Sample(np.array([1.0, 2.0, 3.0, 10.0]), weights, np.zeros(4, np.int64))
    one = np.ones((1, 1))
    assert weighted_mean(sample, one)[0] == pytest.approx((4 + 10) / 3)
    assert weighted_median(sample, one)[0] == 3.0


def test_nothing_has_neither() -> None:
    sample = Sample(np.zeros(0), np.zeros(0), np.zeros(0, np.int64))
    assert np.isnan(weighted_mean(sample, np.ones((2, 3)))).tolist() == [True, True]
    assert np.isnan(weighted_median(sample, np.ones((2, 3)))).tolist() == [True, True]
