"""The level of latency comparisons on a noisy machine, in a few seconds.

``benchmarks/test_latency_statistics.py`` counts twenty times as many, under more kinds of noise.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from latency_noise import Noise, Plan
from support import require

from posebench.latency.location import hodges_lehmann

TRIALS = 200
LEVEL = 0.95
WRONG = 1e-6
"""Most probability that any of the tests below fails although all is well."""

CONDITIONS = {
    "independent": Noise(),
    "correlated": Noise(correlation=0.9),
    "drifting": Noise(drift=0.05, swing=0.03),
    "all together": Noise(correlation=0.9, spikes=0.01, drift=0.05, swing=0.03),
}
NAIVE = {
    "correlated": (CONDITIONS["correlated"], Plan()),
    "drifting": (CONDITIONS["drifting"], Plan(order="one after the other")),
}
BOUNDS = len(CONDITIONS) + 2  # that chance could break


@pytest.fixture(scope="module")
def statistics() -> Any:
    """The module that counts."""
    require("scipy.stats")
    import latency_statistics

    return latency_statistics


def most_alarms() -> int:
    """Alarms that a test with the level of the interval exceeds with a share of ``WRONG``."""
    coverage = hodges_lehmann(np.arange(Plan().rounds, dtype=np.float64), LEVEL).coverage
    binom = require("scipy.stats").binom
    return int(binom.isf(WRONG / BOUNDS, TRIALS, 1 - coverage))


@pytest.mark.parametrize("name", CONDITIONS)
def test_equals_are_rarely_told_apart(statistics: Any, name: str) -> None:
    random = np.random.default_rng([1, *name.encode()])
    found = statistics.intervals(CONDITIONS[name], Plan(), random, TRIALS)
    assert statistics.misses(found, 1.0) <= most_alarms()


@pytest.mark.parametrize("name", NAIVE)
def test_a_naive_analysis_would_not_pass(statistics: Any, name: str) -> None:
    random = np.random.default_rng([2, *name.encode()])
    assert statistics.run_alarms(*NAIVE[name], random, TRIALS) > most_alarms()


def test_the_naive_analysis_is_right_about_independent_runs(statistics: Any) -> None:
    random = np.random.default_rng(3)
    assert statistics.run_alarms(Noise(), Plan(), random, TRIALS) <= most_alarms()


def test_an_interval_that_always_holds_1_would_not_pass(statistics: Any) -> None:
    """A hundredth is found in 9 of 10 sessions at least, under noise as correlated as .5."""
    binom = require("scipy.stats").binom
    noise, random = Noise(correlation=0.5), np.random.default_rng(4)
    found = statistics.intervals(noise, Plan(), random, TRIALS, 1.01)
    fewest = int(binom.ppf(WRONG / BOUNDS, TRIALS, 0.9))
    assert sum(one.low > 1 for one in found) >= fewest > TRIALS / 2
