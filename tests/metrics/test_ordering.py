"""Sorting by words and working in two threads."""

from __future__ import annotations

import numpy as np
import pytest

from posebench.metrics.ordering import falling, rising
from posebench.metrics.threads import in_two_threads
from posebench.types import Float64Array


@pytest.mark.parametrize(
    "scores",
    [
        np.zeros(0),
        np.array([0.5]),
        np.array([0.0, -0.0, 0.0, -1.0, 1.0, -0.0]),
        np.array([1e300, -1e300, 5e-324, -5e-324, 0.1, 0.1]),
        np.random.default_rng(0).normal(size=5000),
        np.random.default_rng(1).random(5000).astype(np.float32).astype(np.float64),
        np.random.default_rng(2).integers(-3, 3, 5000).astype(np.float64),
    ],
)
def test_falling_is_the_stable_sort(scores: Float64Array) -> None:
    assert falling(scores).tolist() == np.argsort(-scores, kind="stable").tolist()


@pytest.mark.parametrize("largest", [1, 9, 1 << 16, 1 << 40])
def test_rising_is_the_stable_sort(largest: int) -> None:
    numbers = np.random.default_rng(0).integers(0, largest, 3000)
    assert rising(numbers).tolist() == np.argsort(numbers, kind="stable").tolist()


@pytest.mark.parametrize("count", [0, 1, 2, 100])
def test_results_keep_the_order_of_the_parts(count: int) -> None:
    assert in_two_threads(lambda part: part * part, range(count)) == [i * i for i in range(count)]


@pytest.mark.parametrize("count", [1, 2, 50])
def test_an_error_of_either_thread_is_raised(count: int) -> None:
    def fail(part: int) -> int:
        raise ValueError(part)

    with pytest.raises(ValueError, match=r"\d"):
        in_two_threads(fail, range(count))
