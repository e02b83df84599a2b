"""Records with realistic values, for tests of whatever reads Records."""

from __future__ import annotations

import hashlib
from datetime import datetime, timezone
from typing import Any

from posebench.config import EvalProtocol, LatencyConfig
from posebench.datasets.skeletons import COCO17
from posebench.record import (
    ArtifactInfo,
    BoxesInfo,
    Cell,
    ClaimInfo,
    DatasetInfo,
    Environment,
    Estimate,
    Failure,
    KeypointScore,
    LatencySummary,
    Measured,
    ModelInfo,
    Record,
    Runtime,
    TaskAccuracy,
)

KEYPOINTS = COCO17.keypoints
_EASE = dict(zip(KEYPOINTS, (4, 4, 4, 3, 3, 3, 3, 0, 0, -4, -4, -1, -1, 0, 0, -2, -2), strict=True))
DOCS = "https://github.com/ultralytics/ultralytics/blob/main/docs/en/models/yolov8.md"
CLAIM_PROTOCOL = (
    "pycocotools on the 2346 val2017 pictures with labelled keypoints, 640 letterbox-rect, no flip"
)


def claims(new: float, old: float) -> tuple[ClaimInfo, ...]:
    return tuple(
        ClaimInfo(metric="AP", value=v, source=DOCS, protocol=CLAIM_PROTOCOL, weights=generation)
        for v, generation in ((new, "v8.2.0"), (old, "v0.0.0"))
    )


BOXES = BoxesInfo(
    source="detector",
    label="yolox-s",
    sha256="c" * 64,
    score_threshold=0.1,
    count=9000,
    ap=Estimate(value=0.512),
    notes=("3 boxes without an area were left out",),
)


def make_record(
    label: str = "yolov8n-pose", *, ap: float = 0.497, end_to_end_ms: float = 62.4, **overrides: Any
) -> Record:
    """A successful run; ``overrides`` replace whole fields of the Record."""
    digest = hashlib.sha256(label.encode()).hexdigest()
    fields: dict[str, Any] = {
        "status": "ok",
        "accuracy_id": digest,
        "latency_id": digest,
        "created_at": datetime(2026, 3, 1, 12, 30, tzinfo=timezone.utc),
        "posebench_version": "0.1.0",
        "model": make_model(label),
        "dataset": make_dataset(),
        "protocol": EvalProtocol(),
        "latency_protocol": LatencyConfig(),
        "runtime": make_runtime(),
        "environment": make_environment(),
        "artifacts": (make_artifact(label, digest),),
        "measured": Measured(
            params=3_295_470,
            gflops=9.2,
            convention="2 x multiply-accumulate of convolutions and matrix products",
            peak_memory_mb=412.0,
        ),
        "accuracy": make_accuracy(ap),
        "latency": make_latency(end_to_end_ms),
    }
    return Record(**(fields | overrides))


def make_failure(label: str = "rfdetr-pose-m", *, early: bool = False, **overrides: Any) -> Record:
    """A failed run; an ``early`` one never got as far as a dataset or a runtime."""
    fields: dict[str, Any] = {
        "status": "error",
        "accuracy": {},
        "latency": (),
        "measured": None,
        "failure": Failure(
            kind="crash",
            message="the worker died of signal 9 after 512 pictures",
            remedy="Free some memory or lower the batch.",
        ),
    }
    if early:
        fields |= {
            "status": "skipped",
            "accuracy_id": None,
            "latency_id": None,
            "dataset": None,
            "protocol": None,
            "runtime": None,
            "artifacts": (),
            "failure": Failure(
                kind="missing-extra",
                message="ultralytics is not installed",
                remedy="Install it with: pip install 'posebench[ultralytics]'",
            ),
        }
    return make_record(label, **(fields | overrides))


def make_model(label: str, **overrides: Any) -> ModelInfo:
    fields: dict[str, Any] = {
        "name": "yolov8n-pose",
        "label": label,
        "family": "YOLOv8-pose",
        "paradigm": "one-stage",
        "skeleton": "coco17",
        "licence": "AGPL-3.0",
        "weights_licence": "AGPL-3.0",
        "training_data": ("COCO train2017",),
        "checkpoint_generation": "v8.2.0",
        "claims": claims(0.504, 0.497),
    }
    return ModelInfo(**(fields | overrides))


def make_dataset(**overrides: Any) -> DatasetInfo:
    fields: dict[str, Any] = {
        "name": "coco-val2017",
        "identity": "5e1f" * 16,
        "images": 5000,
        "people": 6352,
        "area": "segment",
        "skeleton": "coco17",
    }
    return DatasetInfo(**(fields | overrides))


def make_runtime(**overrides: Any) -> Runtime:
    fields: dict[str, Any] = {
        "name": "onnxruntime",
        "version": "1.20.1",
        "provider": "CPUExecutionProvider",
        "precision": "fp32",
        "device": "cpu",
        "threads": 1,
    }
    return Runtime(**(fields | overrides))


def make_environment(**overrides: Any) -> Environment:
    fields: dict[str, Any] = {
        "fingerprint": "a1b2c3d4",
        "cpu": "Intel Xeon Platinum 8375C",
        "cpu_cores": 8,
        "memory_mb": 32_768,
        "gpu": None,
        "gpu_driver": None,
        "os": "Linux 6.8",
        "python": "3.11.9",
        "packages": {"numpy": "2.1.0", "onnxruntime": "1.20.1"},
        "git_revision": None,
    }
    return Environment(**(fields | overrides))


def make_artifact(label: str, digest: str) -> ArtifactInfo:
    return ArtifactInfo(
        role="network", filename="model.onnx", format="onnx", sha256=digest, size_bytes=13_000_000
    )


def make_accuracy(ap: float) -> dict[str, TaskAccuracy]:
    gaps = {"AP": 0, "AP50": 0.29, "AP75": 0.045, "APm": -0.06, "APl": 0.09, "AR": 0.065}
    figures = {name: Estimate(value=round(min(ap + gap, 0.99), 6)) for name, gap in gaps.items()}
    keypoints = {
        name: KeypointScore(
            oks=Estimate(value=round(min(0.80 + ap / 6 + ease / 100, 0.995), 6)), count=4000
        )
        for name, ease in _EASE.items()
    }
    box = {"AP": Estimate(value=round(ap + 0.02, 6))}
    return {
        "keypoints": TaskAccuracy(figures=figures, per_keypoint=keypoints, evaluator="posebench 1"),
        "bbox": TaskAccuracy(figures=box, evaluator="posebench 1"),
    }


def make_latency(end_to_end_ms: float, *, samples: int = 60) -> tuple[Cell, ...]:
    shares = {"preprocess": 0.04, "network": 0.9, "postprocess": 0.06, "end-to-end": 1.0}
    return tuple(
        Cell(span=span, threads=1, warmup=10, summary=_summary(end_to_end_ms * share, samples))
        for span, share in shares.items()
    )


def _summary(p50: float, samples: int) -> LatencySummary:
    return LatencySummary(
        p50_ms=p50,
        p95_ms=p50 * 1.12 if samples >= 59 else None,
        mean_ms=p50 * 1.02,
        min_ms=p50 * 0.95,
        max_ms=p50 * 1.4,
        n=samples,
    )
