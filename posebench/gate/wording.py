"""Decisions in words and numbers, the same in every output."""

from __future__ import annotations

import math

from posebench.gate.verdict import Decision, Verdict

EMPTY = "—"
_LONGEST = 2000
"""Characters of a text that came from a file; more is cut."""
TITLES = {
    0: "passed",
    1: "failed: something became worse by more than is accepted",
    4: "failed: not everything could be compared",
    5: "failed: inconclusive",
}


def one_line(text: str) -> str:
    """Text of a user's on one line, without characters that a terminal or a log would act on.

    GitHub's log reads ``##[command]`` anywhere in a line.
    """
    printable = "".join(c if c.isprintable() else " " for c in text)
    line = " ".join(printable.split()).replace("##[", "# #[")
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def amount(value: float, unit: str | None) -> str:
    """A loss or a margin: points on a scale of 100, or per cent of a latency."""
    return f"{number(value, unit)} {_unit(unit)}"


def _unit(unit: str | None) -> str:
    return "%" if unit == "relative" else "points"


def number(value: float, unit: str | None) -> str:
    """The same without its unit; as many digits as a small margin needs."""
    digits = 1 if unit == "relative" else 2
    rounded = round(100 * value, digits) + 0.0  # no minus before a zero
    return f"{rounded:.{digits}f}"


def figure(value: float | None, unit: str | None) -> str:
    """A figure itself: accuracy on a scale of 100, latency in ms."""
    if value is None:
        return EMPTY
    return f"{value:.2f} ms" if unit == "relative" else f"{100 * value:.2f}"


def loss_text(decision: Decision) -> str:
    """The loss with its interval."""
    d = decision
    if d.loss is None or d.low is None or d.high is None:
        return EMPTY
    return f"{number(d.loss, d.unit)} [{number(d.low, d.unit)}, {number(d.high, d.unit)}]"


def subject_text(decision: Decision) -> str:
    """Which model and figure, on which dataset."""
    d = decision
    return one_line(f"{d.model} on {d.dataset}{'' if d.rule is None else f', {d.metric}'}")


def sentence(decision: Decision) -> str:
    """What was decided, and why."""
    d = decision
    told = subject_text(d)
    if d.loss is None:
        return f"{told}: {d.outcome}, {one_line(d.reason or 'no reason was given')}"
    worse = f"{told}: {_change_text(d)}"
    if d.outcome == "fail":
        return f"{worse}, more than {_accepted(d)}.{_to_acknowledge(d)}"
    if d.outcome == "acknowledged":
        return f"{worse}, acknowledged: {one_line(d.reason or '')}"
    if d.outcome == "pass":
        better = d.loss <= 0
        return f"{worse}." if better else f"{worse}, not more than {_accepted(d)}."
    return f"{worse}; the loss may be more than {_accepted(d)} or not.{_needed(d)}"


def _change_text(decision: Decision) -> str:
    """The change in words, a gain as one."""
    d = decision
    assert d.loss is not None and d.low is not None and d.high is not None, "it was compared"
    if d.loss == d.low == d.high == 0:
        return "unchanged"
    if d.loss >= 0:
        return f"worse by {loss_text(d)} {_unit(d.unit)}"
    gain, low, high = (number(-value, d.unit) for value in (d.loss, d.high, d.low))
    return f"better by {gain} [{low}, {high}] {_unit(d.unit)}"


def _accepted(decision: Decision) -> str:
    d = decision
    margin = f"the {amount(d.margin or 0.0, d.unit)} accepted"
    if d.outcome == "pass" or d.tolerated is None or d.tolerated <= (d.margin or 0.0):
        return margin
    return f"{margin} and the {amount(d.tolerated, d.unit)} acknowledged"


def _to_acknowledge(decision: Decision) -> str:
    """The loss that an acknowledgement has to name, rounded up."""
    if decision.high is None:
        return ""
    loss = math.ceil(decision.high * 1e4) / 1e4
    return f" To accept it for a time, acknowledge a loss of {loss:.4f}."


def margin_text(decision: Decision) -> str:
    """That a margin is smaller than what the data show, for a figure that was decided all the same.

    The outcome of such a rule depends more on luck than on the candidate.
    """
    margin = amount(decision.margin or 0.0, decision.unit)
    return f"{subject_text(decision)}: the margin of {margin} is small.{_needed(decision)}"


def _needed(decision: Decision) -> str:
    d = decision
    if d.needed is None:
        return ""
    what = "processes" if d.unit == "relative" else "pictures"
    shown = amount(d.detectable or 0.0, d.unit)
    return f" {d.n} {what} show no less than {shown}, about {d.needed} {what} would do."


def false_alarm_text(verdict: Verdict) -> str:
    """How often the gate fails for nothing."""
    decided = sum(d.level is not None for d in verdict.decisions)
    if not decided:
        return "No figure was tested."
    return (
        f"Figures tested: {decided}. If no loss is larger than accepted, the chance that any fails "
        f"nevertheless is at most {100 * verdict.false_alarm:.1f} %."
    )


def headline(verdict: Verdict) -> str:
    """The result in a few words."""
    undecided = _undecided(verdict)
    passed = verdict.exit_code == 0 and undecided
    told = f"not failed: {undecided}" if passed else TITLES[verdict.exit_code]
    return f"posebench gate {told} (exit code {verdict.exit_code})"


def _undecided(verdict: Verdict) -> str:
    """How much was not shown to be good enough; empty if all was."""
    outcomes = [d.outcome for d in verdict.decisions if d.policy is not None]
    open_ones = outcomes.count("inconclusive")
    others = len(outcomes) - open_ones
    return ", ".join(
        text
        for count, text in (
            (open_ones, f"{open_ones} figure{'s' * (open_ones != 1)} undecided"),
            (others, f"{others} not compared"),
        )
        if count
    )
