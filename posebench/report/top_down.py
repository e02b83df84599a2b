"""The part of a page on top-down models: their boxes, and what each person costs."""

from __future__ import annotations

from collections.abc import Sequence

from posebench.record import Record
from posebench.report.cells import figure_text, ms_text, span_text
from posebench.report.scores import Scores
from posebench.report.summary import boxes_text, sentence
from posebench.report.table import DETECTED_SPANS, Row
from posebench.report.text import EMPTY, Footnotes, escape, table


def top_down(lines: Sequence[Row], scores: Scores, notes: Footnotes) -> list[str]:
    """Boxes of the top-down models, and what each person costs; nothing without such models.

    Boxes that are always the annotated ones have no AP worth telling.
    """
    lines = [row for row in lines if row.record.boxes is not None]
    if not lines:
        return []
    groups = sorted({cell.people for row in lines for cell in row.record.cells() if cell.people})
    titles = ["model", "boxes", *(["box AP"] if scores.boxes else []), "boxes a picture"]
    titles += [f"{span} p50 / p95 (ms)" for span in DETECTED_SPANS]
    titles += [f"{_range(people)} end-to-end p50 (ms)" for people in groups]
    body = [_line(row.record, groups, scores, notes) for row in lines]
    told = "Latency by the number of boxes in the picture; the detector is included where one runs."
    return ["### Top-down models", table(titles, body), *([told] if groups else [])]


def _line(
    record: Record, groups: Sequence[tuple[int, int]], scores: Scores, notes: Footnotes
) -> list[str]:
    boxes = record.boxes
    assert boxes is not None, "only called for top-down models"
    pictures = record.dataset.images if record.dataset else 0
    each = EMPTY if boxes.count is None or not pictures else f"{boxes.count / pictures:.1f}"
    said = "".join(notes.mark(escape(sentence(note))) for note in boxes.notes)
    ap = [figure_text(boxes.ap, lambda value: f"{value * 100:.1f}", notes)] if scores.boxes else []
    return [
        escape(record.model.label),
        escape(boxes_text(record).removeprefix("boxes ")) + said,
        *ap,
        each,
        *(span_text(record, span, notes) for span in DETECTED_SPANS),
        *(_people_latency(record, people) for people in groups),
    ]


def _people_latency(record: Record, people: tuple[int, int]) -> str:
    found = [cell.summary for cell in record.cells() if cell.people == people]
    return f"{ms_text(found[0].p50_ms)} (n = {found[0].n})" if found else EMPTY


def _range(people: tuple[int, int]) -> str:
    fewest, most = people
    if fewest != most:
        return f"{fewest}-{most} boxes"
    return "1 box" if fewest == 1 else f"{fewest} boxes"
