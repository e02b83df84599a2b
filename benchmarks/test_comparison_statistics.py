"""Whether intervals, p-values and the gate are wrong as rarely as they claim.

``POSEBENCH_UPDATE_RESULTS=1`` writes the rates into ``results/``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import pytest
from comparison_statistics import RECORD, document, share_interval, table

from posebench.metrics.bootstrap import LEVEL

COVERED = (0.93, 0.97)
FALSE_ALARMS = (0.04, 0.06)
CAUGHT = 0.95
EQUALS = ("equal models", "equal models, less alike", "better keypoints, worse scores, equal AP")


@pytest.fixture(scope="module")
def rates() -> dict[str, Any]:
    found = document()
    print("", *table(found), sep="\n")
    if os.environ.get("POSEBENCH_UPDATE_RESULTS") == "1":
        RECORD.parent.mkdir(parents=True, exist_ok=True)
        RECORD.write_text(json.dumps(found, indent=1) + "\n")
    return found


def case(rates: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    (row,) = (row for row in rates["cases"] if row["case"] == name)
    found: Mapping[str, Any] = row
    return found


def test_intervals_cover_what_is_true(rates: dict[str, Any]) -> None:
    assert len(rates["cases"]) == 5
    for row in rates["cases"]:
        assert row["covered"] is None or COVERED[0] <= row["covered"] <= COVERED[1], row
        assert COVERED[0] <= row["change_covered"] <= COVERED[1], row


@pytest.mark.parametrize("name", EQUALS)
def test_equals_are_rarely_told_apart(rates: dict[str, Any], name: str) -> None:
    assert FALSE_ALARMS[0] <= case(rates, name)["shown"] <= FALSE_ALARMS[1]


def test_a_loss_of_the_margin_fails_at_most_at_the_nominal_rate(rates: dict[str, Any]) -> None:
    failed = case(rates, "loss of the margin")["failed"]
    assert share_interval(failed, rates["trials"])[0] <= (1 - LEVEL) / 2


def test_a_loss_beyond_what_is_detectable_is_caught(rates: dict[str, Any]) -> None:
    assert case(rates, "margin + detectable")["failed"] >= CAUGHT


def test_equals_do_not_fail(rates: dict[str, Any]) -> None:
    for name in EQUALS:
        assert case(rates, name)["failed"] <= (1 - LEVEL) / 2
