"""Whether two Records tell anything about each other, and what to know when they do."""

from __future__ import annotations

from typing import Any

from posebench.comparison.conditions import (
    differing,
    machine_difference,
    protocol_fields,
    runtime_fields,
)
from posebench.config import LatencyConfig, Regime
from posebench.errors import IncomparableError
from posebench.record import Record

_SCORING = "evaluation", "pckh"
_NO_MATTER = "evaluation.per_keypoint_ap"
"""Adds figures, changes none."""
_DIGITS = 12


def check_comparable(baseline: Record, candidate: Record) -> None:
    """Refuse Records whose figures are not figures of the same thing.

    The pictures with their annotations, the task, the rules by which predictions are scored, and
    whether the model was told where people are must agree. All else is the candidate's choice.

    Raises:
        IncomparableError: Naming every field that differs.
    """
    found = [
        *_other_pictures(baseline, candidate),
        *differing(_scoring(baseline), _scoring(candidate)),
    ]
    if found:
        raise IncomparableError(
            f"{candidate.model.label} cannot be compared with {baseline.model.label}: "
            f"{'; '.join(found)}.",
            remedy="Run both on the same pictures and annotations, scored by the same rules.",
        )


def notes(baseline: Record, candidate: Record) -> tuple[str, ...]:
    """What differs by the candidate's choice or circumstances, a sentence a topic."""
    topics = {
        "Protocol": differing(_chosen(baseline), _chosen(candidate)),
        "Boxes": differing(_boxes(baseline), _boxes(candidate)),
        "Runtime": differing(runtime_fields(baseline.runtime), runtime_fields(candidate.runtime)),
        "Machine": machine_difference(baseline.environment, candidate.environment),
        "Scored": differing(_scored(baseline), _scored(candidate)),
    }
    return tuple(f"{topic}: {', '.join(found)}." for topic, found in topics.items() if found)


def latency_obstacle(baseline: Record, candidate: Record, regime: Regime) -> str | None:
    """Why latencies of a regime may not be subtracted, or None if they may.

    Machine, runtime, device, threads and the way of measuring must agree. The precision may
    differ, and so may the number of processes.
    """
    timed = (_timing(record, regime) for record in (baseline, candidate))
    told = [
        *machine_difference(baseline.environment, candidate.environment),
        *differing(*timed),
    ]
    return f"not measured alike: {', '.join(told)}" if told else None


def _other_pictures(baseline: Record, candidate: Record) -> list[str]:
    """The datasets, if they are not one; names alone may differ."""
    first, second = baseline.dataset, candidate.dataset
    assert first is not None and second is not None, "a good Record has it"
    if first.identity == second.identity:
        return []
    told = (f"{one.name} ({one.identity[:_DIGITS]})" for one in (first, second))
    return [f"dataset.identity {' → '.join(told)}"]


def _scoring(record: Record) -> dict[str, Any]:
    """What must agree. Detected boxes are the candidate's own business, like a head."""
    protocol = record.protocol
    assert protocol is not None, "a good Record has it"
    fields = protocol_fields(protocol)
    rules = {k: v for k, v in fields.items() if k.startswith(_SCORING) and k != _NO_MATTER}
    return {
        "task": "keypoints" if protocol.pckh is None else "pckh",
        "boxes told": "yes" if protocol.boxes == "ground-truth" else "no",
        **rules,
    }


def _chosen(record: Record) -> dict[str, Any]:
    assert record.protocol is not None, "a good Record has it"
    fields = protocol_fields(record.protocol)
    return {k: v for k, v in fields.items() if not k.startswith(_SCORING)}


def _boxes(record: Record) -> dict[str, Any]:
    boxes = record.boxes
    if boxes is None:
        return {"source": None}
    digest = f" ({boxes.sha256[:_DIGITS]})" if boxes.sha256 else ""
    return {"source": f"{boxes.label}{digest}"}


def _scored(record: Record) -> dict[str, Any]:
    assert record.dataset is not None, "a good Record has it"
    evaluators = {task.evaluator for task in record.accuracy.values()}
    return {
        "evaluator": ", ".join(sorted(evaluators)),
        "unreadable pictures": len(record.dataset.undecodable),
    }


def _timing(record: Record, regime: Regime) -> dict[str, Any]:
    named = ("name", "version", "provider", "device", "threads")
    runtime = runtime_fields(record.runtime)
    config = record.latency_protocol or LatencyConfig()
    fields = ["warmup", "warmup_s", "samples", *(["pause_ms"] if regime == "paced" else [])]
    return {f"runtime.{name}": runtime.get(f"runtime.{name}") for name in named} | {
        f"latency_protocol.{name}": getattr(config, name) for name in fields
    }
