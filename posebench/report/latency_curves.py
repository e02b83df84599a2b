"""Latency curves in words: a table of the points, and who is slower from where on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posebench.report.summary import counted, machine_text, runtime_text
from posebench.report.text import EMPTY, escape, table

if TYPE_CHECKING:
    from posebench.latency.curve_document import (
        Curve,
        CurveCrossing,
        CurvePair,
        CurvePoint,
        LatencyCurves,
    )

X_TITLES = {"people": "people", "batch": "batch", "threads": "threads"}


def curves_text(document: LatencyCurves) -> str:
    """Verdicts, a Markdown table with a line a point, and what there is to know."""
    titles = [X_TITLES[document.kind], *(t for c in document.curves for t in _titles(c, document))]
    places = sorted({point.x for curve in document.curves for point in curve.points})
    rows = [[str(x), *(t for c in document.curves for t in _cells(c, x))] for x in places]
    return "\n".join(
        [
            *(sentence for pair in document.pairs for sentence in verdicts(pair, document)),
            *([""] if document.pairs else []),
            table(titles, rows, left=0),
            "",
            *(f"- {told}" for told in (*facts(document), *document.notes)),
        ]
    )


def name_of(curve: Curve) -> str:
    """The model, and where a top-down one gets its boxes."""
    return curve.side.label + (f" + {curve.detector}" if curve.detector else "")


def facts(document: LatencyCurves) -> list[str]:
    """Protocol, runtimes and machine, a paragraph each."""
    config = document.latency_protocol
    per_point = f"{counted(config.samples, 'run')} of each point"
    what = "a whole batch" if document.kind == "batch" else "one picture"
    has_interval = any(p.summary.interval for c in document.curves for p in c.points)
    sure = "; 95 % intervals by Hodges and Lehmann over the processes" if has_interval else ""
    runtimes = dict.fromkeys(_runtime(curve, document) for curve in document.curves)
    machines = dict.fromkeys(machine_text(curve.side.environment) for curve in document.curves)
    return [
        f"End-to-end latency of {what}, from the decoded picture to final keypoints, "
        f"{config.regimes[0]}: medians of {per_point} in each of "
        f"{config.processes} processes{sure}. Pictures: {document.dataset}.",
        *runtimes,
        *(f"{machine}; {document.created_at:%Y-%m-%d}" for machine in machines),
    ]


def verdicts(pair: CurvePair, document: LatencyCurves) -> list[str]:
    """Where the two models cross, a sentence a crossing, or that they do not."""
    places = [point.x for curve in document.curves for point in curve.points]
    first, last = min(places), max(places)
    where = f"between {first} and {last} people" if first < last else f"at {first} people"
    if pair.crossings:
        return [_crossing_text(one, pair) for one in pair.crossings]
    if pair.slower is None:
        return [f"{pair.first} and {pair.second} are not shown to differ {where}."]
    faster = pair.second if pair.slower == pair.first else pair.first
    if first == last:
        return [f"{pair.slower} is slower than {faster} {where}; one point tells of no crossing."]
    return [f"No crossing {where}: {pair.slower} is slower than {faster}."]


def interval_text(crossing: CurveCrossing, pair: CurvePair) -> str:
    """E.g. ``5.1 to 7.8``; ``""`` if there are too few processes for an interval."""
    if pair.level is None:
        return ""
    if crossing.low is None:
        return f"at most {crossing.high:.1f}"
    if crossing.high is None:
        return f"at least {crossing.low:.1f}"
    return f"{crossing.low:.1f} to {crossing.high:.1f}"


def _crossing_text(crossing: CurveCrossing, pair: CurvePair) -> str:
    faster = pair.second if crossing.slower == pair.first else pair.first
    told = interval_text(crossing, pair)
    sure = f"95 % interval: {told}" if told else "without an interval, for want of processes"
    return f"{crossing.slower} is slower than {faster} from {crossing.at:.1f} people on ({sure})."


def _runtime(curve: Curve, document: LatencyCurves) -> str:
    text = runtime_text(curve.side.runtime)
    if document.kind == "threads":  # those of the first point say nothing of the others
        text = text.rpartition(", ")[0]
    return text


def _titles(curve: Curve, document: LatencyCurves) -> list[str]:
    name = escape(name_of(curve))
    titles = [f"{name} p50 (ms)"]
    if _has_boxes(curve):
        titles.append("boxes found" if document.kind == "people" else "boxes")
    if document.kind == "batch":
        titles.append("pictures/s")
    return titles


def _cells(curve: Curve, x: int) -> list[str]:
    point = next((point for point in curve.points if point.x == x), None)
    cells = [EMPTY if point is None else _ms(point)]
    if _has_boxes(curve):
        cells.append(EMPTY if point is None or point.boxes is None else f"{point.boxes:.1f}")
    if any(point.pictures_per_s is not None for point in curve.points):
        rate = None if point is None else point.pictures_per_s
        cells.append(EMPTY if rate is None else f"{rate:.1f}")
    return cells


def _ms(point: CurvePoint) -> str:
    found = point.summary.interval
    sure = f" ({found.low_ms:.1f} to {found.high_ms:.1f})" if found else ""
    return f"{point.summary.p50_ms:.1f}{sure}"


def _has_boxes(curve: Curve) -> bool:
    return any(point.boxes is not None for point in curve.points)
