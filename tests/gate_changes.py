"""Changes and subjects that are told, not measured: what the gate decides on."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from posebench.comparison.document import Change
from posebench.gate.deciding import exit_code, false_alarm, severity_order
from posebench.gate.rules import Policy
from posebench.gate.subjects import Subject
from posebench.gate.verdict import Decision, Outcome, Verdict

AP = "keypoints/AP"
LATENCY = "latency/end-to-end/sustained"


def accuracy(low: float, high: float, metric: str = AP, **fields: Any) -> Change:
    """A change of accuracy with its interval; negative is worse."""
    middle = (low + high) / 2
    known = {"baseline": 0.5, "candidate": 0.5 + middle, "n": 100, "detectable": high - low}
    return Change(metric=metric, change=middle, low=low, high=high, **(known | fields))


def latency(low: float, high: float, **fields: Any) -> Change:
    """A relative change of latency with its interval; positive is worse."""
    known = {"baseline": 10.0, "candidate": 10.0 * (1 + (low + high) / 2), "n": 6}
    return Change(
        metric=LATENCY,
        unit="relative",
        higher_is_better=False,
        change=(low + high) / 2,
        low=low,
        high=high,
        detectable=high - low,
        **(known | fields),
    )


def unknown(metric: str = AP, **fields: Any) -> Change:
    """A change of which there is nothing to tell."""
    return Change(metric=metric, reason="told by the test", **fields)


def subject(*changes: Change, model: str = "model", dataset: str = "val") -> Subject:
    return Subject(dataset, model, changes or (accuracy(-0.01, 0.01),))


def decision(outcome: Outcome = "fail", policy: Policy | None = None, **fields: Any) -> Decision:
    """A decision on AP, of which one point was lost."""
    known = {
        "dataset": "val",
        "model": "model",
        "metric": AP,
        "rule": AP,
        "margin": 0.005,
        "unit": "fraction",
        "higher_is_better": True,
        "baseline": 0.5,
        "candidate": 0.49,
        "loss": 0.01,
        "low": 0.006,
        "high": 0.014,
        "level": 0.95,
        "n": 100,
    }
    return Decision(outcome=outcome, policy=policy, **(known | fields))


def verdict(*decisions: Decision, warnings: tuple[str, ...] = ()) -> Verdict:
    ordered = tuple(sorted(decisions, key=severity_order))
    return Verdict(
        created_at=datetime(2026, 3, 1, tzinfo=timezone.utc),
        posebench_version="0.1.0",
        baseline="results",
        candidate="runs",
        rules="gate.toml",
        decisions=ordered,
        warnings=warnings,
        false_alarm=false_alarm(ordered),
        exit_code=exit_code(ordered),
    )
