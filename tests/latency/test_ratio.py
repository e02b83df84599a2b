"""Ratios of latencies: what they are, and how often they are wrong."""

from __future__ import annotations

import numpy as np
import pytest

from posebench.latency.location import Location
from posebench.latency.ratio import latency_ratio

ROUNDS, RUNS = 20, 50


def measured(random: np.random.Generator, slower: float) -> Location:
    """Two models on a machine whose runs depend on each other, and that slows down by 1 %.

    The second one takes ``1 + slower`` as long; who goes first in a round is drawn.
    """
    count = 2 * ROUNDS * RUNS
    noise, level = np.empty(count), 0.0
    for i, step in enumerate(random.normal(0, 0.006, count)):
        level = 0.9 * level + step
        noise[i] = level
    series = 10 * (1 + noise + 0.01 * np.arange(count) / count + random.exponential(0.005, count))
    pairs = series.reshape(ROUNDS, 2, RUNS)
    swapped = random.random(ROUNDS) < 0.5
    pairs[swapped] = pairs[swapped, ::-1]
    return latency_ratio(pairs[:, 0].tolist(), (pairs[:, 1] * (1 + slower)).tolist())


def test_by_hand() -> None:
    """Medians of 2 and 3, 1 and 1.5, ...: always half as much again."""
    baseline = [[scale, 2 * scale, 90 * scale] for scale in range(1, 8)]
    candidate = [[3 * scale] for scale in range(1, 8)]
    found = latency_ratio(baseline, candidate)
    assert (found.value, found.low, found.high) == pytest.approx((1.5, 1.5, 1.5))
    back = latency_ratio(candidate, baseline)
    assert back.value == pytest.approx(1 / 1.5)


def test_false_alarms_are_as_rare_as_they_should_be() -> None:
    """Of 200 comparisons of equals, at a coverage of 95.2 %: 2 to 20 with a probability of .999."""
    random = np.random.default_rng(11)
    found = [measured(random, 0.0) for _ in range(200)]
    assert 2 <= sum(not one.low <= 1 <= one.high for one in found) <= 20


def test_a_hundredth_is_found() -> None:
    random = np.random.default_rng(12)
    found = [measured(random, 0.01) for _ in range(100)]
    assert sum(one.low > 1 for one in found) >= 90
    assert np.median([one.value for one in found]) == pytest.approx(1.01, abs=2e-3)


@pytest.mark.parametrize(
    ("baseline", "candidate", "message"),
    [
        ([[1.0]] * 6, [[1.0]] * 7, "6 rounds cannot be paired with 7"),
        ([[1.0]] * 5, [[1.0]] * 5, "needs 6 values"),
        ([[1.0]] * 6, [[1.0]] * 5 + [[]], "every round needs runs"),
        ([[0.0]] * 6, [[1.0]] * 6, "times above 0"),
    ],
)
def test_what_cannot_be_compared(
    baseline: list[list[float]], candidate: list[list[float]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        latency_ratio(baseline, candidate)
