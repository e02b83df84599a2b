"""A comparison for people: for a terminal with rich, or as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from posebench.comparison.document import Change, Comparison, Pair, Side
from posebench.comparison.families import family
from posebench.comparison.words import (
    change_text,
    figure_name,
    interval_text,
    is_shown,
    p_text,
    value_text,
    verdicts,
)
from posebench.report.scores import AP_SCORES
from posebench.report.summary import counted, runtime_text
from posebench.report.text import EMPTY, escape, table

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

BASELINE = "A"
_SHOWN = {f"keypoints/{column.key}" for column in AP_SCORES.figures} | {"bbox/AP"}
"""Of the figures of AP and AR; the document has all of them."""
_NAMED = 6
"""Figures that a note lists by name."""


def rich_comparison(document: Comparison) -> list[Text | Table]:
    """What to print one after another: for each candidate the verdicts, a table and notes."""
    from rich.text import Text

    parts: list[Text | Table] = [Text("\n".join(_heading(document)))]
    for name, pair in _named(document):
        parts.append(Text("\n".join(["", *verdicts(pair, BASELINE, name), ""])))
        parts += [_rich_table(pair, name)] if _rows(pair) else []
        parts.append(Text("\n".join(["", *_notes(pair)])))
    return [*parts, Text("\n".join(["", *_legend(document)]))]


def markdown_comparison(document: Comparison) -> str:
    """The same as Markdown."""
    lines = [f"- {escape(line)}" for line in _heading(document)]
    for name, pair in _named(document):
        told = [f"- {escape(sentence)}" for sentence in verdicts(pair, BASELINE, name)]
        rows = [[escape(cell) or EMPTY for cell in _cells(c)] for c in _rows(pair)]
        notes = [f"- {escape(note)}" for note in _notes(pair)]
        lines += ["", *told, *(["", table(_titles(name), rows)] if rows else []), "", *notes]
    legend = "\n\n".join(escape(line) for line in _legend(document))
    return "\n".join([*lines, "", legend, ""])


def _named(document: Comparison) -> Iterator[tuple[str, Pair]]:
    for place, pair in enumerate(document.pairs, start=1):
        yield chr(ord(BASELINE) + place), pair


def _heading(document: Comparison) -> list[str]:
    pictures = counted(document.images, "picture")
    return [
        f"{document.dataset}, {pictures}, identity {document.dataset_identity[:12]}",
        f"{BASELINE}: {_side_text(document.baseline)}",
        *(f"{name}: {_side_text(pair.candidate)}" for name, pair in _named(document)),
    ]


def _side_text(side: Side) -> str:
    return f"{side.label}, {runtime_text(side.runtime)}"


def _legend(document: Comparison) -> list[str]:
    return [
        "Accuracy on a scale of 100. Holm: p adjusted for all changes of its kind; * marks those "
        "that are shown: an adjusted p ≤ 0.05 and an interval without 0. Detectable: a true change "
        "of that size has an interval without 0 with a probability of 97.5 %; adjusting p takes "
        "some of it away. n: annotated people, labelled keypoints, or timed runs.",
        f"Pictures drawn {document.replicates} times, predictions exchanged "
        f"{document.permutations} times, seed {document.seed}.",
    ]


def _titles(name: str) -> list[str]:
    change = f"{name} - {BASELINE}"
    return ["figure", BASELINE, name, change, "95 % interval", "p", "Holm", "detectable", "n"]


def _cells(change: Change) -> list[str]:
    """Empty where there is nothing to tell."""
    values = [value_text(change, value) for value in (change.baseline, change.candidate)]
    cells = [figure_name(change.metric), *values]
    if change.change is None or change.detectable is None:
        return cells + [""] * (len(_titles("")) - len(cells))
    return [
        *cells,
        change_text(change, change.change),
        interval_text(change),
        p_text(change.p),
        p_text(change.p_holm) + (" *" if is_shown(change) else ""),
        change_text(change, change.detectable, signed=False),
        str(change.counted),
    ]


def _shown(pair: Pair) -> list[Change]:
    """The rows of a table; a family stays together."""
    hidden = ("keypoints", "bbox")
    return [c for c in pair.changes if family(c.metric) not in hidden or c.metric in _SHOWN]


def _rows(pair: Pair) -> list[Change]:
    """Those with anything to tell; of the others the notes give the reason."""
    return [c for c in _shown(pair) if (c.change, c.baseline, c.candidate) != (None, None, None)]


def _rich_table(pair: Pair, name: str) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    result = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    for place, title in enumerate(_titles(name)):
        result.add_column(title, justify="right" if place else "left", no_wrap=bool(place))
    last = None
    for change in _rows(pair):
        kind = _section(change)
        if last not in (None, kind):
            result.add_section()
        result.add_row(*(Text(cell or EMPTY) for cell in _cells(change)))
        last = kind
    return result


def _section(change: Change) -> str:
    """The part of the table that a change stands in: figures of all tasks are one."""
    kind = family(change.metric)
    return kind if kind in ("groups", "oks", "latency") else "figures"


def _notes(pair: Pair) -> list[str]:
    """What differs, what is not in the table, and each reason with the figures it keeps out."""
    reasons: dict[str, list[str]] = {}
    for change in _shown(pair):
        if change.reason:
            reasons.setdefault(change.reason, []).append(figure_name(change.metric))
    missing = [f"{_listed(names)}: {reason}." for reason, names in reasons.items()]
    return [*pair.notes, *_hidden(pair), *missing]


def _hidden(pair: Pair) -> list[str]:
    """A sentence on the changes that only the document has, if there are any."""
    shown = _shown(pair)
    hidden = [c for c in pair.changes if c.change is not None and c not in shown]
    if not hidden:
        return []
    return [
        f"Only in the JSON document: {_listed([figure_name(c.metric) for c in hidden])}. "
        "Holm counts them too."
    ]


def _listed(names: Sequence[str]) -> str:
    told = [name.removesuffix(" (ms)") for name in names[:_NAMED]]
    more = [f"{len(names) - _NAMED} more"] if len(names) > _NAMED else []
    return "; ".join([*told, *more])
