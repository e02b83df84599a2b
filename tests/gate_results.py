"""Records with matches on disk, as ``posebench publish`` leaves them, for a gate to judge."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from records import make_dataset, make_record

from posebench.cache import file_sha256
from posebench.config import Evaluation, LatencyConfig
from posebench.datasets.skeletons import COCO17
from posebench.evaluation import Accuracy, evaluate
from posebench.latency.ab_document import LatencyComparison, Side, SpanRatio
from posebench.record import Cell, LatencySummary, TaskAccuracy
from posebench.store import read_record, write_record
from posebench.types import Detections, GroundTruth

IMAGES, PEOPLE_EACH = 30, 2
MODEL = "yolov8n-pose"
FIRST = datetime(2026, 3, 1, tzinfo=timezone.utc)
RULES = '[[rule]]\nmetric = "keypoints/AP"\nmargin = 0.02\n'


@cache
def truth() -> GroundTruth:
    """People of 200 x 200 px, all of whose keypoints are labelled."""
    count = IMAGES * PEOPLE_EACH
    random = np.random.default_rng(1)
    points = random.uniform(0, 200, (count, len(COCO17.keypoints), 2))
    labels = np.full((*points.shape[:2], 1), 2.0)
    return GroundTruth(
        image_ids=np.arange(1, IMAGES + 1),
        image_index=np.repeat(np.arange(IMAGES), PEOPLE_EACH),
        annotation_ids=np.arange(1, count + 1),
        keypoints=np.concatenate([points, labels], axis=2),
        boxes=np.tile([0.0, 0.0, 200.0, 200.0], (count, 1)),
        areas=np.full(count, 40_000.0),
        is_crowd=np.zeros(count, bool),
        num_keypoints=np.full(count, len(COCO17.keypoints)),
        skeleton=COCO17,
        class_ids=np.zeros(count, np.int64),
    )


def found(spread_px: float) -> Detections:
    """Everybody is found; keypoints lie about ``spread_px`` from where they are."""
    people, random = truth(), np.random.default_rng(2)
    spread = random.normal(0, spread_px or 1e-9, people.keypoints[..., :2].shape)
    return Detections(
        image_index=people.image_index,
        keypoints=people.keypoints[..., :2] + spread * random.uniform(0.3, 2, (len(spread), 1, 1)),
        scores=random.uniform(0.1, 1, len(people.class_ids)),
        class_ids=people.class_ids,
    )


@cache
def scored(spread_px: float) -> tuple[Accuracy, dict[str, TaskAccuracy]]:
    return evaluate(truth(), found(spread_px), Evaluation())


def write_result(
    folder: Path,
    spread_px: float = 8.0,
    *,
    model: str = MODEL,
    p50_ms: tuple[float, ...] = (),
    days: float = 0,
    **overrides: Any,
) -> Path:
    """Score a model and write its Record; AP falls as ``spread_px`` grows.

    ``p50_ms`` are the medians of the processes that timed it, ``days`` its age after the first.
    """
    accuracy, tasks = scored(spread_px)
    place = folder / model / f"{spread_px:g}-{days:g}"
    accuracy.matches.save(place / "matches.npz")
    record = make_record(
        model,
        created_at=FIRST + timedelta(days=days),
        dataset=make_dataset(images=IMAGES),
        accuracy=tasks,
        latency=tuple([_cell(p50_ms)] if p50_ms else []),
        files={"matches.npz": file_sha256(place / "matches.npz")},
    )
    return write_record(place, record.model_copy(update=overrides))


def _cell(p50_ms: tuple[float, ...]) -> Cell:
    p50 = float(np.median(p50_ms))
    summary = LatencySummary(p50_ms=p50, mean_ms=p50, min_ms=p50, max_ms=p50, n=20 * len(p50_ms))
    return Cell(span="end-to-end", threads=1, warmup=10, summary=summary, process_p50_ms=p50_ms)


def write_ab(path: Path, baseline: Path, candidate: Path, ratio: float) -> Path:
    """A comparison of two Records' latencies in turns: 12 rounds, the candidate slower by ratio."""
    rounds = np.random.default_rng(3).normal(10, 0.01, (12, 1)) + np.zeros((12, 20))
    samples = {"baseline": rounds, "candidate": rounds * ratio}
    span, regime = "end-to-end", "sustained"
    arrays = {f"{s}/{regime}/{span}_ms": values for s, values in samples.items()}
    kept = {f"{s}/{regime}/kept": np.ones(12, bool) for s in samples}
    found = {"low": ratio, "high": ratio, "level": 0.95, "detectable": 0.01, "ratio": ratio}
    medians = {f"{s}_p50_ms": float(np.median(values)) for s, values in samples.items()}
    document = LatencyComparison(
        created_at=FIRST,
        posebench_version="0.1.0",
        dataset="coco-val2017",
        baseline=_side(baseline),
        candidate=_side(candidate),
        latency_protocol=LatencyConfig(processes=12, samples=20),
        ratios=(SpanRatio.model_validate({"regime": regime, "span": span, **medians, **found}),),
    )
    path.write_text(document.model_dump_json())
    np.savez(path.with_suffix(".npz"), **arrays, **kept)
    return path


def _side(path: Path) -> Side:
    record = read_record(path)
    assert record.protocol is not None and record.runtime is not None
    return Side(
        label=record.model.label,
        artifacts=record.artifacts,
        protocol=record.protocol,
        runtime=record.runtime,
        environment=record.environment,
    )
