"""Distances between the placements of several annotators.

With n annotators of a keypoint, x_a their placements and m the mean of them, the unbiased variance
of one is the sum of |x_a - m|² over n - 1. That sum is the sum of |x_a - x_b|² over all pairs, over
n, so the pairs alone are enough::

    sigma² = Σ_people Σ_a |x_a - m|² / s²  /  Σ_people (n - 1)
           = Σ_pairs w · |x_a - x_b|² / s²  /  (2 · Σ_pairs w)        with w = 2 / n
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from posebench.errors import InputError
from posebench.sigmas.distances import Distances
from posebench.sigmas.same_people import LEAST_IOU, same_people
from posebench.sigmas.same_pictures import Annotator, SharedPictures, shared_pictures
from posebench.types import Float64Array, IntArray

_COPIED = 0.25
"""Share of equal placements that is suspicious. On whole pixels two annotators meet by chance in
1 / (4 π τ²) of the cases, with τ = sigma · s / √2 px in x and in y: in a quarter of COCO's eyes if
s is 32 px, and less often in every other keypoint and larger person."""


@dataclass(frozen=True, eq=False)
class Repeats:
    """What several annotators say of the same people.

    Attributes:
        distances: Between any two of F annotators: first those of annotators 0 and 1 for every
            person, then those of 0 and 2, and so on.
        members: (P, F) row in each file of each person with a repeated keypoint, or -1.
        pictures: Number of those that at least two were given.
        notes: What a user should know, one sentence each.
    """

    distances: Distances
    members: IntArray
    pictures: int
    notes: tuple[str, ...]


def repeats(annotators: Sequence[Annotator]) -> Repeats:
    """Compare annotators with one another; s² is the mean of the areas they drew.

    Raises:
        InputError: The files do not fit together, or nobody is in two of them.
    """
    pictures = shared_pictures(annotators)
    members = _members(annotators, pictures)
    areas, points = _areas(annotators, members), _points(annotators, members)
    repeated = (_placements(points) > 1).any(axis=1)
    used = np.flatnonzero(repeated & (areas > 0))
    if not len(used):
        raise InputError(
            f"of {len(members)} people in {annotators[0].path} and the others, none has a keypoint "
            "that two annotators labelled, and an area.",
            remedy="Label keypoints with v 1 or 2, and give areas in px².",
        )
    kept = members[used]
    distances = _distances(points[:, used], areas[used], _pictures_of(kept, pictures))
    notes = [*pictures.notes, *_alone(annotators, members, pictures), *_copied(distances)]
    if flat := int((repeated & (areas == 0)).sum()):
        notes.append(f"{flat} people without an area were left out.")
    return Repeats(distances, kept, pictures.count, tuple(notes))


def _members(annotators: Sequence[Annotator], pictures: SharedPictures) -> IntArray:
    """(P, F) row of each person in each file, or -1."""
    members = same_people(annotators, pictures)
    if not len(members):
        raise InputError(
            f"nobody in {annotators[0].path} is in another file too: no two boxes have an IoU of "
            f"{LEAST_IOU:g} or more.",
            remedy="Are the boxes in px of the same pictures?",
        )
    return members


def _areas(annotators: Sequence[Annotator], members: IntArray) -> Float64Array:
    """(P,) mean annotated area of each person, px²."""
    columns = [annotator.content.areas[members[:, f]] for f, annotator in enumerate(annotators)]
    areas = np.where(members >= 0, np.stack(columns, axis=1), 0.0)
    return np.asarray(areas.sum(axis=1) / (members >= 0).sum(axis=1))


def _points(annotators: Sequence[Annotator], members: IntArray) -> Float64Array:
    """(F, P, K, 2) px, NaN where an annotator did not label the keypoint."""
    placed = [annotator.content.keypoints[members[:, f]] for f, annotator in enumerate(annotators)]
    points = np.stack(placed)
    labelled = (points[..., 2] > 0) & (members.T >= 0)[:, :, None]
    return np.where(labelled[..., None], points[..., :2], np.nan)


def _placements(points: Float64Array) -> IntArray:
    """(P, K) annotators who labelled a keypoint."""
    return np.asarray((~np.isnan(points[..., 0])).sum(axis=0))


def _pictures_of(members: IntArray, pictures: SharedPictures) -> IntArray:
    """(P,) shared picture of each person."""
    columns = [index[members[:, f]] for f, index in enumerate(pictures.image_index)]
    return np.asarray(np.where(members >= 0, np.stack(columns, axis=1), -1).max(axis=1))


def _distances(points: Float64Array, areas: Float64Array, pictures: IntArray) -> Distances:
    """Between any two annotators of each person."""
    pairs = list(combinations(range(len(points)), 2))
    with np.errstate(over="ignore"):  # Far away is infinitely far.
        squared = [((points[a] - points[b]) ** 2).sum(axis=2) / areas[:, None] for a, b in pairs]
    used, index = np.unique(pictures, return_inverse=True)
    return Distances(
        squared=np.concatenate(squared),
        weights=np.tile(2 / np.maximum(_placements(points), 1), (len(pairs), 1)),
        image_index=np.tile(index, len(pairs)),
        images=len(used),
        errors=2,
    )


def _alone(
    annotators: Sequence[Annotator], members: IntArray, pictures: SharedPictures
) -> list[str]:
    """Whom one annotator alone drew."""
    drawn = sum(
        int(((index >= 0) & ~annotator.content.is_crowd).sum())
        for annotator, index in zip(annotators, pictures.image_index, strict=True)
    )
    alone = drawn - int((members >= 0).sum())
    return (
        [f"{alone} annotated people have no counterpart in another file and were left out."]
        if alone
        else []
    )


def _copied(distances: Distances) -> list[str]:
    known = distances.squared[np.isfinite(distances.squared)]
    same = float((known == 0).mean()) if len(known) else 0.0
    if same <= _COPIED:
        return []
    return [
        f"{same:.0%} of the repeated keypoints lie at exactly the same place. Were they copied, or "
        "corrected from the same draft? Then the sigmas are too small."
    ]
