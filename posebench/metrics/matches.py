"""What matching found out, enough to compute every figure again without matching."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from posebench.metrics.arrays_file import ArraysFormat
from posebench.types import BoolArray, Float64Array, IntArray

_FORMAT = ArraysFormat(2, file="matches file", name="matches format")

Bits = npt.NDArray[np.uint64]
"""One bit an area range and threshold; see ``Matches.bit``."""

Strings = npt.NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Matches:
    """Which detection met which annotation, at every threshold and in every area range.

    D detections are those that are scored, at most ``max_dets[-1]`` an image and class, ordered by
    class, image id and falling score: a stable sort by falling score gives the ranking of the
    figures. G annotations are in the ground truth's order. M pairs are those matched at the lowest
    threshold in the first area range, ignored annotations left out.

    Attributes:
        thresholds: (T,) similarities a match must reach, ascending.
        area_names: (A,) names of the area ranges, the first is ``all``.
        area_ranges: (A, 2) inclusive bounds, px².
        max_dets: (N,) numbers of detections an image, ascending.
        class_names: (C,) names of the classes.
        keypoint_names: (K,) names of the keypoints; none when boxes were matched.
        image_ids: (I,) as in the ground truth.
        detections: (D,) row of each in ``Detections``.
        image_index: (D,) position of its image in ``image_ids``.
        class_ids: (D,) zero-based class.
        ranks: (D,) zero-based rank in its image and class.
        scores: (D,) what it is ranked by.
        similarity: (D,) OKS or IoU with the annotation it matched at the lowest threshold in the
            first area range; 0 where it matched none.
        matched_people: (T, D) row of the matched annotation in the first area range, or -1.
        matched: (D,) bit set where it matched an annotation.
        ignored: (D,) bit set where it counts neither as right nor as wrong.
        people_image_index: (G,) position of each annotation's image.
        people_class_ids: (G,) zero-based class.
        people_ignored: (G, A) whether an annotation does not count in an area range.
        people_ids: (G,) annotation ids.
        people_areas: (G,) px², as annotated.
        people_labelled: (G,) keypoints with v > 0.
        people_visible: (G,) keypoints with v = 2.
        people_overlaps: (G,) other people of the picture whose box overlaps theirs.
        pairs: (M,) positions in the D detections.
        keypoint_similarity: (M, K) similarity of each keypoint, 0 where it is not labelled.
        keypoint_labelled: (M, K) whether the annotation labels it.
    """

    thresholds: Float64Array
    area_names: Strings
    area_ranges: Float64Array
    max_dets: IntArray
    class_names: Strings
    keypoint_names: Strings
    image_ids: IntArray
    detections: IntArray
    image_index: IntArray
    class_ids: IntArray
    ranks: IntArray
    scores: Float64Array
    similarity: Float64Array
    matched_people: IntArray
    matched: Bits
    ignored: Bits
    people_image_index: IntArray
    people_class_ids: IntArray
    people_ignored: BoolArray
    people_ids: IntArray
    people_areas: Float64Array
    people_labelled: IntArray
    people_visible: IntArray
    people_overlaps: IntArray
    pairs: IntArray
    keypoint_similarity: Float64Array
    keypoint_labelled: BoolArray

    def bit(self, area: int, threshold: int) -> np.uint64:
        """The mask of an area range and a threshold, by their positions."""
        return np.uint64(1 << (area * len(self.thresholds) + threshold))

    def save(self, path: Path) -> None:
        """Write to an ``.npz`` without pickles, whole or not at all."""
        _FORMAT.save(self, path)

    @classmethod
    def load(cls, path: Path) -> Matches:
        """Read what ``save`` wrote.

        Raises:
            InputError: Not such a file, damaged, or written by another format version.
        """
        return _FORMAT.load(cls, path)
