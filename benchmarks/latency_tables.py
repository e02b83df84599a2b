"""The rates of ``latency_statistics.py`` as tables of markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Rows = Sequence[Mapping[str, Any]]


def comparison_table(document: Mapping[str, Any]) -> list[str]:
    """A condition a line: false alarms, coverage, slowdowns found, half a width."""
    slower = "+" + _percent(document["slower"] - 1, 0)
    lines = _head("noise", "false alarms", "coverage", f"{slower} found", "±")
    for row in document["comparisons"]:
        shares = (_percent(row[key]) for key in ("false_alarms", "covered", "found"))
        lines.append(_line(row["condition"], *shares, _percent(row["half_width"], 2)))
    return lines


def naive_table(document: Mapping[str, Any]) -> list[str]:
    """False alarms of other analyses and other orders."""
    tests = {"runs": "Mann-Whitney, all runs", "rounds": "the one above"}
    lines = _head("analysis", "order", "noise", "false alarms")
    for row in document["naive"]:
        cells = (tests[row["unit"]], row["order"], row["condition"], _percent(row["false_alarms"]))
        lines.append(_line(*cells))
    return lines


def warning_table(document: Mapping[str, Any]) -> list[str]:
    """How often a series of runs draws each sentence."""
    lines = _head("series", "runs", "drift", "unsteady", "outliers")
    for row in document["warnings"]:
        shares = (_percent(row[kind]) for kind in ("drift", "unsteady", "outliers"))
        lines.append(_line(row["series"], str(row["runs"]), *shares))
    return lines


def _percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"


def _head(first: str, *others: str) -> list[str]:
    return [_line(first, *others), "|---" + "|--:" * len(others) + "|"]


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
