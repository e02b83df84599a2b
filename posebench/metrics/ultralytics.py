"""Pose AP as the validator of Ultralytics (8.4) computes it, beside its COCO evaluation.

It differs from COCO in what surrounds the OKS. Every annotation counts, none is ignored. A
detection takes the most similar free person, the first of equals. AP is the integral of precision
over recall by 101 trapezoids, both ends of the curve closed and linear between its points, where
COCO takes the mean of 101 values of a step function. Read in ``kpt_iou``, ``match_predictions``,
``compute_ap`` and ``ap_per_class``; arithmetic here is double precision, there single, and equal
scores are ordered by image id, then as in the file, where there it is open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from posebench.metrics.accumulate import RECALLS, Figure
from posebench.metrics.coco import THRESHOLDS
from posebench.metrics.matches import Matches
from posebench.metrics.ordering import falling
from posebench.types import BoolArray, Detections, Float64Array, GroundTruth, IntArray

_OKS_EPSILON = 1e-7
_EPSILON = 1e-16
_CONFIDENCES = np.linspace(0, 1, 1000)


@dataclass(frozen=True, eq=False)
class TruePositives:
    """Which detections are right. D detections, G annotations.

    Attributes:
        right: (D, 10) at each threshold.
        scores: (D,) what they are ranked by.
        class_ids: (D,) zero-based class.
        target_class_ids: (G,) zero-based class of the annotations.
    """

    right: BoolArray
    scores: Float64Array
    class_ids: IntArray
    target_class_ids: IntArray


def of_matches(matches: Matches) -> TruePositives:
    """What COCO's matching calls right, for people of any area."""
    counted = matches.matched & ~matches.ignored
    bits = [(counted & matches.bit(0, t)) != 0 for t in range(len(matches.thresholds))]
    return TruePositives(
        right=np.stack(bits, axis=1),
        scores=matches.scores,
        class_ids=matches.class_ids,
        target_class_ids=matches.people_class_ids[~matches.people_ignored[:, 0]],
    )


def match(ground_truth: GroundTruth, detections: Detections, max_dets: int) -> TruePositives:
    """Match people picture by picture.

    Args:
        ground_truth: Annotations; all of them count.
        detections: Detections.
        max_dets: People a picture that are kept, best first.
    """
    best_first = falling(detections.scores)
    images = np.argsort(ground_truth.image_ids, kind="stable")
    found = [np.zeros((0, len(THRESHOLDS)), np.bool_)]
    rows = [np.zeros(0, np.int64)]
    for image in images:
        people = np.flatnonzero(ground_truth.image_index == image)
        own = best_first[detections.image_index[best_first] == image][:max_dets]
        similarity = _oks(ground_truth, people, detections, own)
        found.append(_greedy(similarity))
        rows.append(own)
    kept = np.concatenate(rows)
    return TruePositives(
        right=np.concatenate(found),
        scores=detections.scores[kept],
        class_ids=detections.class_ids[kept],
        target_class_ids=ground_truth.class_ids,
    )


def _oks(
    ground_truth: GroundTruth, people: IntArray, detections: Detections, rows: IntArray
) -> Float64Array:
    """(G, D) similarity, 0 between different classes."""
    annotated = ground_truth.keypoints[people]
    detected = detections.keypoints[rows].astype(np.float64)
    squared = ((annotated[:, None, :, :2] - detected) ** 2).sum(axis=3)
    variances = (2 * np.array(ground_truth.skeleton.sigmas)) ** 2
    scale = ground_truth.areas[people] + _OKS_EPSILON
    labelled = annotated[:, None, :, 2] != 0
    terms = np.exp(-squared / (variances * scale[:, None, None] * 2)) * labelled
    same = ground_truth.class_ids[people][:, None] == detections.class_ids[rows]
    oks: Float64Array = terms.sum(axis=2) / (labelled.sum(axis=2) + _OKS_EPSILON) * same
    return oks


def _greedy(similarity: Float64Array) -> BoolArray:
    """(D, 10) whether each detection gets a person, from (G, D), detections best first."""
    people, detections = similarity.shape
    right = np.zeros((detections, len(THRESHOLDS)), np.bool_)
    taken = np.zeros((people, len(THRESHOLDS)), np.bool_)
    columns = np.arange(len(THRESHOLDS))
    for row in np.flatnonzero((similarity >= THRESHOLDS[0]).any(axis=0)):
        free = np.where(taken, 0.0, similarity[:, row, None])
        best = free.argmax(axis=0)
        right[row] = free[best, columns] >= THRESHOLDS
        taken[best, columns] |= right[row]
    return right


def figures(found: TruePositives) -> dict[str, Figure]:
    """AP, AP50 and AP75, and P and R where their harmonic mean is highest, means over classes."""
    if not len(found.target_class_ids):
        reason = Figure(None, "no ground truth: nobody with a labelled keypoint")
        return dict.fromkeys(("AP", "AP50", "AP75", "P", "R"), reason)
    classes = [_ClassCurves.of(found, int(c)) for c in np.unique(found.target_class_ids)]
    values = {**_average_precisions(classes), **_at_best_f1(classes)}
    return {name: Figure(float(value)) for name, value in values.items()}


@dataclass(frozen=True, eq=False)
class _ClassCurves:
    """One class: (10,) AP by threshold; (1000,) P and R over the confidence, at OKS .5."""

    average_precision: Float64Array
    precision: Float64Array
    recall: Float64Array

    @classmethod
    def of(cls, found: TruePositives, class_id: int) -> _ClassCurves:
        order = falling(found.scores)
        order = order[found.class_ids[order] == class_id]
        people = np.count_nonzero(found.target_class_ids == class_id)
        if not len(order):
            return cls(np.zeros(len(THRESHOLDS)), np.zeros(1000), np.zeros(1000))
        hits = found.right[order].cumsum(axis=0)
        recall = hits / (people + _EPSILON)
        precision = hits / np.arange(1, len(order) + 1)[:, None]
        falls = -found.scores[order]
        curves = zip(recall.T, precision.T, strict=True)
        return cls(
            np.array([average_precision(*curve) for curve in curves]),
            np.interp(-_CONFIDENCES, falls, precision[:, 0], left=1),
            np.interp(-_CONFIDENCES, falls, recall[:, 0], left=0),
        )


def average_precision(recall: Float64Array, precision: Float64Array) -> float:
    """Area under a curve of (D,) points in the order of falling scores, 101 trapezoid points."""
    recalls = np.concatenate([[0.0], recall, recall[-1:], [1.0]])
    precisions = np.concatenate([[1.0], precision, [0.0, 0.0]])
    envelope = np.maximum.accumulate(precisions[::-1])[::-1]
    heights = np.interp(RECALLS, recalls, envelope)
    return float((np.diff(RECALLS) * (heights[1:] + heights[:-1]) / 2).sum())


def _average_precisions(classes: list[_ClassCurves]) -> Mapping[str, float]:
    by_class = np.stack([curves.average_precision for curves in classes])
    return {"AP": by_class.mean(), "AP50": by_class[:, 0].mean(), "AP75": by_class[:, 5].mean()}


def _at_best_f1(classes: list[_ClassCurves]) -> Mapping[str, float]:
    precision = np.stack([curves.precision for curves in classes])
    recall = np.stack([curves.recall for curves in classes])
    f1 = 2 * precision * recall / (precision + recall + _EPSILON)
    best = int(_smooth(f1.mean(axis=0)).argmax())
    return {"P": precision[:, best].mean(), "R": recall[:, best].mean()}


def _smooth(values: Float64Array) -> Float64Array:
    """Mean over a window of a tenth of the values, the ends repeated."""
    window = round(len(values) * 0.2) // 2 + 1
    half = window // 2
    padded = np.concatenate([np.full(half, values[0]), values, np.full(half, values[-1])])
    return np.convolve(padded, np.ones(window) / window, mode="valid")
