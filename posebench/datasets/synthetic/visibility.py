"""Whether a keypoint is seen, hidden, or not labelled: the 2, 1 and 0 of COCO."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from posebench.datasets.synthetic.body import Body
from posebench.datasets.synthetic.camera import Camera
from posebench.datasets.synthetic.mesh import Part
from posebench.datasets.synthetic.surface import SAMPLES, View, samples_of_pixels
from posebench.types import BoolArray, Float32Array, Float64Array, IntArray

_SKULL = (Part.HEAD, Part.NOSE, Part.EAR_LEFT, Part.EAR_RIGHT)
_HEAD = (*_SKULL, Part.HAIR, Part.HAT)
_HEAD_KEYPOINTS = 5
# The parts on which each keypoint may be seen, in COCO's order; any other part hides it.
_CARRIERS: tuple[tuple[Part, ...], ...] = (
    *([_HEAD] * _HEAD_KEYPOINTS),
    (Part.TORSO, Part.ARM_LEFT),
    (Part.TORSO, Part.ARM_RIGHT),
    (Part.ARM_LEFT,),
    (Part.ARM_RIGHT,),
    (Part.ARM_LEFT, Part.HAND_LEFT),
    (Part.ARM_RIGHT, Part.HAND_RIGHT),
    (Part.TORSO, Part.LEG_LEFT, Part.SKIRT),
    (Part.TORSO, Part.LEG_RIGHT, Part.SKIRT),
    (Part.LEG_LEFT, Part.SKIRT),
    (Part.LEG_RIGHT, Part.SKIRT),
    (Part.LEG_LEFT, Part.SHOE_LEFT),
    (Part.LEG_RIGHT, Part.SHOE_RIGHT),
)
# How far in front of a keypoint its own skin or cloth may lie, in body heights.
_HEAD_DEPTH, _LIMB_DEPTH = 0.025, 0.10
Place = tuple[float, float]
"""x and y, px."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What the samples of a view show.

    Attributes:
        pixels: (height, width) which mesh each pixel belongs to; -1 for the backdrop.
        owners, parts, nearness: The same for each sample, with its part and 1 / depth.
    """

    pixels: IntArray
    owners: IntArray
    parts: IntArray
    nearness: Float32Array

    @classmethod
    def of(cls, view: View) -> Seen:
        """Lay the samples of a view out."""
        owners = view.owners
        return cls(_majority(owners), owners, view.parts, view.nearness)


def _majority(owners: IntArray) -> IntArray:
    """Owner of at least two of a pixel's samples; of two such, not the backdrop; else any."""
    samples = samples_of_pixels(owners)
    nobody = np.iinfo(owners.dtype).min
    most = np.full(samples[0].shape, nobody)
    for one, other in combinations(samples, 2):
        most = np.maximum(most, np.where(one == other, one, nobody))
    return np.asarray(np.where(most == nobody, samples[0], most))


@dataclass(frozen=True, eq=False)
class OwnFragments:
    """Every sample of one person, hidden or not.

    Attributes:
        sample: (n,) row · columns + column.
        part: (n,) values of ``Part``.
        nearness: (n,) 1 / depth.
    """

    sample: IntArray
    part: IntArray
    nearness: Float32Array


def label_keypoints(
    body: Body, owner: int, camera: Camera, seen: Seen, own: OwnFragments
) -> list[tuple[float, float, int]]:
    """x, y and visibility of the 17 keypoints, px, rounded to 1/100.

    A keypoint outside the picture, or on the far side of the person's own head, is not labelled:
    (0, 0, 0). One that something else hides is labelled 1. One that lies on a pixel of that
    person, on the right part, is labelled 2. One that hangs in the air at most 2 px beside such a
    pixel, as a nose does in profile, is moved to the middle of the nearest.
    """
    projected = camera.project(body.keypoints)
    height = body.appearance.height_m
    labels = []
    for k, (x, y, nearness) in enumerate(projected.tolist()):
        x, y = round(x, 2), round(y, 2)
        if not (nearness > 0 and 0 <= x < camera.width and 0 <= y < camera.height):
            labels.append((0.0, 0.0, 0))
            continue
        slack = height * (_HEAD_DEPTH if k < _HEAD_KEYPOINTS else _LIMB_DEPTH)
        limits = nearness, 1 / (1 / nearness - slack)
        if k < _HEAD_KEYPOINTS and _behind_skull(own, (x, y), camera, limits[1]):
            labels.append((0.0, 0.0, 0))
            continue
        place = _seen_at(seen, owner, k, (x, y), limits)
        labels.append((x, y, 1) if place is None else (*place, 2))
    return labels


def _behind_skull(own: OwnFragments, place: Place, camera: Camera, limit: float) -> bool:
    """Whether the skull lies in front of a place, or within half a pixel beside it."""
    rows, columns = np.divmod(own.sample, camera.width * SAMPLES)
    beside = (np.abs(rows - int(place[1] * SAMPLES)) <= 1) & (
        np.abs(columns - int(place[0] * SAMPLES)) <= 1
    )
    here = np.flatnonzero(beside)
    return bool((np.isin(own.part[here], _SKULL) & (own.nearness[here] > limit)).any())


def _seen_at(
    seen: Seen, owner: int, keypoint: int, place: Place, limits: tuple[float, float]
) -> Place | None:
    """Where a keypoint is seen: at its place, or close by if it hangs in the air; None if not.

    ``limits`` are its own 1 / depth, and that of the nearest skin or cloth that may cover it.
    """
    x, y = place
    nearness, limit = limits
    if _shows(seen, owner, keypoint, place, limit):
        return place
    sample = int(y * SAMPLES), int(x * SAMPLES)
    own = seen.owners[sample] == owner and seen.parts[sample] in _CARRIERS[keypoint]
    if seen.nearness[sample] > (limit if own else nearness):
        return None
    height, width = seen.pixels.shape
    near = [
        (column + 0.5, row + 0.5)
        for row in range(max(int(y) - 2, 0), min(int(y) + 3, height))
        for column in range(max(int(x) - 2, 0), min(int(x) + 3, width))
    ]
    near.sort(key=lambda middle: (math.dist(middle, place), middle))
    return next((m for m in near if _shows(seen, owner, keypoint, m, limit)), None)


def _shows(seen: Seen, owner: int, keypoint: int, place: Place, limit: float) -> bool:
    """Whether the pixel is that person's, and a sample beside the keypoint shows its own part."""
    x, y = place
    if seen.pixels[int(y), int(x)] != owner:
        return False
    row, column = int(y * SAMPLES), int(x * SAMPLES)
    around = np.s_[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
    right: BoolArray = (seen.owners[around] == owner) & np.isin(
        seen.parts[around], _CARRIERS[keypoint]
    )
    return bool((right & (seen.nearness[around] <= limit)).any())


def share_in_frame(body: Body, camera: Camera) -> float:
    """Share of a body's vertices that lie within the picture, hidden or not."""
    x, y, nearness = camera.project(body.mesh.vertices).T
    inside: BoolArray = (x >= 0) & (x < camera.width) & (y >= 0) & (y < camera.height)
    shares: Float64Array = inside & (nearness > 0)
    return float(shares.mean())
