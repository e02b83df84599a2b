"""Keypoints as they would be without one kind of error.

A repaired keypoint is moved along the line from the annotated point through it, to the distance at
which its keypoint similarity with the annotated point is KS (Ronchi and Perona, ICCV 2017,
arXiv 1707.05388)::

    jitter: KS = .85      miss: KS = .5      inversion, swap: KS = KS*

From KS = exp(-d² / (2 · area · (2 · sigma)²)), the term of one keypoint in the OKS, follows::

    d = 2 · sigma · sqrt(-2 · area · ln KS)

The published code takes half of it, d = sigma · sqrt(-2 · area · ln KS), so that a keypoint meant
for KS lands at KS to the power 1/4: .841 for .5, .960 for .85.

The AP has thresholds at .5 and .85 too. Keypoints are put a billionth of d nearer than d, so that
they reach them whichever way a sum is rounded.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Literal

import numpy as np

from posebench.diagnosis.case import Case
from posebench.diagnosis.taxonomy import (
    GOOD_SIMILARITY,
    KINDS,
    NEAR_SIMILARITY,
    Taxonomy,
)
from posebench.types import Detections, Float64Array

Factor = Literal["corrected", "ronchi-perona"]

_SIGMAS_AWAY: Mapping[Factor, float] = MappingProxyType({"corrected": 2.0, "ronchi-perona": 1.0})
_INSIDE = 1 - 1e-9
_TARGETS = MappingProxyType({"jitter": GOOD_SIMILARITY, "miss": NEAR_SIMILARITY})


def repair(
    case: Case, taxonomy: Taxonomy, kinds: Collection[str], factor: Factor = "corrected"
) -> Detections:
    """The detections with every keypoint of some ``kinds`` of error repaired.

    Args:
        case: The original detections.
        taxonomy: Kinds of their keypoints.
        kinds: Any of ``jitter``, ``inversion``, ``swap`` and ``miss``.
        factor: ``corrected``, or ``ronchi-perona`` for the distances of their published code.

    Returns:
        float64 coordinates; scores and boxes are the original ones.
    """
    chosen = np.isin(taxonomy.kinds, [KINDS.index(kind) for kind in kinds])
    pairs, columns = np.nonzero(chosen)
    rows, people = taxonomy.pairing.detections[pairs], taxonomy.pairing.people[pairs]
    distances = _INSIDE * _SIGMAS_AWAY[factor] * _unit_distances(case, taxonomy)[pairs, columns]
    annotated = case.ground_truth.keypoints[people, columns, :2]
    keypoints = case.detections.keypoints.astype(np.float64)
    offsets = keypoints[rows, columns] - annotated
    # An error lies off the annotated point, or its own similarity would be 1.
    stretch = distances / np.hypot(offsets[:, 0], offsets[:, 1])
    keypoints[rows, columns] = annotated + offsets * stretch[:, None]
    return replace(case.detections, keypoints=keypoints)


def _unit_distances(case: Case, taxonomy: Taxonomy) -> Float64Array:
    """(P, K) sigma · sqrt(-2 · area · ln KS), px."""
    truth = case.ground_truth
    goal = taxonomy.best.copy()
    for kind, similarity in _TARGETS.items():
        goal[taxonomy.kinds == KINDS.index(kind)] = similarity
    # What is not to be repaired may have a similarity of 0, or -1 where it is not labelled.
    surprise = -np.log(np.where(goal > 0, goal, 1.0))
    areas = truth.areas[taxonomy.pairing.people][:, None]
    distances: Float64Array = np.array(truth.skeleton.sigmas) * np.sqrt(2 * areas * surprise)
    return distances
