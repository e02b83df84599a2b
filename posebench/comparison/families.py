"""Which changes are alike, so that one error rate holds for them together."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from typing import Literal

from posebench.comparison.document import Change
from posebench.metrics.multiple import holm

Family = Literal["main", "keypoints", "bbox", "pckh", "groups", "oks", "latency"]

ALPHA = 0.05
"""Adjusted p-value up to which a change counts as shown."""
MAIN = ("keypoints/AP", "pckh/PCKh@0.5")
"""Figures that models are ranked by."""

_TASKS: dict[str, Family] = {name: name for name in ("keypoints", "bbox", "pckh", "latency")}


def family(metric: str) -> Family:
    """The family of a metric: the question that it answers.

    ``main``: is it better? ``keypoints``, ``bbox``, ``pckh``: in which other figure of the task?
    ``groups``: on which people? ``oks``: in which keypoints? ``latency``: is it slower?
    """
    task, _, figure = metric.partition("/")
    if metric in MAIN:
        return "main"
    if figure.startswith("oks["):
        return "oks"
    if figure.endswith("]"):
        return "groups"
    return _TASKS[task]


def adjusted(changes: Sequence[Sequence[Change]]) -> list[list[Change]]:
    """The changes of all candidates with ``p_holm``: Holm's p-values, family by family.

    Args:
        changes: One sequence a candidate. A family takes in its changes in all of them.
    """
    corrected: dict[int, float] = {}
    for alike in _by_family([change for of_one in changes for change in of_one]).values():
        p_holm = holm([change.p for change in alike if change.p is not None])
        corrected |= {id(change): p for change, p in zip(alike, p_holm, strict=True)}
    return [
        [change.model_copy(update={"p_holm": corrected.get(id(change))}) for change in of_one]
        for of_one in changes
    ]


def too_few(changes: Sequence[Change], permutations: int) -> list[str]:
    """A sentence for each family in which no change can be shown, however large it is.

    Args:
        changes: Of all candidates.
        permutations: How often predictions were exchanged.
    """
    found = []
    for name, alike in _by_family(changes).items():
        one = min(alike, key=lambda change: _least_p(change, permutations))
        # Sides with other numbers of processes may reach less than equally few on both would.
        least = min(_least_p(one, permutations), *(c.p for c in alike if c.p is not None))
        if len(alike) * least > ALPHA:
            what = f"{permutations} permutations" if one.test == "swap" else f"{one.n} processes"
            found.append(f"{what} are too few to show any of {len(alike)} changes ({name}).")
    return found


def _by_family(changes: Sequence[Change]) -> dict[Family, list[Change]]:
    found: dict[Family, list[Change]] = {}
    for change in changes:
        if change.p is not None:
            found.setdefault(family(change.metric), []).append(change)
    return found


def _least_p(change: Change, permutations: int) -> float:
    """The smallest p-value that the test of a change could have given."""
    if change.test == "swap":
        return 1 / (permutations + 1)
    if change.test == "signed-rank":
        return 2.0 ** (1 - change.n)
    return 2 / comb(2 * change.n, change.n)
