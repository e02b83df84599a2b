"""Whether comparisons of latencies, and warnings about them, are wrong as rarely as they claim.

``POSEBENCH_UPDATE_RESULTS=1`` writes the rates into ``results/``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import pytest
from latency_statistics import (
    CONDITIONS,
    LEVEL,
    NAIVE,
    NO_LEVEL,
    POWER,
    RECORD,
    document,
    share_interval,
)
from latency_tables import comparison_table, naive_table, warning_table

FALSE_ALARMS = (0.03, 0.07)
COVERED = (0.93, 0.97)
NAIVE_ALARMS = 0.2
STEADY = ("independent", "AR(1) .5", "spikes")
FALSE_WARNINGS = 0.05
CORRELATED = "AR(1) .9"
FALSE_WARNINGS_OF_CORRELATED = 0.07
FAULTS = {"drift of 5 %": "drift", "spread of 10 %": "unsteady", "spikes in a tenth": "outliers"}
FAULTS_FOUND = {60: 0.8, 300: 0.99}

KEPT = [name for name in CONDITIONS if name != NO_LEVEL]


@pytest.fixture(scope="module")
def rates() -> dict[str, Any]:
    found = document()
    for table in (comparison_table, naive_table, warning_table):
        print("", *table(found), sep="\n")
    if os.environ.get("POSEBENCH_UPDATE_RESULTS") == "1":
        RECORD.parent.mkdir(parents=True, exist_ok=True)
        RECORD.write_text(json.dumps(found, indent=1) + "\n")
    return found


def compared(rates: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    (row,) = (row for row in rates["comparisons"] if row["condition"] == name)
    found: Mapping[str, Any] = row
    return found


@pytest.mark.parametrize("name", KEPT)
def test_equals_are_rarely_told_apart(rates: dict[str, Any], name: str) -> None:
    assert FALSE_ALARMS[0] <= compared(rates, name)["false_alarms"] <= FALSE_ALARMS[1]


@pytest.mark.parametrize("name", KEPT)
def test_intervals_cover_the_true_ratio(rates: dict[str, Any], name: str) -> None:
    assert COVERED[0] <= compared(rates, name)["covered"] <= COVERED[1]


@pytest.mark.parametrize("name", KEPT)
def test_a_hundredth_is_found(rates: dict[str, Any], name: str) -> None:
    found = compared(rates, name)["found"]
    assert share_interval(found, rates["trials"])[0] >= POWER


def test_a_process_for_the_whole_session_is_part_of_the_candidate(rates: dict[str, Any]) -> None:
    assert compared(rates, NO_LEVEL)["false_alarms"] > 0.5


def test_naive_analyses_see_differences_between_equals(rates: dict[str, Any]) -> None:
    """All but the one of independent runs, where the test of runs is right."""
    assert len(rates["naive"]) == len(NAIVE)
    for row in rates["naive"]:
        if row["unit"] == "runs" and row["condition"] == "independent":
            assert FALSE_ALARMS[0] <= row["false_alarms"] <= FALSE_ALARMS[1]
        elif row["unit"] == "runs" or row["order"] == "one after the other":
            assert row["false_alarms"] > NAIVE_ALARMS, row
        else:
            assert share_interval(row["false_alarms"], rates["trials"])[0] > 1 - LEVEL, row


def test_steady_series_are_let_alone(rates: dict[str, Any]) -> None:
    steady = [row for row in rates["warnings"] if row["series"] in STEADY]
    assert len(steady) == 2 * len(STEADY)
    assert max(row["any"] for row in steady) <= FALSE_WARNINGS


def test_correlated_series_are_let_alone(rates: dict[str, Any]) -> None:
    correlated = [row for row in rates["warnings"] if row["series"] == CORRELATED]
    assert len(correlated) == 2
    assert max(row["any"] for row in correlated) <= FALSE_WARNINGS_OF_CORRELATED


def test_faults_are_named(rates: dict[str, Any]) -> None:
    faulty = [row for row in rates["warnings"] if row["series"] in FAULTS]
    assert len(faulty) == 2 * len(FAULTS)
    for row in faulty:
        assert row[FAULTS[row["series"]]] >= FAULTS_FOUND[row["runs"]], row
