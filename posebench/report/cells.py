"""Figures as cells of a page's tables: a dash has a footnote that says why."""

from __future__ import annotations

from collections.abc import Callable

from posebench.config import Regime
from posebench.record import ClaimInfo, Estimate, Record
from posebench.report.summary import sentence
from posebench.report.table import latency
from posebench.report.text import EMPTY, Footnotes, escape, link_or_text


def figure_text(figure: Estimate, text: Callable[[float], str], notes: Footnotes) -> str:
    """A figure as ``text`` prints it, or a dash."""
    if figure.value is not None:
        return text(figure.value)
    return EMPTY + notes.mark(escape(sentence(figure.reason or "not measured")))


def span_text(record: Record, span: str, notes: Footnotes, regime: Regime | None = None) -> str:
    """The median and the 95th percentile of a span, ms, or a dash for either."""
    p50, p95 = (latency(record, span, q, regime) for q in ("p50_ms", "p95_ms"))
    if p50.value is None:
        return figure_text(p50, ms_text, notes)
    return f"{ms_text(p50.value)} / {figure_text(p95, ms_text, notes)}"


def claim_text(claim: ClaimInfo, text: str, notes: Footnotes) -> str:
    """A published figure as ``text`` has it; a footnote gives its source and protocol."""
    protocol = escape(sentence(claim.protocol)) if claim.protocol else "not stated."
    note = f"Published: {link_or_text(claim.source)}; protocol: {protocol}"
    return escape(text) + notes.mark(note)


def ms_text(value: float) -> str:
    """Milliseconds to the hundredth."""
    return f"{value:.2f}"
