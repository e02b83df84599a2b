"""The verdict as Markdown, not longer than a job summary may be."""

from __future__ import annotations

from collections.abc import Sequence

from posebench.gate.table import LEFT, row
from posebench.gate.table import TITLES as COLUMNS
from posebench.gate.verdict import Verdict
from posebench.gate.wording import false_alarm_text, headline, one_line, sentence
from posebench.report.text import escape, table

LIMIT = 1_000_000
"""Bytes. GitHub drops the whole summary of a step if it is larger than 1 MiB."""
_ROOM = 400
"""Bytes for what says that something was left out."""
_LEGEND = (
    "Accuracy is on a scale of 100, a loss of latency in per cent. A loss fails when its whole "
    "interval is beyond what is accepted, and passes when no part of it is."
)


def summary(verdict: Verdict, limit: int = LIMIT) -> str:
    """The page; what does not fit is left out from the end and counted.

    Args:
        verdict: Decisions, worst first.
        limit: Largest size of the page, bytes of UTF-8.
    """
    head = f"## {escape(headline(verdict))}"
    notes = f"{escape(false_alarm_text(verdict))}\n\n{_LEGEND}"
    budget = limit - _size(head) - _size(notes) - _ROOM
    sentences = _sentences(verdict)
    told = _fitting(sentences, budget)
    lines = [[escape(cell) for cell in row(decision)] for decision in verdict.decisions]
    shown = _fitting_rows(lines, budget - sum(_size(line) + 1 for line in told))
    left_out = len(sentences) - len(told) + len(lines) - len(shown)
    cut = f"{left_out} lines did not fit and were left out; `--json` has all of them."
    parts = [head, "\n".join(told), table(COLUMNS, shown, left=LEFT), cut * bool(left_out), notes]
    return "\n\n".join(part for part in parts if part) + "\n"


def _sentences(verdict: Verdict) -> list[str]:
    """What a reader has to know: everything but what passed."""
    told = [sentence(d) for d in verdict.decisions if d.outcome != "pass"]
    return [f"- {escape(text)}" for text in [*told, *map(one_line, verdict.warnings)]]


def _fitting(lines: Sequence[str], budget: int) -> list[str]:
    """The lines from the first on that have room."""
    kept = []
    for line in lines:
        budget -= _size(line) + 1
        if budget < 0:
            break
        kept.append(line)
    return kept


def _fitting_rows(lines: Sequence[Sequence[str]], budget: int) -> list[Sequence[str]]:
    titles = _size(table(COLUMNS, [], left=LEFT))
    sized = _fitting(["| " + " | ".join(line) + " |" for line in lines], budget - titles)
    return list(lines[: len(sized)])


def _size(text: str) -> int:
    return len(text.encode())
