"""The short table that `posebench run` prints: with rich, or as Markdown. Light to import."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from posebench.record import Estimate, Record
from posebench.report.groups import RANK_NOTE, Group, Ranks, differences, group, ranks_of
from posebench.report.scores import Column, Scores, scores_of
from posebench.report.summary import (
    boxes_text,
    dataset_text,
    evaluation_text,
    runtime_text,
    status_text,
    unreadable_text,
)
from posebench.report.table import UNMATCHED, Row, columns_of, latency, published_text, rows
from posebench.report.text import EMPTY, escape, table

if TYPE_CHECKING:
    from rich.table import Table


def rich_table(records: Sequence[Record]) -> Table:
    """The table for a terminal; its caption names the runtime and why a cell is empty."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    caption = Text("\n".join(_notes(records)), style="default")
    # Fits 80 columns: only long names, "p50 / p95" and "AP (generation)" are wrapped.
    result = Table(
        box=box.SIMPLE_HEAD, show_edge=False, padding=0, caption=caption, caption_justify="left"
    )
    result.add_column("model", overflow="fold")
    scores = scores_of(records)
    for title in _titles(scores)[1:]:
        short = title.replace("network", "net").replace("end-to-end", "e2e")
        wrapped = title in ("end-to-end p50 / p95 (ms)", f"published {scores.main}")
        result.add_column(short.replace(" ", "\n", 1), justify="right", no_wrap=not wrapped)
    for row in rows(records):
        result.add_row(*(Text(cell) for cell in _line(row, scores)))
    return result


def markdown_table(records: Sequence[Record], ranks: Ranks | None = None) -> str:
    """The same table as Markdown, with the same notes below it.

    Args:
        records: Of one run or one dataset.
        ranks: Shown if given, as long as all records stand in one table.
    """
    scores, titles, notes = scores_of(records), _titles(scores_of(records)), _notes(records)
    lines = [[escape(cell) for cell in _line(row, scores)] for row in rows(records)]
    found = _ranks(records, ranks or {})
    if found is not None:
        titles.insert(1, "rank")
        notes.insert(1, f"rank: {RANK_NOTE}")
        for line, rank in zip(lines, found, strict=True):
            line.insert(1, rank)
    return "\n".join([table(titles, lines), "", *(f"- {escape(note)}" for note in notes), ""])


def _ranks(records: Sequence[Record], ranks: Ranks) -> list[str] | None:
    """In the order of the records; None if they are not comparable or have none."""
    groups = group(records)
    if len(groups) != 1 or (found := ranks_of(groups[0], ranks)) is None:
        return None
    by_record = dict(zip(map(id, groups[0].records), found, strict=True))
    return [by_record.get(id(record), EMPTY) for record in records]


def _shown(scores: Scores) -> list[Column]:
    keys = (*scores.short, "network_p50_ms")
    return [column for column in columns_of(scores) if column.key in keys]


def _titles(scores: Scores) -> list[str]:
    titles = ["model", *(column.title for column in _shown(scores))]
    published = f"published {scores.main}"
    return [*titles, "end-to-end p50 / p95 (ms)", published, "params (M)", "status"]


def _line(row: Row, scores: Scores) -> list[str]:
    published = ", ".join(published_text(claim) for claim in row.published)
    return [
        row.label,
        *(_text(c, row.figures[c.key], main=c.key == scores.main) for c in _shown(scores)),
        _end_to_end(row.record),
        published or EMPTY,
        *(_text(c, row.figures[c.key]) for c in columns_of(scores) if c.key == "params_m"),
        row.record.status,
    ]


def _text(column: Column, figure: Estimate, *, main: bool = False) -> str:
    """A figure; the main one with its interval."""
    if figure.value is None:
        return EMPTY
    return column.cell(figure) if main else column.text(figure.value)


def _end_to_end(record: Record) -> str:
    p50, p95 = (latency(record, "end-to-end", p).value for p in ("p50_ms", "p95_ms"))
    if p50 is None:
        return EMPTY
    return f"{p50:.2f} / {EMPTY if p95 is None else f'{p95:.2f}'}"


def _notes(records: Sequence[Record]) -> list[str]:
    """In what the models ran, then every row that failed or has an empty cell."""
    groups = group(records)
    mixed = len(groups) > 1
    scores = scores_of(records)
    notes = [f"{scores.scale} Published figures follow their own protocol."]
    if mixed:
        notes.append(f"Rows are not comparable: they differ in {', '.join(differences(groups))}.")
    else:
        notes += [text for text in _shared(groups) if text]
    for row in rows(records):
        reasons = _reasons(row, scores)
        if mixed and row.record.runtime is not None:
            reasons.insert(0, runtime_text(row.record.runtime))
        if reasons:
            notes.append(f"{row.label}: {'; '.join(reasons)}")
    return notes


def _shared(groups: Sequence[Group]) -> list[str]:
    """Dataset, scoring and runtime of a single group; nothing if no run got so far."""
    first = [group.records[0] for group in groups]
    runtimes = [runtime_text(record.runtime) for record in first if record.runtime is not None]
    return [*map(dataset_text, first), *map(evaluation_text, first), *runtimes]


def _reasons(row: Row, scores: Scores) -> list[str]:
    if row.record.status != "ok":
        return [status_text(row.record)]
    shown = [row.figures[key] for key in (*scores.short, "network_p50_ms", "params_m")]
    shown += [latency(row.record, "end-to-end", p) for p in ("p50_ms", "p95_ms")]
    boxes = boxes_text(row.record)
    reasons = [boxes, *row.record.boxes.notes] if row.record.boxes else []
    reasons += [note for a in row.record.accuracy.values() for note in a.notes]
    reasons += [figure.reason for figure in shown if figure.value is None and figure.reason]
    if not row.published:
        reasons.append(f"no published {scores.main} is known")
    if row.unmatched:
        reasons.append(UNMATCHED)
    unreadable = unreadable_text(row.record)
    return list(dict.fromkeys([*reasons, *([unreadable] if unreadable else [])]))
