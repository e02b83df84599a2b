"""The decisions as rows of text."""

from __future__ import annotations

from posebench.gate.verdict import Decision, Verdict
from posebench.gate.wording import EMPTY, amount, figure, loss_text, one_line

LEFT = 4
"""Columns of text; those of numbers follow."""
TITLES = (
    "outcome",
    "dataset",
    "model",
    "figure",
    "baseline",
    "candidate",
    "loss [interval]",
    "accepted",
)


def rows(verdict: Verdict) -> list[list[str]]:
    """Titles, then a row for each decision, worst first."""
    return [list(TITLES), *(row(decision) for decision in verdict.decisions)]


def row(decision: Decision) -> list[str]:
    """Accuracy and its losses on a scale of 100; latency in ms, its losses in per cent."""
    d = decision
    return [
        d.outcome,
        *(one_line(text) for text in (d.dataset, d.model, d.metric)),
        figure(d.baseline, d.unit),
        figure(d.candidate, d.unit),
        loss_text(d),
        EMPTY if d.margin is None or d.unit is None else amount(d.margin, d.unit),
    ]
