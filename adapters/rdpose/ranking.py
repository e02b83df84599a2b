"""What found people are ranked by, and who is dropped as found twice.

Papandreou et al., Towards Accurate Multi-person Pose Estimation in the Wild, CVPR 2017, section
3.3, with HRNet's numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rdpose.data.crop import Float32Array, FloatArray, IntArray

KEYPOINT_THRESHOLD = 0.2
OKS_THRESHOLD = 0.9


def rescore(box_scores: FloatArray, joint_scores: FloatArray) -> Float32Array:
    """(N,) float32: the box's score times the mean of the joints' scores above 0.2, or 0.

    Args:
        box_scores: (N,).
        joint_scores: (N, K) maxima of the heat maps.
    """
    scores = np.asarray(joint_scores, np.float64)
    counted = scores > KEYPOINT_THRESHOLD
    means = np.where(counted, scores, 0).sum(axis=1) / np.maximum(counted.sum(axis=1), 1)
    return np.asarray(box_scores * means, np.float32)


def oks_nms(
    joints: FloatArray,
    scores: FloatArray,
    areas: FloatArray,
    sigmas: Sequence[float],
) -> IntArray:
    """People of one picture that survive, best first.

    A person is dropped if its OKS with a better one that was kept is above 0.9. The OKS is taken
    over all K joints, with the mean of the two areas.

    Args:
        joints: (N, K, 2) px.
        scores: (N,).
        areas: (N,) of the padded boxes, px².
        sigmas: K standard deviations.

    Returns:
        (M,) int64 rows of ``joints``.
    """
    order = np.argsort(-np.asarray(scores), kind="stable")
    kept: list[int] = []
    while len(order):
        best, others = int(order[0]), order[1:]
        kept.append(best)
        squared = ((np.asarray(joints, np.float64)[others] - joints[best]) ** 2).sum(axis=2)
        area = (np.asarray(areas, np.float64)[others] + areas[best]) / 2 + np.spacing(1)
        variances = (2 * np.asarray(sigmas, np.float64)) ** 2
        similar = np.exp(-squared / variances / area[:, None] / 2).mean(axis=1)
        order = others[similar.astype(np.float32) <= np.float32(OKS_THRESHOLD)]
    return np.array(kept, np.int64)
