"""What the annotations say of each person, by which figures are split into groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posebench.metrics.boxes import IouPairs
from posebench.types import GroundTruth, IntArray

OVERLAP = 0.1
"""Box IoU above which two people overlap (Ronchi and Perona, ICCV 2017)."""


@dataclass(frozen=True, eq=False)
class PeopleTraits:
    """Traits of G annotated people.

    Attributes:
        labelled: (G,) keypoints with v > 0.
        visible: (G,) keypoints with v = 2.
        overlaps: (G,) other people of the picture, crowds left out, whose box overlaps theirs.
    """

    labelled: IntArray
    visible: IntArray
    overlaps: IntArray

    @classmethod
    def of(cls, ground_truth: GroundTruth) -> PeopleTraits:
        """Look at every annotation."""
        visibility = ground_truth.keypoints[:, :, 2]
        return cls(
            labelled=np.count_nonzero(visibility > 0, axis=1).astype(np.int64),
            visible=np.count_nonzero(visibility == 2, axis=1).astype(np.int64),
            overlaps=_overlaps(ground_truth),
        )


def _overlaps(ground_truth: GroundTruth) -> IntArray:
    first, second = _others(ground_truth.image_index)
    counted = ~ground_truth.is_crowd[second]
    first, second = first[counted], second[counted]
    iou = IouPairs(ground_truth.boxes, ground_truth.boxes, np.zeros(len(ground_truth.boxes), bool))
    near = iou(first, second) > OVERLAP
    return np.bincount(first[near], minlength=len(ground_truth.boxes)).astype(np.int64)


def _others(image_index: IntArray) -> tuple[IntArray, IntArray]:
    """Every ordered pair of two people of one picture."""
    order = np.argsort(image_index, kind="stable")
    sizes = np.bincount(image_index[order]) if len(order) else np.zeros(0, np.int64)
    starts = np.cumsum(sizes) - sizes
    size, start = sizes[image_index[order]], starts[image_index[order]]
    first = np.repeat(np.arange(len(order)), size)
    within = np.arange(len(first)) - np.repeat(np.cumsum(size) - size, size)
    second = np.repeat(start, size) + within
    different = first != second
    return order[first[different]], order[second[different]]
