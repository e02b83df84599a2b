"""What the models of a table have in common, in words."""

from __future__ import annotations

from collections.abc import Iterable

from posebench.record import TaskAccuracy
from posebench.report.groups import Group
from posebench.report.scores import AP_SCORES, scores_of
from posebench.report.summary import dataset_text, evaluation_text, machine_text, runtime_text


def facts(group: Group) -> dict[str, str]:
    """By heading, what was measured, in what and how; headings without a text are left out."""
    first, scores = group.records[0], scores_of(group.records)
    scored = [found for r in group.measured if (found := r.accuracy.get(scores.task)) is not None]
    items = {
        "Dataset": dataset_text(first),
        "Runtime": runtime_text(first.runtime) if first.runtime else "",
        "Machine": machine_text(first.environment),
        "Scoring": evaluation_text(first),
        "Evaluator": _distinct(accuracy.evaluator for accuracy in scored),
        "Figures": "" if scores is AP_SCORES else scores.scale,
        "Note": _distinct(_notes(scored)),
        "Costs": _distinct(r.measured.convention for r in group.measured if r.measured),
        "posebench": _distinct(r.posebench_version for r in group.records),
    }
    return {title: text for title, text in items.items() if text}


def _notes(scored: Iterable[TaskAccuracy]) -> list[str]:
    return [note for accuracy in scored for note in accuracy.notes]


def _distinct(texts: Iterable[str]) -> str:
    return "; ".join(sorted(set(texts)))
