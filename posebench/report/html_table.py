"""The table of an HTML page: every figure with the number it is sorted by."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from posebench.record import ClaimInfo, Estimate, Record
from posebench.report.cells import ms_text
from posebench.report.groups import RANK_NOTE, Group
from posebench.report.scores import Column, Scores, scores_of
from posebench.report.summary import sentence, unreadable_text
from posebench.report.table import UNMATCHED, Row, columns_of, published_text, rows
from posebench.report.text import EMPTY

_COSTS = ("params_m", "gflops")
_LATENCY = "end_to_end_p50_ms"
_DIGITS = re.compile(r"\d+")
_URL = re.compile(r"https?://[^\s<>\"']+")


@dataclass(frozen=True)
class Note:
    """A footnote.

    Attributes:
        number: From 1.
        text: What it says.
        link: Address of a source, or ``""``.
    """

    number: int
    text: str
    link: str = ""


@dataclass(frozen=True)
class Heading:
    """A column.

    Attributes:
        title: As printed.
        numeric: Sorted by number, else by text.
        falling: Whether the first click puts the largest first.
        sorted_by: Whether the rows come sorted by it, falling.
        wide: Whether intervals are printed below the figures; there is no room for all.
        note: What there is to say of it, or None.
    """

    title: str
    numeric: bool = True
    falling: bool = True
    sorted_by: bool = False
    wide: bool = False
    note: Note | None = None


@dataclass(frozen=True)
class Cell:
    """A figure or a word.

    Attributes:
        text: As printed.
        value: What a numeric column is sorted by; None if it is missing.
        interval: Of 95 %, e.g. ``44.1 to 48.0``, or ``""``.
        notes: What there is to say of it.
    """

    text: str
    value: float | None = None
    interval: str = ""
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table as it is printed.

    Attributes:
        headings: Of the columns.
        lines: A cell a column each; the first is the model's label.
        notes: The footnotes of all cells.
    """

    headings: tuple[Heading, ...]
    lines: tuple[tuple[Cell, ...], ...]
    notes: tuple[Note, ...]


def accuracy_table(group: Group, ranks: Sequence[str] | None = None) -> Table:
    """Accuracy, latency and costs of a group's models, those without figures included.

    Args:
        group: The models.
        ranks: One a record, such as 1, or a dash; None leaves them out.
    """
    scores = scores_of(group.records)
    columns = sorted(columns_of(scores), key=lambda column: column.key in _COSTS)
    lines = rows(group.records)
    notes = _Notes()
    headings = (
        Heading("model", numeric=False, falling=False),
        *([Heading("rank", falling=False, note=notes.note(RANK_NOTE))] if ranks else []),
        *(_heading(column, lines[0], scores) for column in columns),
        Heading(f"published {scores.main}", numeric=False),
        Heading("status", numeric=False, falling=False),
    )
    ranked = [(_rank(rank),) for rank in ranks] if ranks else [()] * len(lines)
    body = tuple(
        (Cell(row.label), *rank, *_line(row, columns, scores, notes))
        for row, rank in zip(lines, ranked, strict=True)
    )
    return Table(headings, body, notes.all)


class _Notes:
    """Numbers footnotes in the order of their first use; equal ones share a number."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Note] = {}

    def note(self, text: str, link: str = "") -> Note:
        text = sentence(text)
        return self._found.setdefault((text, link), Note(len(self._found) + 1, text, link))

    @property
    def all(self) -> tuple[Note, ...]:
        return tuple(self._found.values())


def _heading(column: Column, row: Row, scores: Scores) -> Heading:
    falling = row.figures[column.key].higher_is_better
    main = column.key == scores.main
    wide = main or column.key == _LATENCY
    return Heading(column.title, falling=falling, sorted_by=main, wide=wide)


def _line(row: Row, columns: Sequence[Column], scores: Scores, notes: _Notes) -> tuple[Cell, ...]:
    failed = row.record.status != "ok"
    return (
        *(Cell(EMPTY) if failed else _cell(row, column, notes) for column in columns),
        _published(row, scores, notes),
        _status(row.record, notes),
    )


def _rank(text: str) -> Cell:
    """Sorted by the best rank that is possible."""
    best = _DIGITS.match(text)
    return Cell(text, float(best[0]) if best else None)


def _cell(row: Row, column: Column, notes: _Notes) -> Cell:
    figure = row.figures[column.key]
    if figure.value is None:
        return Cell(EMPTY, notes=(notes.note(figure.reason or "not measured"),))
    return Cell(column.text(figure.value), figure.value, _interval(row, column, figure))


def _interval(row: Row, column: Column, figure: Estimate) -> str:
    if figure.interval is not None:
        low, high = figure.interval.low, figure.interval.high
        return f"{column.text(low)} to {column.text(high)}"
    summary = row.record.span("end-to-end") if column.key == _LATENCY else None
    if summary is None or summary.interval is None:
        return ""
    return f"{ms_text(summary.interval.low_ms)} to {ms_text(summary.interval.high_ms)}"


def _published(row: Row, scores: Scores, notes: _Notes) -> Cell:
    if not row.published:
        return Cell(EMPTY, notes=(notes.note(f"No published {scores.main} is known."),))
    found = [_source(claim, notes) for claim in row.published]
    if row.unmatched:
        found.append(notes.note(UNMATCHED[0].upper() + UNMATCHED[1:]))
    return Cell(", ".join(map(published_text, row.published)), notes=tuple(found))


def _source(claim: ClaimInfo, notes: _Notes) -> Note:
    protocol = claim.protocol or "not stated"
    if _URL.fullmatch(claim.source):
        return notes.note(f"Published; protocol: {protocol}", claim.source)
    return notes.note(f"Published: {claim.source}; protocol: {protocol}")


def _status(record: Record, notes: _Notes) -> Cell:
    told = record.failure.message if record.failure else unreadable_text(record)
    return Cell(record.status, notes=(notes.note(told),) if told else ())
