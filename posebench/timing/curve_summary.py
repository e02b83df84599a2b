"""From the rounds of latency curves to the document, crossings included."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import combinations

import numpy as np

from posebench import __version__
from posebench.latency.ab_document import Side
from posebench.latency.crossing import Band, Crossing, crossings, known_signs
from posebench.latency.curve_document import (
    Curve,
    CurveCrossing,
    CurvePair,
    CurvePoint,
    LatencyCurves,
)
from posebench.latency.location import fewest_values, hodges_lehmann
from posebench.latency.measure import END_TO_END
from posebench.latency.rounds import TimedRound, pooled, process_medians
from posebench.latency.summary import cells
from posebench.machine.watch import MachineWatch
from posebench.timing.curves import CurvePlan, MeasuredCurve

_LEVEL = 0.95


def summarise_curves(
    measured: Sequence[MeasuredCurve],
    plan: CurvePlan,
    machine: MachineWatch,
    created_at: datetime,
) -> LatencyCurves:
    """What was measured, as a document; of models that failed, only that they did.

    Args:
        measured: At least one that did not fail.
        plan: What was measured.
        machine: Watched it.
        created_at: When, with its time zone.
    """
    whole = [one for one in measured if one.failure is None]
    of_people = combinations(whole, 2) if plan.kind == "people" else ()
    return LatencyCurves(
        created_at=created_at,
        posebench_version=__version__,
        kind=plan.kind,
        dataset=measured[0].found.task.dataset.name,
        latency_protocol=plan.config,
        curves=tuple(_curve(one, plan) for one in whole),
        pairs=tuple(compare_curves(first, second) for first, second in of_people),
        notes=(*machine.notes, *_notes(measured, plan)),
    )


def _curve(measured: MeasuredCurve, plan: CurvePlan) -> Curve:
    loaded = measured.loaded[min(measured.loaded)]
    boxes = measured.found.boxes
    return Curve(
        side=Side(
            label=_label(measured),
            artifacts=loaded.artifacts,
            runtime=loaded.runtime,
            environment=loaded.environment,
            protocol=loaded.protocol,
        ),
        detector=boxes.label if boxes else None,
        points=tuple(_point(measured, plan, x) for x in sorted(measured.rounds)),
    )


def _point(measured: MeasuredCurve, plan: CurvePlan, x: int) -> CurvePoint:
    rounds = measured.rounds[x]
    threads = x if plan.kind == "threads" else measured.found.task.config.threads
    found = cells(rounds, config=plan.config, threads=threads)
    summary = next(cell.summary for cell in found if cell.span == END_TO_END)
    people = pooled(rounds).people
    return CurvePoint(
        x=x,
        summary=summary,
        boxes=float(np.mean(people)) if people else None,
        pictures_per_s=1e3 * x / summary.p50_ms if plan.kind == "batch" else None,
    )


def compare_curves(first: MeasuredCurve, second: MeasuredCurve) -> CurvePair:
    """Where the first becomes slower than the second, or the other way round.

    The difference of two models at a point is taken within each process turn, so that what the
    machine did to both counts for neither.
    """
    band, level = _difference(first, second)
    labels = {1: _label(first), -1: _label(second)}
    found = crossings(band)
    signs = known_signs(band)
    return CurvePair(
        first=labels[1],
        second=labels[-1],
        crossings=tuple(
            _crossing(one, labels[1 if one.rising else -1], level is not None) for one in found
        ),
        slower=labels[signs.pop()] if not found and len(signs) == 1 else None,
        level=level,
    )


def _crossing(found: Crossing, slower: str, known: bool) -> CurveCrossing:
    low, high = (found.low, found.high) if known else (None, None)
    return CurveCrossing(slower=slower, at=found.at, low=low, high=high)


def _difference(first: MeasuredCurve, second: MeasuredCurve) -> tuple[Band, float | None]:
    """First minus second (ms) by x, and the level of the intervals; None if there are none."""
    places = sorted(first.rounds)
    differences = [_paired(first.rounds[x], second.rounds[x]) for x in places]
    x = np.array(places, np.float64)
    if len(differences[0]) < fewest_values(_LEVEL):
        value = np.array([np.median(one) for one in differences])
        return Band(x, value, value, value), None
    found = [hodges_lehmann(one, _LEVEL) for one in differences]
    value, low, high = np.array([(one.value, one.low, one.high) for one in found]).T
    return Band(x, value, low, high), found[0].coverage


def _paired(first: Sequence[TimedRound], second: Sequence[TimedRound]) -> list[float]:
    medians = (process_medians(rounds, END_TO_END) for rounds in (first, second))
    return [a - b for a, b in zip(*medians, strict=True)]


def _notes(measured: Sequence[MeasuredCurve], plan: CurvePlan) -> list[str]:
    found = [f"{_label(one)}: {told}" for one in measured for told in _model_notes(one)]
    fewest = fewest_values(_LEVEL)
    if plan.config.processes < fewest:
        found.append(
            f"{plan.config.processes} process(es) are too few for intervals, which take {fewest}."
        )
    return found


def _model_notes(measured: MeasuredCurve) -> list[str]:
    if measured.failure is not None:
        return [f"failed: {measured.failure.message}"]
    rounds = [one for at_x in measured.rounds.values() for one in at_x]
    kept = [one for one in rounds if one.kept]
    disturbed = [one for one in kept if one.disturbances]
    found = []
    if measured.single:
        found.append("its network takes one picture a run, so that larger batches gain nothing.")
    if len(rounds) > len(kept):
        found.append(f"{len(rounds) - len(kept)} disturbed round(s) were measured again.")
    if disturbed:
        share = f"{len(disturbed)} of {len(kept)} rounds"
        found.append(f"{share} are counted although {disturbed[0].disturbances[0]}.")
    return found


def _label(measured: MeasuredCurve) -> str:
    return measured.found.task.request.label
