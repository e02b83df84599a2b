"""The latency of a report's models, a line a regime."""

from __future__ import annotations

from collections.abc import Sequence

from posebench.config import Regime
from posebench.record import Record
from posebench.report.cells import ms_text, span_text
from posebench.report.summary import sentence
from posebench.report.table import SPANS, Row
from posebench.report.text import EMPTY, Footnotes, escape, table

_P99 = "end-to-end p99 (ms)"
_SURE = ("end-to-end p50, 95 % interval", _P99)
"""Columns that only many runs and processes fill."""


def latency_table(lines: Sequence[Row], notes: Footnotes) -> str:
    """Medians and 95th percentiles of the spans, and how sure the whole is.

    Args:
        lines: Models that were measured.
        notes: Take up why a figure is missing and what there is to know of a model's latency.
    """
    spans = [span for span in SPANS if any(row.record.span(span) for row in lines)]
    runs = [(row, regime) for row in lines for regime in row.record.regimes or (None,)]
    sure = [column for column in _SURE if any(_text(*run, column) != EMPTY for run in runs)]
    titles = ["model", "regime", *(f"{span} p50 / p95 (ms)" for span in spans), *sure]
    body = [
        [
            escape(row.label) + _notes(row.record, regime, notes),
            regime or EMPTY,
            *(span_text(row.record, span, notes, regime) for span in spans),
            *(_text(row, regime, column) for column in sure),
            *(_counted(row.record, regime, field) for field in ("batch", "warmup", "samples")),
        ]
        for row, regime in runs
    ]
    return table([*titles, "batch", "warm-up", "runs"], body, left=2)


def _notes(record: Record, regime: Regime | None, notes: Footnotes) -> str:
    """Marks of what concerns this regime, or both."""
    prefixes = {f"{name.capitalize()}: ": name == regime for name in record.regimes}
    told = []
    for note in record.latency_notes:
        prefix = next((p for p in prefixes if note.startswith(p)), "")
        if prefixes.get(prefix, True):
            told.append(note.removeprefix(prefix))
    return "".join(notes.mark(escape(sentence(note))) for note in told)


def _text(row: Row, regime: Regime | None, column: str) -> str:
    """One of ``_SURE``, of the whole from the decoded picture to people."""
    summary = row.record.span("end-to-end", regime)
    if summary is None:
        return EMPTY
    if column == _P99:
        return EMPTY if summary.p99_ms is None else ms_text(summary.p99_ms)
    interval = summary.interval
    return f"{ms_text(interval.low_ms)} to {ms_text(interval.high_ms)}" if interval else EMPTY


def _counted(record: Record, regime: Regime | None, field: str) -> str:
    cells = [cell for cell in record.cells(regime) if cell.people is None]
    values = [cell.summary.n if field == "samples" else getattr(cell, field) for cell in cells]
    return ", ".join(str(value) for value in sorted(set(values))) or EMPTY
