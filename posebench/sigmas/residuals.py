"""Residuals of a model: how far its keypoints lie from the labels of the people it finds.

Who a detection is, is decided without sigmas: best score first, each takes the free person to whom
the median distance of its keypoints is smallest, if that is at most a quarter of the root of the
area. The median does not feel a limb on the wrong side. To choose by score, as COCO does, and not
the nearest of many detections leaves the residuals what a user of the model gets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posebench.datasets.selection import only_people
from posebench.errors import InputError
from posebench.metrics.matching import assign, candidates, rank
from posebench.sigmas.distances import Distances
from posebench.types import (
    BoolArray,
    Detections,
    Float64Array,
    FloatArray,
    GroundTruth,
    IntArray,
)

FARTHEST = 0.25
"""Largest median distance over the root of the area. With sigmas of .2 it is .17 in the middle."""
_MAX_DETS = 20


@dataclass(frozen=True, eq=False)
class Residuals:
    """Where a model puts the keypoints of the people it finds.

    Attributes:
        distances: Between a model's and the labelled keypoints, a pair of placements a person.
        people: Who could be found: labelled, with an area, no crowd.
    """

    distances: Distances
    people: int

    @property
    def found(self) -> int:
        """People who were found."""
        return len(self.distances.squared)


def residuals(
    truth: GroundTruth,
    detections: Detections,
    *,
    files: tuple[str, str] = ("annotations", "predictions"),
) -> Residuals:
    """Compare a model with the labels.

    Args:
        truth: G annotations; their sigmas are not looked at.
        detections: D detections, of which the 20 best of each picture and class count.
        files: What messages call the annotations and the predictions.

    Raises:
        InputError: Nobody is labelled, predicted or found.
    """
    labelled = (truth.keypoints[:, :, 2] > 0).any(axis=1)
    people = only_people(truth, np.flatnonzero(labelled & ~truth.is_crowd & (truth.areas > 0)))
    _check_somebody(people, detections, files)
    nearness = _Nearness(detections.keypoints, people)
    rows, met = _matched(people, detections, nearness)
    if not len(rows):
        raise InputError(
            f"{files[1]}, {files[0]}: none of the {len(people.areas)} labelled people was found, "
            f"not one with a median distance of at most {FARTHEST:g} of the root of the area.",
            remedy="Are they px of these pictures, and is the order of the keypoints the same?",
        )
    squared = nearness.squared(rows, met)
    used, index = np.unique(people.image_index[met], return_inverse=True)
    distances = Distances(squared, np.ones(squared.shape), index, len(used), errors=1)
    return Residuals(distances, len(people.areas))


def _check_somebody(people: GroundTruth, detections: Detections, files: tuple[str, str]) -> None:
    if not len(people.areas):
        raise InputError(
            f"{files[0]}: nobody has a labelled keypoint and an area, crowds aside.",
            remedy="Label keypoints with v 1 or 2, and give areas in px².",
        )
    if not len(detections.scores):
        raise InputError(
            f"{files[1]}: nobody was predicted.", remedy="Give predictions with people in them."
        )


@dataclass(frozen=True, eq=False)
class _Nearness:
    """A similarity for the matching: the median distance over the root of the area, negative."""

    keypoints: FloatArray
    people: GroundTruth

    def squared(self, detections: IntArray, people: IntArray) -> Float64Array:
        """(P, K) d² / s² of P pairs, NaN where a keypoint is not labelled."""
        points = self.people.keypoints[people]
        with np.errstate(over="ignore"):  # Far away is infinitely far.
            offset = self.keypoints[detections].astype(np.float64) - points[:, :, :2]
            squared = (offset**2).sum(axis=2) / self.people.areas[people, None]
        return np.where(points[:, :, 2] > 0, squared, np.nan)

    def plausible(self, detections: IntArray, people: IntArray) -> BoolArray:
        """(P,) whether a pair may match."""
        return np.asarray(self(detections, people) >= -FARTHEST)

    def __call__(self, detections: IntArray, people: IntArray) -> Float64Array:
        """(P,) for P pairs."""
        distances = np.sort(np.sqrt(self.squared(detections, people)), axis=1)  # NaN goes last.
        labelled = (~np.isnan(distances)).sum(axis=1)
        rows = np.arange(len(distances))
        low, high = distances[rows, (labelled - 1) // 2], distances[rows, labelled // 2]
        return np.asarray(-(low + high) / 2)


def _matched(
    people: GroundTruth, detections: Detections, nearness: _Nearness
) -> tuple[IntArray, IntArray]:
    """Rows of the detections that are somebody, and of the people they are."""
    images = len(people.image_ids)
    ranking = rank(
        detections.class_ids * images + detections.image_index,
        detections.scores,
        people.class_ids * images + people.image_index,
        limit=_MAX_DETS,
    )
    pairs = candidates(ranking, nearness, -FARTHEST)
    count = len(pairs.similarity)
    taken = assign(
        ranking.ranks,
        pairs,
        allowed=np.ones(count, np.uint64),
        ignored=np.zeros(len(people.areas), np.uint64),
        is_crowd=people.is_crowd,
    ).taken
    won = np.flatnonzero(taken)
    return ranking.rows[pairs.detections[won]], pairs.people[won]
