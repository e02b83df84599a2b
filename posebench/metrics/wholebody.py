"""One part of the whole body by itself, as xtcocotools scores COCO-WholeBody."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from posebench.datasets.detected import Results
from posebench.datasets.wholebody import BODY, PARTS
from posebench.metrics.sieve import Extents
from posebench.types import GroundTruth, Skeleton


def of_part(ground_truth: GroundTruth, results: Results, part: str) -> tuple[GroundTruth, Results]:
    """Annotations and detections with the keypoints of one part.

    A person without a labelled keypoint of the part is ignored, and a detection without a score
    above 0 in it is left out. Detections are ranked by the score of the part, if they have one.
    Areas are those of the whole person: as annotated, and the extent of the detected body.

    Args:
        ground_truth: Annotations with the 133 keypoints.
        results: Detections with the 133 keypoints.
        part: A key of ``PARTS``.
    """
    columns = PARTS[part].columns
    detections = results.detections
    areas = results.areas
    if areas is None:
        areas = Extents.of(detections.keypoints[:, :BODY]).areas
    own = replace(
        results,
        detections=replace(
            detections,
            keypoints=detections.keypoints[:, columns],
            scores=results.part_scores.get(part, detections.scores),
        ),
        keypoint_scores=results.keypoint_scores[:, columns],
        areas=areas,
    )
    seen = (own.keypoint_scores > 0).any(axis=1)
    return _annotated_part(ground_truth, part), own.take(np.flatnonzero(seen))


def _annotated_part(ground_truth: GroundTruth, part: str) -> GroundTruth:
    columns = PARTS[part].columns
    keypoints = ground_truth.keypoints[:, columns]
    whole = ground_truth.skeleton
    return replace(
        ground_truth,
        keypoints=keypoints,
        num_keypoints=np.count_nonzero(keypoints[:, :, 2] > 0, axis=1),
        skeleton=Skeleton(f"{whole.name}-{part}", whole.keypoints[columns], whole.sigmas[columns]),
    )
