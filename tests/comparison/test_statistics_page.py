"""What is said of intervals and decisions against the stored rates."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from support import require

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def rates() -> dict[str, Any]:
    path = ROOT / "results" / "statistics" / "comparison.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def statistics() -> Any:
    """The module that counted."""
    require("scipy.stats")
    import comparison_statistics

    return comparison_statistics


@pytest.fixture(scope="module")
def page() -> str:
    return (ROOT / "docs" / "intervals.md").read_text(encoding="utf-8")


def test_the_table_is_that_of_the_stored_rates(
    rates: dict[str, Any], page: str, statistics: Any
) -> None:
    assert "\n".join(statistics.table(rates)) in page


def test_the_text_says_what_was_simulated(rates: dict[str, Any], page: str) -> None:
    first = rates["cases"][0]
    assert f"{rates['trials']:,} datasets" in page
    assert f"{first['world']['images']} of them" in page
    assert f"a loss of {100 * rates['margin']:g} AP" in page
    for key in ("correlation_oks", "correlation_ap"):
        assert f"{first[key]:.2f}" in page


def test_the_rates_are_those_of_the_models_that_are_there(
    rates: dict[str, Any], statistics: Any
) -> None:
    assert rates["baseline"] == asdict(statistics.BASELINE)
    assert rates["cases"][0]["world"] == asdict(statistics.WORLD)
    assert (rates["trials"], rates["seed"]) == (statistics.TRIALS, statistics.SEED)
    assert rates["trials"] >= 2000
    drawn = statistics.DRAWS
    assert (rates["replicates"], rates["permutations"]) == (drawn.replicates, drawn.permutations)


def test_the_rates_are_as_nominal(rates: dict[str, Any], statistics: Any) -> None:
    for row in rates["cases"]:
        assert 0.93 <= row["change_covered"] <= 0.97, row["case"]
        assert row["covered"] is None or 0.93 <= row["covered"] <= 0.97, row["case"]
    equals, (margin, beyond) = rates["cases"][:3], rates["cases"][3:]
    assert all(0.04 <= row["shown"] <= 0.06 for row in equals)
    assert statistics.share_interval(margin["failed"], rates["trials"])[0] <= 0.025
    assert beyond["failed"] >= 0.95
