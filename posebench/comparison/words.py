"""Changes in words: one sentence on the accuracy of a candidate, one on its latency."""

from __future__ import annotations

from collections.abc import Sequence

from posebench.comparison.document import Change, Pair
from posebench.comparison.families import ALPHA, MAIN

_VERDICT_LATENCY = "latency/end-to-end/"


def is_shown(change: Change) -> bool:
    """Whether there is a change beyond what chance does, in the light of all that are alike.

    Test and interval must both say so: either alone can be carried by a few pictures.
    """
    return _passes(change) and _leaves_out_0(change)


def verdicts(pair: Pair, baseline: str, candidate: str) -> list[str]:
    """What a reader wants to know first, in sentences.

    Args:
        pair: A candidate against the baseline.
        baseline: How the baseline is called.
        candidate: How the candidate is called.
    """
    accuracy = (c for c in pair.changes if c.metric in MAIN)
    latency = _first_told([c for c in pair.changes if c.metric.startswith(_VERDICT_LATENCY)])
    return [
        *(_of_accuracy(change, baseline, candidate) for change in accuracy),
        *(_of_latency(change, baseline, candidate) for change in latency),
    ]


def figure_name(metric: str) -> str:
    """A metric as tables call it, e.g. ``box AP`` or ``AP, crowding 0``."""
    task, _, figure = metric.partition("/")
    if task == "latency":
        span, _, regime = figure.partition("/")
        return f"{span}, {regime} (ms)"
    name, _, group = figure.removesuffix("]").partition("[")
    name = {"oks": "OKS"}.get(name, f"box {name}" if task == "bbox" else name)
    return f"{name}, {group.replace('_', ' ')}" if group else name


def value_text(change: Change, value: float | None) -> str:
    """A figure of accuracy on a scale of 100, a latency in ms; empty without one."""
    if value is None:
        return ""
    return f"{value * 100:.2f}" if change.unit == "fraction" else f"{value:.2f}"


def change_text(change: Change, value: float, *, signed: bool = True) -> str:
    """A change or a bound of it: on a scale of 100, or in percent of the baseline."""
    sign = "+" if signed else ""
    if change.unit == "fraction":
        return format(value * 100, f"{sign}.2f")
    return format(value, f"{sign}.1%")


def interval_text(change: Change) -> str:
    """``+0.35 to +6.52``; empty without an interval."""
    if change.low is None or change.high is None:
        return ""
    return f"{change_text(change, change.low)} to {change_text(change, change.high)}"


def p_text(p: float | None) -> str:
    """Three decimals; empty without one."""
    if p is None:
        return ""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _passes(change: Change) -> bool:
    return change.p_holm is not None and change.p_holm <= ALPHA


def _leaves_out_0(change: Change) -> bool:
    if change.low is None or change.high is None:
        return False
    return change.low > 0 or change.high < 0


def _first_told(changes: Sequence[Change]) -> list[Change]:
    """The first change that there is, else the first reason why there is none."""
    told = [change for change in changes if change.change is not None]
    return (told or list(changes))[:1]


def _doubt(change: Change, what: str) -> str:
    """What to say of a change that is not shown: what would have been."""
    assert change.detectable is not None, "a change has it"
    if _leaves_out_0(change):
        return "the interval leaves out 0, but the test does not bear it out"
    if _passes(change):
        return "the test bears it out, but the interval does not leave out 0"
    size = change_text(change, change.detectable, signed=False)
    return f"so many {what} would have shown a change of {size}"


def _of_accuracy(change: Change, baseline: str, candidate: str) -> str:
    name = figure_name(change.metric)
    if change.change is None:
        return f"{name} is not compared: {change.reason}."
    amount = f"{change_text(change, change.change)} ({interval_text(change)})"
    p = f"adjusted p = {p_text(change.p_holm)}"
    if is_shown(change):
        way = "better" if change.change > 0 else "worse"
        return f"{candidate} is {way} than {baseline}: {name} {amount}, {p}."
    if change.low == change.high == 0:
        return f"{candidate} has the same {name} as {baseline}, whichever pictures are drawn."
    return (
        f"{candidate} is not shown to differ from {baseline} in {name}: {amount}, {p}; "
        f"{_doubt(change, 'pictures')}."
    )


def _of_latency(change: Change, baseline: str, candidate: str) -> str:
    where = figure_name(change.metric).removesuffix(" (ms)")
    if change.change is None:
        return f"Latency is not compared ({where}): {change.reason}."
    interval, p = interval_text(change), f"adjusted p = {p_text(change.p_holm)}"
    if is_shown(change):
        way = "more" if change.change > 0 else "less"
        amount = change_text(change, abs(change.change), signed=False)
        return f"{candidate} takes {amount} {way} time than {baseline} ({where}): {interval}, {p}."
    return (
        f"{candidate} is not shown to be slower or faster than {baseline} ({where}): "
        f"{interval}, {p}; {_doubt(change, 'processes')}."
    )
