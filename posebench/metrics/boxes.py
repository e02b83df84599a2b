"""Intersection over union (IoU) of boxes, to the last bit as pycocotools computes it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posebench.types import BoolArray, Float64Array, IntArray


@dataclass(frozen=True, eq=False)
class IouPairs:
    """IoU of pairs of a detected and an annotated box.

    A crowd box is divided by the detection's area alone, so that any part of it counts.

    Attributes:
        detected: (D, 4) x, y, width, height, px.
        annotated: (G, 4) x, y, width, height, px.
        is_crowd: (G,) whether an annotated box surrounds a crowd.
    """

    detected: Float64Array
    annotated: Float64Array
    is_crowd: BoolArray

    def plausible(self, detections: IntArray, people: IntArray) -> BoolArray:
        """(P,) whether the boxes of a pair meet."""
        width, height = self._shared(detections, people)
        return np.asarray((width > 0) & (height > 0))

    def __call__(self, detections: IntArray, people: IntArray) -> Float64Array:
        """(P,) IoU of P pairs."""
        width, height = self._shared(detections, people)
        one, other = self.detected[detections].T, self.annotated[people].T
        shared = width * height
        area, other_area = one[2] * one[3], other[2] * other[3]
        union = np.where(self.is_crowd[people], area, area + other_area - shared)
        iou = np.zeros(len(detections))
        return np.divide(shared, union, out=iou, where=(width > 0) & (height > 0))

    def _shared(self, detections: IntArray, people: IntArray) -> tuple[Float64Array, Float64Array]:
        """Width and height of the intersection, px, negative where a gap lies between."""
        one, other = self.detected[detections].T, self.annotated[people].T
        width = np.minimum(one[2] + one[0], other[2] + other[0]) - np.maximum(one[0], other[0])
        height = np.minimum(one[3] + one[1], other[3] + other[1]) - np.maximum(one[1], other[1])
        return width, height
