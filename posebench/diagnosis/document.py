"""The JSON document of ``posebench diagnose``, documented in docs/diagnosis.md."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from posebench.diagnosis.calibration_document import Calibration, Thresholds
from posebench.diagnosis.document_part import Part
from posebench.diagnosis.errors_document import (
    Impact,
    Localisation,
    ScoreOrder,
    Sensitivity,
    Unmatched,
)
from posebench.record import Estimate

IdentityOf = Literal["dataset", "annotations"]


class Diagnosis(Part):
    """One result on one dataset.

    Attributes:
        label: What the predictions are called.
        dataset: Name of the dataset.
        dataset_identity: Of a run that of the dataset, as in its Record; otherwise a digest of the
            annotations, the image ids and the sigmas.
        identity_of: Which of the two it is.
        images: Number of pictures.
        people: Annotated people that count.
        detections: Predicted people; scored are the ``max_dets`` best of each picture.
        smallest_area: People of a smaller annotated area, px², are not judged keypoint by keypoint.
        sigmas: By keypoint name.
        factor: By which a repaired keypoint is placed: ``corrected``, or as in the original code.
        replicates: How often the pictures were drawn for the intervals of gains and of oLRP.
        seed: Of the draws.
        accuracy: The ten figures of COCO by name.
        localisation: Kinds of errors of keypoints.
        impact: What each kind of error costs.
        score_order: Whether scores rank detections well.
        unmatched: False positives and missed people.
        sensitivity: Figures by overlap, visibility, size and occlusion.
        thresholds: Precision, recall, F1 and LRP by score.
        calibration: What scores are worth.
        notes: What a user should know, one sentence each.
    """

    schema_version: Literal[1] = 1
    created_at: datetime
    posebench_version: str
    label: str
    dataset: str
    dataset_identity: str
    identity_of: IdentityOf
    images: int
    people: int
    detections: int
    max_dets: int
    smallest_area: float
    sigmas: dict[str, float]
    factor: Literal["corrected", "ronchi-perona"]
    replicates: int
    seed: int
    accuracy: dict[str, Estimate]
    localisation: Localisation
    impact: Impact
    score_order: ScoreOrder
    unmatched: Unmatched
    sensitivity: Sensitivity
    thresholds: Thresholds
    calibration: Calibration
    notes: tuple[str, ...] = ()
