"""People far from each other, found perfectly, into which single errors are planted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from posebench.datasets.skeletons import COCO17
from posebench.types import BoolArray, Detections, Float64Array, GroundTruth, IntArray

AREA = 100.0**2
SIGMAS = np.array(COCO17.sigmas)
_PITCH = 60.0
"""Between keypoints: a similarity of .5 is reached within 26 px, of the largest sigma."""


def annotated(pictures: int = 4, each: int = 3, seed: int = 0) -> GroundTruth:
    """``each`` people in every picture, all 17 keypoints visible and well apart."""
    rng = np.random.default_rng(seed)
    count = pictures * each
    keypoints = np.full((count, 17, 3), 2.0)
    slots = np.stack(np.meshgrid(np.arange(5), np.arange(4)), axis=-1).reshape(-1, 2) * _PITCH
    for person in range(count):
        corner = np.array([person % each * 500.0, 0.0])
        places = slots[rng.permutation(len(slots))[:17]]
        keypoints[person, :, :2] = corner + places + rng.uniform(-4, 4, (17, 2))
    low, high = keypoints[:, :, :2].min(axis=1), keypoints[:, :, :2].max(axis=1)
    return GroundTruth(
        image_ids=np.arange(1, pictures + 1),
        image_index=np.repeat(np.arange(pictures), each),
        annotation_ids=np.arange(1, count + 1),
        keypoints=keypoints,
        boxes=np.concatenate([low, high - low], axis=1),
        areas=np.full(count, AREA),
        is_crowd=np.zeros(count, np.bool_),
        num_keypoints=np.full(count, 17),
        skeleton=COCO17,
        class_ids=np.zeros(count, np.int64),
    )


def found(truth: GroundTruth) -> Detections:
    """Every person at the annotated place, with falling scores."""
    return Detections(
        image_index=truth.image_index.copy(),
        keypoints=truth.keypoints[:, :, :2].copy(),
        scores=np.linspace(0.9, 0.5, len(truth.areas)),
        class_ids=truth.class_ids.copy(),
    )


def added(detections: Detections, more: Detections) -> Detections:
    """Both, one after the other."""
    names = ("image_index", "keypoints", "scores", "class_ids")
    joined = {n: np.concatenate([getattr(detections, n), getattr(more, n)]) for n in names}
    return Detections(**joined)


def taken(detections: Detections, rows: IntArray | BoolArray) -> Detections:
    """Some of them."""
    names = ("image_index", "keypoints", "scores", "class_ids")
    return Detections(**{name: getattr(detections, name)[rows] for name in names})


def junk(truth: GroundTruth, scores: Float64Array) -> Detections:
    """Detections far from everybody, on one picture after the other."""
    count = len(scores)
    offsets = np.random.default_rng(1).uniform(0, 200, (count, 17, 2))
    return Detections(
        image_index=np.arange(count) % len(truth.image_ids),
        keypoints=offsets - np.array([5000.0, 0]) - np.arange(count)[:, None, None] * 500.0,
        scores=scores,
        class_ids=np.zeros(count, np.int64),
    )


def moved(
    truth: GroundTruth, detections: Detections, keypoint: int, similarity: float
) -> Detections:
    """One keypoint of everybody put as far off as gives it a keypoint similarity."""
    distance = 2 * SIGMAS[keypoint] * np.sqrt(-2 * truth.areas * np.log(similarity))
    angles = np.random.default_rng(2).uniform(0, 2 * np.pi, len(distance))
    keypoints = detections.keypoints.copy()
    keypoints[:, keypoint] += distance[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return replace(detections, keypoints=keypoints)
