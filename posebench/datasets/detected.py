"""Detected people with everything that a rule of an evaluator may ask of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from posebench.datasets.selection import new_positions
from posebench.types import Detections, Float64Array, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Results:
    """Detections and what to say about how they were read.

    Attributes:
        detections: In file order.
        keypoint_scores: (D, K) score of each keypoint; the third number of a results JSON.
        box_scores: (D,) the detector's or the one-stage model's score before any rescoring; a
            results JSON has only ``score``.
        areas: (D,) px² of a detection; None: keypoint extents.
        part_scores: (D,) scores of parts of the whole body, by part, where they were given.
        has_box_scores: Whether ``box_scores`` is more than a copy of ``detections.scores``.
        notes: One sentence each.
    """

    detections: Detections
    keypoint_scores: FloatArray
    box_scores: Float64Array
    areas: Float64Array | None = None
    part_scores: Mapping[str, Float64Array] = field(default_factory=dict)
    has_box_scores: bool = False
    notes: Sequence[str] = ()

    def take(self, rows: IntArray) -> Results:
        """Some of the detections, in the order of ``rows``."""
        detections = self.detections
        kept = Detections(
            image_index=detections.image_index[rows],
            keypoints=detections.keypoints[rows],
            scores=detections.scores[rows],
            class_ids=detections.class_ids[rows],
            boxes=None if detections.boxes is None else detections.boxes[rows],
        )
        return replace(
            self,
            detections=kept,
            keypoint_scores=self.keypoint_scores[rows],
            box_scores=self.box_scores[rows],
            areas=None if self.areas is None else self.areas[rows],
            part_scores={part: scores[rows] for part, scores in self.part_scores.items()},
        )

    def in_images(self, used: IntArray, count: int) -> Results:
        """The detections in the pictures at the positions ``used`` of ``count``."""
        place = new_positions(used, count)
        kept = self.take(np.flatnonzero(place[self.detections.image_index] >= 0))
        moved = replace(kept.detections, image_index=place[kept.detections.image_index])
        return replace(kept, detections=moved)
