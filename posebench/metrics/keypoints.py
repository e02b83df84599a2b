"""How well each keypoint is placed, by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from posebench.metrics.accumulate import Figure
from posebench.metrics.coco import match_keypoints
from posebench.metrics.matches import Matches
from posebench.types import Detections, Float64Array, GroundTruth


@dataclass(frozen=True)
class KeypointFigure:
    """Figures of one keypoint.

    Attributes:
        oks: Mean similarity over the pairs matched at OKS ≥ .5 in which it is labelled.
        count: Number of those pairs.
        ap: AP with every other keypoint taken out of the OKS; None unless it was asked for.
    """

    oks: Figure
    count: int
    ap: Figure | None = None


def keypoint_oks(matches: Matches) -> dict[str, KeypointFigure]:
    """Mean similarity of each keypoint, from the matches alone."""
    counts = matches.keypoint_labelled.sum(axis=0)
    sums = matches.keypoint_similarity.sum(axis=0)
    names = [str(name) for name in matches.keypoint_names]
    return {
        name: KeypointFigure(_mean(float(total), int(count)), int(count))
        for name, total, count in zip(names, sums, counts, strict=True)
    }


def _mean(total: float, count: int) -> Figure:
    if count:
        return Figure(total / count)
    return Figure(None, "no pair matched at OKS >= .5 in which it is labelled")


def keypoint_matches(
    ground_truth: GroundTruth,
    detections: Detections,
    *,
    max_dets: int = 20,
    detection_areas: Float64Array | None = None,
) -> Iterator[tuple[str, Matches]]:
    """The matching by each keypoint alone, by its name: whoever lacks it is ignored.

    Args:
        ground_truth: Annotations.
        detections: Detections; their areas are those of all keypoints.
        max_dets: As in ``match_keypoints``.
        detection_areas: As in ``match_keypoints``.
    """
    for index, name in enumerate(ground_truth.skeleton.keypoints):
        yield (
            name,
            match_keypoints(
                only_keypoint(ground_truth, index),
                detections,
                max_dets=max_dets,
                detection_areas=detection_areas,
            ),
        )


def only_keypoint(ground_truth: GroundTruth, index: int) -> GroundTruth:
    """The same annotations with the visibility of every other keypoint set to 0."""
    keypoints = ground_truth.keypoints.copy()
    keypoints[:, np.arange(keypoints.shape[1]) != index, 2] = 0
    labelled = (keypoints[:, index, 2] > 0).astype(np.int64)
    return replace(ground_truth, keypoints=keypoints, num_keypoints=labelled)
