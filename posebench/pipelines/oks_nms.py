"""Suppression of people found twice, by the similarity of their keypoints.

Papandreou et al., Towards Accurate Multi-person Pose Estimation in the Wild, CVPR 2017, §3.3; the
soft form is that of Bodla et al., Soft-NMS, ICCV 2017, with the Gaussian. The similarity of two
predicted people takes all K keypoints and the mean of their areas::

    OKS = mean over i of exp(-d_i² / (2 · s² · (2 · sigma_i)²)),  s² = (area + area') / 2

Both agree with ``oks_nms`` and ``soft_oks_nms`` of mmpose 1.3 unless scores are equal: here the
earlier person then comes first, there it is open, because its sorting is not stable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from posebench.types import Float32Array, Float64Array, FloatArray, IntArray


def oks_nms(
    keypoints: FloatArray,
    scores: FloatArray,
    areas: FloatArray,
    sigmas: Sequence[float],
    threshold: float,
) -> IntArray:
    """People of one picture that survive, best first.

    A person is dropped if its OKS with a better one that was kept is above the threshold.

    Args:
        keypoints: (N, K, 2) px.
        scores: (N,).
        areas: (N,) px², ``crops.padded_areas`` of the people's boxes.
        sigmas: K standard deviations of the keypoints (``Skeleton.sigmas``).
        threshold: 0..1.

    Returns:
        (M,) int64 rows of ``keypoints``.
    """
    people = _People.of(keypoints, areas, sigmas)
    order = np.argsort(-np.asarray(scores), kind="stable")
    kept: list[int] = []
    while len(order):
        best, others = int(order[0]), order[1:]
        kept.append(best)
        order = others[people.similarities(best, others) <= np.float32(threshold)]
    return np.array(kept, np.int64)


def soft_oks_nms(
    keypoints: FloatArray,
    scores: FloatArray,
    areas: FloatArray,
    sigmas: Sequence[float],
    threshold: float,
    max_dets: int,
) -> tuple[IntArray, Float32Array]:
    """People of one picture, best first, after those like a better one were scored lower.

    When a person is taken, the scores of all others are multiplied by exp(-OKS² / threshold).
    mmpose's CocoMetric takes the order from it, with 20 ``max_dets``, but writes the old scores.

    Args:
        keypoints: (N, K, 2) px.
        scores: (N,).
        areas: (N,) px², ``crops.padded_areas`` of the people's boxes.
        sigmas: K standard deviations of the keypoints (``Skeleton.sigmas``).
        threshold: Width of the Gaussian, above 0.
        max_dets: Most people that are returned.

    Returns:
        (M,) int64 rows of ``keypoints``, and their (M,) float32 lowered scores.
    """
    people = _People.of(keypoints, areas, sigmas)
    left = np.arange(len(scores))
    lowered = np.array(scores, np.float64)
    taken: list[int] = []
    while len(left) and len(taken) < max_dets:
        position = int(np.argmax(lowered[left]))
        best = int(left[position])
        taken.append(best)
        left = np.delete(left, position)
        lowered[left] *= np.exp(-(people.similarities(best, left) ** 2) / np.float32(threshold))
    return np.array(taken, np.int64), lowered[taken].astype(np.float32)


@dataclass(frozen=True, eq=False)
class _People:
    """(N, K, 2) keypoints, (N,) areas and (K,) variances of N people, float64."""

    keypoints: Float64Array
    areas: Float64Array
    variances: Float64Array

    @classmethod
    def of(cls, keypoints: FloatArray, areas: FloatArray, sigmas: Sequence[float]) -> _People:
        return cls(
            np.asarray(keypoints, np.float64),
            np.asarray(areas, np.float64),
            (2 * np.asarray(sigmas, np.float64)) ** 2,
        )

    def similarities(self, one: int, others: IntArray) -> Float32Array:
        """(M,) OKS of one person and M others; rounded to float32, as mmpose compares it."""
        squared = ((self.keypoints[others] - self.keypoints[one]) ** 2).sum(axis=2)
        area = (self.areas[one] + self.areas[others]) / 2 + np.spacing(1)
        terms = np.exp(-squared / self.variances / area[:, None] / 2)
        return np.asarray(terms.mean(axis=1), np.float32)
