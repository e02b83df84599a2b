"""Latency curves on disk: the document, a table of the points, every sample, and a picture."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from posebench.cache import atomic_path
from posebench.latency.curve_document import CurveKind, LatencyCurves
from posebench.latency.rounds import arrays
from posebench.store import slug
from posebench.timing.curves import MeasuredCurve

FOLDER = "latency-curves"
_COLUMNS = (
    *("model", "x", "p50_ms", "low_ms", "high_ms", "level", "processes", "runs"),
    *("boxes", "pictures_per_s"),
)


def write_samples(
    out: Path, kind: CurveKind, measured: Sequence[MeasuredCurve], created_at: datetime
) -> Path:
    """Write every sample as ``OUT/latency-curves/<kind>--<models>--<time>.npz``.

    The arrays are those of a run's samples, behind ``<number>-<model>/<x>/``.

    Returns:
        The path that the document of them gets.
    """
    labels = [curve.found.task.request.label for curve in measured]
    stamp = created_at.strftime("%Y%m%dT%H%M%S")
    path = out / FOLDER / f"{kind}--{slug('--'.join(labels))}--{stamp}.json"
    samples = {
        f"{number}-{slug(label)}/{x}/{name}": array
        for number, (label, curve) in enumerate(zip(labels, measured, strict=True), 1)
        for x, rounds in curve.rounds.items()
        for name, array in arrays(rounds).items()
    }
    with atomic_path(path.with_suffix(".npz")) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **samples)
    return path


def write_document(path: Path, document: LatencyCurves) -> None:
    """Write the document, and its points as ``.csv`` beside it."""
    with atomic_path(path) as temporary:
        temporary.write_text(document.model_dump_json(indent=2) + "\n")
    with atomic_path(path.with_suffix(".csv")) as temporary, temporary.open("w") as text:
        csv.writer(text, lineterminator="\n").writerows([_COLUMNS, *_rows(document)])


def _rows(document: LatencyCurves) -> Iterator[list[object]]:
    for curve in document.curves:
        for point in curve.points:
            summary = point.summary
            found = summary.interval
            interval = (found.low_ms, found.high_ms, found.level) if found else (None,) * 3
            yield [
                *(curve.side.label, point.x, summary.p50_ms, *interval),
                *(document.latency_protocol.processes, summary.n),
                *(point.boxes, point.pictures_per_s),
            ]
