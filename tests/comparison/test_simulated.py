"""Intervals, p-values and the gate on simulated models, in a few seconds.

``benchmarks/test_comparison_statistics.py`` counts many more, on larger datasets.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support import require

from posebench.metrics.paired import Draws

TRIALS = 100
DRAWS = Draws(replicates=200, permutations=99)
WRONG = 1e-6
"""Most probability that any of the tests below fails although all is well."""
BOUNDS = 5
NOMINAL, OF_SMALL_DATASETS = 0.05, 0.03
"""Level of a test, and what intervals of few pictures may miss beyond it."""


@pytest.fixture(scope="module")
def statistics() -> Any:
    """The module that counts."""
    require("scipy.stats")
    import comparison_statistics

    return comparison_statistics


@pytest.fixture(scope="module")
def trials(statistics: Any) -> tuple[Any, list[Any]]:
    """Two equal models."""
    world = replace(statistics.WORLD, images=120)
    true = statistics.true_aps(world, (statistics.BASELINE, statistics.BASELINE), 20_000)[0]
    case = statistics.Case("equal", statistics.BASELINE, world, 0.0, true)
    return case, statistics.trials_of(case, TRIALS, DRAWS)


def most(probability: float) -> int:
    """A count that chance exceeds with a share of ``WRONG``."""
    return int(require("scipy.stats").binom.isf(WRONG / BOUNDS, TRIALS, probability))


def test_equals_are_rarely_told_apart(trials: tuple[Any, list[Any]]) -> None:
    assert sum(one.change.p <= NOMINAL for one in trials[1]) <= most(NOMINAL)


def test_intervals_rarely_miss(trials: tuple[Any, list[Any]]) -> None:
    missed = NOMINAL + OF_SMALL_DATASETS
    assert sum(not one.covered for one in trials[1]) <= most(missed)
    outside = sum(not one.change.low <= 0 <= one.change.high for one in trials[1])
    assert outside <= most(missed)


def test_equals_rarely_fail_at_no_margin(statistics: Any, trials: tuple[Any, list[Any]]) -> None:
    """With a margin of 0 their loss is exactly the margin."""
    failed = sum(statistics.outcome(one.change, 0.0) == "fail" for one in trials[1])
    assert failed <= most((NOMINAL + OF_SMALL_DATASETS) / 2)


def test_a_loss_beyond_what_is_detectable_is_caught(statistics: Any) -> None:
    world = replace(statistics.WORLD, images=120)
    poor = statistics.Case("poor", statistics.Model(skill=-0.3), world, -1.0, 0.0)
    found = statistics.trials_of(poor, 20, replace(DRAWS, permutations=1))
    losses = [-one.change.change for one in found]
    detectable = max(one.change.detectable for one in found)
    assert sum(losses) / len(losses) > statistics.MARGIN + detectable, "or else it shows nothing"
    assert all(statistics.outcome(one.change) == "fail" for one in found)


def test_the_two_models_see_the_same_difficulties(trials: tuple[Any, list[Any]]) -> None:
    assert 0.5 < sum(one.oks for one in trials[1]) / TRIALS < 0.9
