"""What people found by a top-down model are ranked by, as mmpose's CocoMetric has it."""

from __future__ import annotations

import numpy as np

from posebench.errors import InputError
from posebench.types import Float32Array


def rescore(
    box_scores: Float32Array, keypoint_scores: Float32Array, score_mode: str, threshold: float
) -> Float32Array:
    """(N,) float32 scores from those of the boxes and of the keypoints.

    Args:
        box_scores: (N,) of the boxes that were looked into.
        keypoint_scores: (N, K).
        score_mode: ``postprocess.score_mode``: ``box`` is the box score; ``keypoint`` the mean
            of the keypoint scores; ``box-keypoint`` the box score times the mean of the keypoint
            scores above the threshold, 0 if none is.
        threshold: ``top_down.keypoint_score_threshold``; only ``box-keypoint`` uses it.

    Raises:
        InputError: Another score mode, or no keypoints to take the mean of.
    """
    if score_mode == "box":
        return np.asarray(box_scores, np.float32)
    if score_mode == "keypoint":
        return np.asarray(keypoint_scores.mean(axis=1), np.float32)
    if score_mode == "box-keypoint":
        # Not float32: a score of float32(0.2) is above a threshold of 0.2, as in mmpose.
        scores = keypoint_scores.astype(np.float64)
        counted = scores > threshold
        sums = np.where(counted, scores, 0).sum(axis=1)
        means = sums / np.maximum(counted.sum(axis=1), 1)
        return np.asarray(box_scores * means, np.float32)
    raise InputError(
        f"postprocess.score_mode={score_mode}, but people found by heat maps can be ranked by box, "
        "box-keypoint or keypoint only.",
        remedy="Set postprocess.score_mode=box-keypoint.",
    )
