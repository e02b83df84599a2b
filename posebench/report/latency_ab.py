"""A comparison of two latencies in words."""

from __future__ import annotations

from posebench.latency.ab_document import LatencyComparison, SpanRatio
from posebench.report.summary import runtime_text
from posebench.report.text import table


def comparison_text(document: LatencyComparison) -> str:
    """The verdict, a Markdown table of the spans, and what there is to know."""
    baseline, candidate = document.baseline, document.candidate
    rows = [_row(ratio) for ratio in document.ratios]
    titles = ["regime", "span", "A p50 (ms)", "B p50 (ms)", "B / A", "95 % interval"]
    whole = [ratio for ratio in document.ratios if ratio.span == "end-to-end"]
    return "\n".join(
        [
            f"A: {baseline.label}, {runtime_text(baseline.runtime)}",
            f"B: {candidate.label}, {runtime_text(candidate.runtime)}",
            "",
            *(verdict(ratio) for ratio in whole),
            "",
            table(titles, rows),
            "",
            *(f"- {note}" for note in document.notes),
        ]
    ).rstrip()


def verdict(ratio: SpanRatio) -> str:
    """A sentence about the candidate."""
    low, high = (f"{bound - 1:+.1%}" for bound in (ratio.low, ratio.high))
    where = f"{ratio.span}, {ratio.regime}"
    if ratio.low <= 1 <= ratio.high:
        told = f"B is not shown to differ from A ({where}): the difference lies between {low} and"
        if ratio.detectable is None:
            return f"{told} {high}; more rounds would tell more."
        shown = f"one of {ratio.detectable:.1%} would have been shown nine times in ten"
        return f"{told} {high}; {shown}."
    way = "slower" if ratio.ratio > 1 else "faster"
    return f"B is {abs(ratio.ratio - 1):.1%} {way} than A ({where}): between {low} and {high}."


def _row(ratio: SpanRatio) -> list[str]:
    return [
        ratio.regime,
        ratio.span,
        f"{ratio.baseline_p50_ms:.3f}",
        f"{ratio.candidate_p50_ms:.3f}",
        f"{ratio.ratio:.4f}",
        f"{ratio.low:.4f} to {ratio.high:.4f}",
    ]
