"""Models that have an accuracy and a latency, with the intervals of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from posebench.record import Record
from posebench.report.cells import ms_text
from posebench.report.scores import scores_of
from posebench.report.table import rows

Range = tuple[float, float]


@dataclass(frozen=True)
class Candidate:
    """A model that has both figures.

    Attributes:
        label: Its name.
        latency: End-to-end p50, ms.
        accuracy: On a scale of 100.
        latency_interval: ms, or None.
        accuracy_interval: On a scale of 100, or None.
    """

    label: str
    latency: float
    accuracy: float
    latency_interval: Range | None = None
    accuracy_interval: Range | None = None

    def told(self, metric: str) -> str:
        """Every figure, a line each."""
        accuracy = f"{metric} {self.accuracy:.1f}"
        if self.accuracy_interval:
            accuracy += " ({:.1f} to {:.1f})".format(*self.accuracy_interval)
        latency = f"p50 {ms_text(self.latency)} ms"
        if self.latency_interval:
            latency += " ({} to {})".format(*map(ms_text, self.latency_interval))
        return f"{self.label}\n{accuracy}\n{latency}"


def candidates(records: Sequence[Record]) -> list[Candidate]:
    """The models that have both figures."""
    scores, found = scores_of(records), []
    for row in rows(records):
        figure, summary = row.figures[scores.main], row.record.span("end-to-end")
        if figure.value is None or summary is None:
            continue
        drawn, timed = figure.interval, summary.interval
        found.append(
            Candidate(
                row.label,
                summary.p50_ms,
                figure.value * 100,
                (timed.low_ms, timed.high_ms) if timed else None,
                (drawn.low * 100, drawn.high * 100) if drawn else None,
            )
        )
    return found
