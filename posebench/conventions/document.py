"""The JSON document of ``posebench evaluate``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from posebench import evaluation
from posebench.conventions.case import Case
from posebench.conventions.ladder import Rung
from posebench.evaluation import Accuracy
from posebench.metrics.accumulate import Figure


def document(
    accuracy: Accuracy,
    case: Case,
    *,
    protocol: str,
    parts: Mapping[str, Mapping[str, Figure]],
    rungs: Sequence[Rung],
    notes: Sequence[str],
) -> dict[str, Any]:
    """Plain numbers, null where there is no figure.

    Args:
        accuracy: Under the rules asked for.
        case: What was scored in the end.
        protocol: Whose rules.
        parts: Figures of the parts of the whole body, if it was scored.
        rungs: From COCO's rules to those asked for; none if they are COCO's.
        notes: What a user should know, one sentence each.
    """
    content = evaluation.document(accuracy, case.ground_truth, notes=notes, protocol=protocol)
    if protocol != "coco":
        content = {protocol: content.pop(protocol), "coco": _values(rungs[0].figures), **content}
    if parts:
        content["parts"] = {name: _values(figures) for name, figures in parts.items()}
    if len(rungs) > 1:
        content["ladder"] = [_rung(rung) for rung in rungs]
    return {"protocol": protocol, **content}


def _rung(rung: Rung) -> dict[str, Any]:
    return {
        "rule": rung.rule,
        "detail": rung.detail,
        "change": rung.change,
        "figures": _values(rung.figures),
    }


def _values(figures: Mapping[str, Figure]) -> dict[str, float | None]:
    return {name: figure.value for name, figure in figures.items()}
