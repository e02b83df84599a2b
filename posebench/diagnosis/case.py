"""What is diagnosed, and how it is matched."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from posebench.metrics.coco import match_keypoints
from posebench.metrics.matches import Matches
from posebench.metrics.oks import OksPairs, Targets
from posebench.metrics.sieve import Extents
from posebench.types import (
    BoolArray,
    Detections,
    Float64Array,
    GroundTruth,
    IntArray,
    Tensor,
)

LOCALISED = 0.1
"""OKS from which on a detection is a poorly placed person, not one of background."""
SMALLEST_AREA = 32.0**2


@dataclass(frozen=True, eq=False)
class Case:
    """Predictions over annotations. G people, D detections.

    Attributes:
        ground_truth: Annotated people.
        detections: Predicted people, with finite coordinates and scores.
        max_dets: Detections a picture and class that are scored, best first.
        smallest_area: px²; keypoints of smaller people are not examined, as in Ronchi and Perona
            (ICCV 2017). The AP counts them all the same.
        detection_areas: (D,) px², by which the AP of an area range ignores detections; by default
            the extent of their keypoints. A repair leaves it as it is.
    """

    ground_truth: GroundTruth
    detections: Detections
    max_dets: int = 20
    smallest_area: float = SMALLEST_AREA
    detection_areas: Float64Array | None = None

    @cached_property
    def counted(self) -> BoolArray:
        """(G,) people that the AP counts: no crowd, at least one labelled keypoint."""
        truth = self.ground_truth
        return np.asarray(~truth.is_crowd & (truth.num_keypoints > 0))

    @cached_property
    def examined(self) -> BoolArray:
        """(G,) of those that count, the ones whose keypoints are examined."""
        return np.asarray(self.counted & (self.ground_truth.areas >= self.smallest_area))

    @cached_property
    def people_groups(self) -> IntArray:
        """(G,) number of each person's picture and class."""
        truth = self.ground_truth
        return truth.class_ids * len(truth.image_ids) + truth.image_index

    @cached_property
    def detection_groups(self) -> IntArray:
        """(D,) number of each detection's picture and class."""
        found = self.detections
        return found.class_ids * len(self.ground_truth.image_ids) + found.image_index

    @cached_property
    def areas(self) -> Float64Array:
        """(D,) area of each detection, px²."""
        if self.detection_areas is not None:
            return self.detection_areas
        return Extents.of(self.detections.keypoints).areas

    def oks(
        self, *, detections: Detections | None = None, ground_truth: GroundTruth | None = None
    ) -> OksPairs:
        """OKS of pairs, of changed detections or annotations where they are given."""
        truth = self.ground_truth if ground_truth is None else ground_truth
        found = self.detections if detections is None else detections
        keypoints: Tensor = np.ascontiguousarray(found.keypoints)
        return OksPairs(
            keypoints=keypoints,
            detected=Extents.of(keypoints),
            targets=Targets.of(truth, np.array(truth.skeleton.sigmas)),
            floor=LOCALISED,
        )

    def matches(
        self, *, detections: Detections | None = None, ground_truth: GroundTruth | None = None
    ) -> Matches:
        """Match as for the AP, with changed detections or annotations where they are given."""
        return match_keypoints(
            self.ground_truth if ground_truth is None else ground_truth,
            self.detections if detections is None else detections,
            max_dets=self.max_dets,
            detection_areas=self.areas,
        )
