"""Parts of a ground truth: some of its pictures, some of its people."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from posebench.types import GroundTruth, IntArray


def only_people(ground_truth: GroundTruth, rows: IntArray) -> GroundTruth:
    """Some of the annotations, on all pictures."""
    head_sizes = ground_truth.head_sizes
    return replace(
        ground_truth,
        image_index=ground_truth.image_index[rows],
        annotation_ids=ground_truth.annotation_ids[rows],
        keypoints=ground_truth.keypoints[rows],
        boxes=ground_truth.boxes[rows],
        areas=ground_truth.areas[rows],
        is_crowd=ground_truth.is_crowd[rows],
        num_keypoints=ground_truth.num_keypoints[rows],
        class_ids=ground_truth.class_ids[rows],
        head_sizes=None if head_sizes is None else head_sizes[rows],
    )


def only_images(ground_truth: GroundTruth, used: IntArray) -> GroundTruth:
    """The pictures at some positions, in that order, with their annotations."""
    place = new_positions(used, len(ground_truth.image_ids))
    kept = only_people(ground_truth, np.flatnonzero(place[ground_truth.image_index] >= 0))
    return replace(
        kept, image_ids=ground_truth.image_ids[used], image_index=place[kept.image_index]
    )


def new_positions(used: IntArray, count: int) -> IntArray:
    """(count,) position that each of ``count`` pictures has among those ``used``, or -1."""
    place = np.full(count, -1, np.int64)
    place[used] = np.arange(len(used))
    return place


def spread(count: int, wanted: int) -> IntArray:
    """Positions of ``wanted`` of ``count`` pictures, or of all, at even distances."""
    return np.linspace(0, count - 1, min(wanted, count)).round().astype(np.int64)
