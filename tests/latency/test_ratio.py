"""Ratios of latencies: what they are, and how often they are wrong."""

from __future__ import annotations

import numpy as np
import pytest
from latency_noise import Noise, Plan, sessions

from posebench.latency.location import Location
from posebench.latency.ratio import latency_ratio


def measured(seed: int, slower: float) -> list[Location]:
    """200 comparisons on a machine whose runs depend on each other, and that slows down by 2 %.

    The candidate takes ``1 + slower`` times as long as the baseline.
    """
    noise = Noise(correlation=0.9, drift=0.02)
    taken = 10 * sessions(noise, Plan(), np.random.default_rng(seed), 200)
    return [latency_ratio(one[:, 0].tolist(), ((1 + slower) * one[:, 1]).tolist()) for one in taken]


def test_by_hand() -> None:
    """Medians of 2 and 3, 1 and 1.5, ...: always half as much again."""
    baseline = [[scale, 2 * scale, 90 * scale] for scale in range(1, 8)]
    candidate = [[3 * scale] for scale in range(1, 8)]
    found = latency_ratio(baseline, candidate)
    assert (found.value, found.low, found.high) == pytest.approx((1.5, 1.5, 1.5))
    back = latency_ratio(candidate, baseline)
    assert back.value == pytest.approx(1 / 1.5)


def test_false_alarms_are_as_rare_as_they_should_be() -> None:
    """Of 200 comparisons of equals, at a coverage of 95.1 %: 2 to 20 with a probability of .998."""
    alarms = sum(not one.low <= 1 <= one.high for one in measured(11, 0.0))
    assert 2 <= alarms <= 20


def test_a_hundredth_is_found() -> None:
    found = measured(12, 0.01)
    assert sum(one.low > 1 for one in found) >= 180
    assert np.median([one.value for one in found]) == pytest.approx(1.01, abs=1e-3)


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
