"""One change, one margin, one decision: a test of non-inferiority by the interval of the loss.

A loss is a change for the worse. It fails only when even the lower end of its interval is beyond
the margin, and passes only when the upper end is not. With a two-sided interval of 95 % each of the
two is a one-sided test at 2.5 % (Walker and Nowacki 2011, "Understanding equivalence and
noninferiority testing", J Gen Intern Med 26).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from posebench.comparison.document import Change
from posebench.gate.rules import Unclear
from posebench.gate.verdict import Decision, ExitCode, Outcome

_SEVERITIES = ("error", "warning", "note")


@dataclass(frozen=True)
class Loss:
    """How much worse a candidate is, with its interval; negative if it is better."""

    value: float
    low: float
    high: float


def loss_of(change: Change) -> Loss | None:
    """The loss behind a change, whichever direction is better; None without an interval."""
    if change.change is None or change.low is None or change.high is None:
        return None
    if change.higher_is_better:
        return Loss(0.0 - change.change, 0.0 - change.high, 0.0 - change.low)
    return Loss(change.change, change.low, change.high)


def outcome_of(loss: Loss, margin: float, tolerated: float | None = None) -> Outcome:
    """The outcome of a loss.

    Args:
        loss: With its interval.
        margin: Largest loss that is accepted.
        tolerated: Largest loss that is accepted for a time; None: no other than ``margin``.
    """
    most = margin if tolerated is None else max(margin, tolerated)
    if loss.high <= margin:
        return "pass"
    if loss.high <= most:
        return "acknowledged"
    return "fail" if loss.low > most else "inconclusive"


def unclear_outcome(change: Change) -> Unclear:
    """Why there is no loss to tell of a change."""
    if change.incomparable:
        return "incomparable"
    if change.candidate is None and change.baseline is None:
        return "inconclusive"
    if change.candidate is None:
        return "missing"
    return "no-baseline" if change.baseline is None else "inconclusive"


def needed(change: Change, margin: float) -> int | None:
    """How many pictures or processes would make the detectable change as small as the margin.

    The standard error falls with the square root of their number, so this is
    n · (detectable / margin)². None if there are enough, or no number is.
    """
    if change.detectable is None or change.detectable <= margin or margin == 0:
        return None
    return math.ceil(change.n * (change.detectable / margin) ** 2)


def severity_order(decision: Decision) -> tuple[int, bool, bool, str, str, str]:
    """Sorts decisions, worst first."""
    return (
        _SEVERITIES.index(decision.severity),
        decision.outcome != "fail",
        decision.outcome == "pass",
        decision.dataset,
        decision.model,
        decision.metric,
    )


def false_alarm(decisions: Sequence[Decision]) -> float:
    """Bonferroni's bound of the probability that a rule fails though no loss is beyond a margin.

    Each interval lies beyond the true loss with half the probability of missing it.
    """
    return min(1.0, sum((1 - d.level) / 2 for d in decisions if d.level is not None))


def exit_code(decisions: Sequence[Decision]) -> ExitCode:
    """The exit code of the gate: what was shown counts more than what could not be."""
    failing = {d.outcome for d in decisions if d.severity == "error"}
    if "fail" in failing:
        return 1
    if failing - {"inconclusive"}:
        return 4
    return 5 if failing else 0
