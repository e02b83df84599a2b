"""What is said of latency comparisons against the stored rates."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import latency_tables
import pytest
from latency_noise import Plan
from support import require

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def rates() -> dict[str, Any]:
    path = ROOT / "results" / "statistics" / "latency-ab.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def page() -> str:
    return (ROOT / "docs" / "latency-statistics.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["comparison_table", "naive_table", "warning_table"])
def test_the_tables_are_the_stored_rates(rates: dict[str, Any], page: str, name: str) -> None:
    assert "\n".join(getattr(latency_tables, name)(rates)) in page


def test_the_text_says_what_was_simulated(rates: dict[str, Any], page: str) -> None:
    plan = rates["plan"]
    assert f"{rates['trials']:,} sessions" in page
    assert f"{plan['rounds']} rounds of {plan['runs']} runs" in page
    assert (plan["rounds"], plan["runs"]) == (Plan().rounds, Plan().runs)


def test_the_rates_are_those_of_the_noise_that_is_there(rates: dict[str, Any]) -> None:
    require("scipy.stats")
    import latency_statistics

    conditions = latency_statistics.CONDITIONS
    assert rates["noise"] == {name: asdict(noise) for name, noise in conditions.items()}
    assert [row["condition"] for row in rates["comparisons"]] == list(conditions)
    assert (rates["trials"], rates["seed"]) == (latency_statistics.TRIALS, latency_statistics.SEED)


def test_a_hundredth_is_found_nine_times_in_ten(rates: dict[str, Any]) -> None:
    require("scipy.stats")
    from latency_statistics import NO_LEVEL, POWER, share_interval

    found = [row["found"] for row in rates["comparisons"] if row["condition"] != NO_LEVEL]
    assert share_interval(min(found), rates["trials"])[0] >= POWER
