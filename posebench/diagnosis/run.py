"""The whole diagnosis of one result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from posebench import __version__
from posebench.diagnosis import filling
from posebench.diagnosis.background import background
from posebench.diagnosis.calibration import calibration
from posebench.diagnosis.case import Case
from posebench.diagnosis.document import Diagnosis, IdentityOf
from posebench.diagnosis.impact import impact
from posebench.diagnosis.pairing import pair
from posebench.diagnosis.repair import Factor
from posebench.diagnosis.score_errors import score_errors
from posebench.diagnosis.sensitivity import sensitivity
from posebench.diagnosis.taxonomy import classify
from posebench.diagnosis.thresholds import thresholds
from posebench.metrics.accumulate import KEYPOINT_FIGURES
from posebench.metrics.bootstrap import SEED, draw_weights
from posebench.metrics.intervals import figures_with_intervals
from posebench.types import Detections, Float64Array, FloatArray, GroundTruth

_REPLICATES = 1000
_FEW_PICTURES = 30
_FEW = f"intervals over fewer than {_FEW_PICTURES} pictures are too narrow"


@dataclass(frozen=True)
class Subject:
    """What is diagnosed, by name.

    Attributes:
        label: Of the predictions.
        dataset: Name of the dataset.
        identity: Digest of the dataset, or of the annotations alone.
        notes: What a user should know of them, one sentence each.
        identity_of: Which of the two; only a run knows the dataset.
    """

    label: str
    dataset: str
    identity: str
    notes: Sequence[str] = ()
    identity_of: IdentityOf = "annotations"


def diagnose(
    ground_truth: GroundTruth,
    detections: Detections,
    keypoint_scores: FloatArray | None,
    *,
    subject: Subject,
    factor: Factor = "corrected",
    max_dets: int = 20,
) -> Diagnosis:
    """Find the errors of a result, and what each kind of them costs.

    Args:
        ground_truth: Annotated people; at least one picture.
        detections: D predicted people.
        keypoint_scores: (D, K) confidences; None if there are none.
        subject: What it is called.
        factor: How far from its place a repaired keypoint is put.
        max_dets: Detections a picture that are scored.
    """
    case = Case(ground_truth, detections, max_dets=max_dets)
    pairing, matches = pair(case), case.matches()
    taxonomy = classify(case, pairing)
    weights = _weights(len(ground_truth.image_ids))
    found = figures_with_intervals(matches, KEYPOINT_FIGURES)
    return Diagnosis(
        **_about(case, subject),
        factor=factor,
        accuracy={name: filling.estimate(figure) for name, figure in found.items()},
        localisation=filling.localisation(taxonomy),
        impact=filling.impact(impact(case, taxonomy, factor=factor, weights=weights)),
        score_order=filling.score_order(score_errors(case, pairing)),
        unmatched=filling.unmatched(background(case, pairing, matches), pairing),
        sensitivity=filling.sensitivity(sensitivity(case, taxonomy)),
        thresholds=thresholds(matches, weights),
        calibration=calibration(case, pairing, keypoint_scores, matches),
    )


def _weights(pictures: int) -> Float64Array | None:
    """(R, I) how often each picture is drawn; None of a single one, which cannot vary."""
    return draw_weights(pictures, replicates=_REPLICATES) if pictures > 1 else None


def _about(case: Case, subject: Subject) -> dict[str, Any]:
    """Names, sizes and conventions."""
    truth, skeleton = case.ground_truth, case.ground_truth.skeleton
    few = [_FEW] if len(truth.image_ids) < _FEW_PICTURES else []
    return {
        "created_at": datetime.now(timezone.utc),
        "posebench_version": __version__,
        "label": subject.label,
        "dataset": subject.dataset,
        "dataset_identity": subject.identity,
        "identity_of": subject.identity_of,
        "images": len(truth.image_ids),
        "people": int(case.counted.sum()),
        "detections": len(case.detections.scores),
        "max_dets": case.max_dets,
        "smallest_area": case.smallest_area,
        "sigmas": dict(zip(skeleton.keypoints, skeleton.sigmas, strict=True)),
        "replicates": _REPLICATES,
        "seed": SEED,
        "notes": (*subject.notes, *few),
    }
