"""What the annotations say of each person, by which figures are split into groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posebench.metrics.boxes import IouPairs
from posebench.metrics.same_group import together
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
    first, second = together(ground_truth.image_index, ground_truth.image_index)
    counted = (first != second) & ~ground_truth.is_crowd[second]
    first, second = first[counted], second[counted]
    iou = IouPairs(ground_truth.boxes, ground_truth.boxes, np.zeros(len(ground_truth.boxes), bool))
    near = iou(first, second) > OVERLAP
    return np.bincount(first[near], minlength=len(ground_truth.boxes)).astype(np.int64)
