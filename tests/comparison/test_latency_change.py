from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gate_results import write_result
from records import make_environment, make_latency
from support import require
from timed_results import Medians, timed_result

from posebench.comparison.campaign import same_campaign
from posebench.comparison.document import Change
from posebench.comparison.latency_change import latency_changes, measured_apart
from posebench.comparison.sources import Result, load_result

SIX = np.array([10.0, 10.3, 9.8, 10.1, 10.4, 9.9])
RANDOM = np.random.default_rng(6)
DRIFT = np.linspace(1.0, 1.5, 20) * RANDOM.normal(1, 0.002, 20)
"""What the machine does to the rounds of one run."""


@pytest.fixture
def pair(tmp_path: Path) -> Any:
    """Makes two results of given medians, one run's unless it is said otherwise."""

    def make(one: Medians, other: Medians, place: int = 1, **fields: Any) -> tuple[Result, Result]:
        first = timed_result(tmp_path, "one", one)
        return first, timed_result(tmp_path, "other", other, place, **fields)

    return make


def end_to_end(baseline: Result, candidate: Result) -> Change:
    found = {change.metric: change for change in latency_changes(baseline, candidate)}
    assert list(found) == ["latency/end-to-end/sustained", "latency/network/sustained"]
    return found["latency/end-to-end/sustained"]


def test_medians_of_processes_by_mann_and_whitney(pair: Any) -> None:
    slower = SIX[:5] * 1.02
    change = end_to_end(*pair(SIX, slower, later_s=9e5))
    expected = require("scipy.stats").mannwhitneyu(slower, SIX, method="exact")
    assert change.p == pytest.approx(float(expected.pvalue))
    assert change.test == "mann-whitney"
    ratios = np.divide.outer(slower, SIX)
    assert change.change == pytest.approx(np.exp(np.median(np.log(ratios))) - 1)
    assert change.low is not None and change.high is not None and change.detectable is not None
    assert change.low < 0.02 < change.high
    assert change.detectable == pytest.approx((1 + change.high) / (1 + change.low) - 1)
    assert change.level >= 0.95
    assert (change.unit, change.higher_is_better) == ("relative", False)
    assert (change.n, change.counted) == (5, 5 * 21)
    assert change.baseline == pytest.approx(np.median(SIX), rel=0.02)


def test_back_is_the_inverse(pair: Any) -> None:
    one, other = pair(SIX, SIX[:5] * 1.3)
    there, back = end_to_end(one, other), end_to_end(other, one)
    assert there.change is not None and back.change is not None
    assert 1 + back.change == pytest.approx(1 / (1 + there.change))
    assert back.p == pytest.approx(there.p)
    assert back.detectable == pytest.approx(there.detectable)


def test_what_a_run_does_to_both_cancels_in_pairs(pair: Any) -> None:
    one, other = 10 * DRIFT, 10.3 * DRIFT * RANDOM.normal(1, 0.002, 20)
    together = end_to_end(*pair(one, other))
    wilcoxon = require("scipy.stats").wilcoxon
    assert together.p == pytest.approx(float(wilcoxon(np.log(other / one), mode="exact").pvalue))
    assert together.test == "signed-rank"
    assert together.low is not None and together.low > 0.02
    apart = end_to_end(*pair(one, other, later_s=9e5))
    assert apart.test == "mann-whitney"
    assert apart.low is not None and apart.low < 0


def test_few_pairs_are_not_paired(pair: Any) -> None:
    assert end_to_end(*pair(SIX, SIX * 1.5)).test == "mann-whitney"


@pytest.mark.parametrize(
    "other",
    [
        {"later_s": 60.0},
        {"place": 0},
        {"environment": make_environment(fingerprint="ffff")},
        {"latency_protocol": None},
        {"files": {}},
    ],
)
def test_other_runs_are_told_apart(pair: Any, other: dict[str, Any]) -> None:
    one, same = pair(SIX, SIX, later_s=0.1)
    assert same_campaign(one, same)
    place = other.pop("place", 1)
    kept = {"files": {k: v for k, v in same.record.files.items() if k == "matches.npz"}}
    _, another = pair(SIX, SIX, place, **(kept if "files" in other else other))
    assert not same_campaign(one, another)


def test_it_is_told_that_runs_were_not_one(pair: Any) -> None:
    one, same = pair(SIX, SIX)
    assert measured_apart(one, same, latency_changes(one, same)) == []
    one, later = pair(SIX, SIX, later_s=9e5)
    (told,) = measured_apart(one, later, latency_changes(one, later))
    assert "measured in two runs" in told
    assert measured_apart(one, later, []) == []


def test_another_machine_is_no_comparison(pair: Any) -> None:
    environment = make_environment(fingerprint="ffff", cpu_cores=4)
    change = end_to_end(*pair(SIX, SIX * 2, environment=environment))
    assert change.reason == "not measured alike: machine.cpu_cores 8 → 4"
    assert change.incomparable
    assert (change.change, change.p, change.low) == (None, None, None)
    assert change.baseline is not None and change.candidate is not None


def test_too_few_processes(pair: Any) -> None:
    change = end_to_end(*pair(SIX, SIX[:1]))
    assert change.reason is not None and change.reason.startswith("6 and 1 processes are too few")
    assert not change.incomparable


def test_medians_that_an_old_record_does_not_have(pair: Any, tmp_path: Path) -> None:
    one, _ = pair(SIX, SIX)
    old = write_result(tmp_path, model="old", latency=make_latency(12.0))
    change = end_to_end(one, load_result(old))
    assert change.reason is not None and "6 and 0 processes" in change.reason
    assert change.candidate == 12.0


def test_a_side_that_was_not_timed(pair: Any, tmp_path: Path) -> None:
    one, _ = pair(SIX, SIX)
    untimed = load_result(write_result(tmp_path, model="untimed"))
    change = end_to_end(one, untimed)
    assert change.reason == "the candidate was not timed so"
    assert end_to_end(untimed, one).reason == "the baseline was not timed so"
    assert latency_changes(untimed, untimed) == []
