"""What is said of the trained pairs against the Record of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import require

pytestmark = pytest.mark.framework
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def comparison() -> Any:
    """The module that made the Record."""
    for package in ("torch", "timm", "onnxruntime", "scipy"):
        require(package)
    import compare_rdpose_demo

    return compare_rdpose_demo


@pytest.fixture(scope="module")
def record(comparison: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(comparison.RECORD.read_text())
    return found


def ap_of(record: dict[str, Any], variant: str, inference: str, condition: str) -> list[float]:
    wanted = {"variant": variant, "inference": inference, "condition": condition}
    rows = [row for row in record["networks"] if wanted.items() <= row.items()]
    assert [row["seed"] for row in rows] == [0, 1, 2, 3, 4]
    return [row["AP"] for row in rows]


def test_the_differences_are_those_of_the_pairs(comparison: Any, record: dict[str, Any]) -> None:
    stats = require("scipy.stats")
    assert len(record["differences"]) == 2 * len(comparison.CONDITIONS)
    for row in record["differences"]:
        bare = ap_of(record, "bare", "plain", row["condition"])
        other = ap_of(record, row["variant"], row["inference"], row["condition"])
        interval = stats.ttest_rel(other, bare).confidence_interval(record["level"])
        assert row["difference"] == pytest.approx(np.mean(other) - np.mean(bare))
        assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high))
        assert row["low"] < row["difference"] < row["high"]


def test_pairs_differ_in_their_variant_alone(record: dict[str, Any]) -> None:
    start, *runs = record["training"]
    assert (start["name"], start["model"]["variant"]) == ("start", "bare")
    pairs: dict[int, list[dict[str, Any]]] = {}
    for run in runs:
        variant, _, seed = run["name"].rpartition("-")
        assert (run["model"].pop("variant"), run["options"]["seed"]) == (variant, int(seed))
        assert run["epochs"] == run["options"]["epochs"], "it went on to its end"
        pairs.setdefault(run["options"]["seed"], []).append(run)
    assert len(pairs) == 5
    for bare, decoupled in pairs.values():
        assert (bare["model"], bare["options"]) == (decoupled["model"], decoupled["options"])
    assert len({run["sha256"] for run in record["training"]}) == 11


def test_the_documentation_says_what_was_measured(comparison: Any, record: dict[str, Any]) -> None:
    text = (ROOT / "docs" / "rdpose.md").read_text()
    assert "\n".join(comparison.table(record["differences"])) in text
