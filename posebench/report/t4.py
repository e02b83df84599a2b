"""What a Record says of latency on a T4, beside what was published.

The T4 with TensorRT in FP16, batch 1, is what the field publishes latency for. A figure counts as
measured there only if the whole setting is that one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from posebench.record import ClaimInfo, Estimate, Record, Span
from posebench.report.cells import claim_text, figure_text, ms_text
from posebench.report.table import Row, latency, published
from posebench.report.text import EMPTY, Footnotes

TITLES = ("T4 engine / with postprocess p50 (ms)", "published T4 (ms)")
_SPANS: dict[str, Span] = {
    "t4_engine_p50_ms": "device",
    "t4_with_postprocess_p50_ms": "network+postprocess",
}
"""By column of the plotted data. The engine alone is told by the GPU's own clock."""
_BOARD = re.compile(r" on ([^,(]+)")
"""In a provider: the GPU that CUDA gave each of its sessions."""
_T4 = re.compile(r"(NVIDIA )?(Tesla )?T4")
_PUBLISHED_ON = re.compile(r"\bT4\b")


def t4_latency(record: Record, span: Span) -> Estimate:
    """The paced median of a span (ms) on a T4 with TensorRT in FP16, or why there is none."""
    obstacle = _obstacle(record)
    if obstacle:
        return Estimate(value=None, reason=obstacle, unit="ms", higher_is_better=False)
    return latency(record, span, "p50_ms", "paced")


def published_t4(record: Record) -> tuple[ClaimInfo, ...]:
    """Published latencies of the model whose protocol names the T4."""
    claims = published(record, "latency_ms")
    return tuple(claim for claim in claims if _PUBLISHED_ON.search(claim.protocol))


def t4_titles(lines: Sequence[Row]) -> tuple[str, ...]:
    """Headings of the columns; none if nothing was measured or published on a T4."""
    measured = t4_columns([row.record for row in lines])
    return TITLES if measured or any(published_t4(row.record) for row in lines) else ()


def t4_cells(row: Row, notes: Footnotes) -> list[str]:
    """Measured and published figures of a row, in the order of ``TITLES``."""
    claims = [claim_text(claim, _text(claim), notes) for claim in published_t4(row.record)]
    unknown = EMPTY + notes.mark("No published latency on a T4 is known for this model.")
    return [_measured(row.record, notes), ", ".join(claims) or unknown]


def t4_columns(records: Sequence[Record]) -> dict[str, list[float]]:
    """Measured figures for a data frame, NaN where there is none; nothing if there are none."""
    found = {key: [t4_latency(r, span).value for r in records] for key, span in _SPANS.items()}
    if all(value is None for values in found.values() for value in values):
        return {}
    return {key: [float("nan") if v is None else v for v in vs] for key, vs in found.items()}


def _obstacle(record: Record) -> str:
    runtime = record.runtime
    if record.status != "ok" or runtime is None:
        return "the run failed"
    if (runtime.name, runtime.precision) != ("tensorrt", "fp16"):
        return "this was not measured in TensorRT in FP16"
    boards = _BOARD.findall(runtime.provider)
    if not boards or not all(_T4.fullmatch(board.strip()) for board in boards):
        return "this was not measured on a T4"
    return "" if "paced" in record.regimes else "the paced regime was not measured"


def _measured(record: Record, notes: Footnotes) -> str:
    if record.status != "ok":
        return EMPTY
    figures = [t4_latency(record, span) for span in _SPANS.values()]
    # One dash for the whole cell, unless one of the two was measured.
    shown = figures if any(figure.value is not None for figure in figures) else figures[:1]
    return " / ".join(figure_text(figure, ms_text, notes) for figure in shown)


def _text(claim: ClaimInfo) -> str:
    return f"{claim.value:g} ({claim.weights})" if claim.weights else f"{claim.value:g}"
