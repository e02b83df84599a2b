"""Augmentation as HRNet has it: half of a body, another scale, a rotation, a mirror image.

Sun et al., CVPR 2019, section 4.1; the half body is Wang et al.'s (Mscoco keypoints challenge
2018). How the random numbers are cut off is read from HRNet's lib/dataset/JointsDataset.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt

from rdpose.data.crop import Float32Array, Image, Region, region_around
from rdpose.data.samples import BoolArray, Person
from rdpose.joints import JointSet

_HALF_BODY_PADDING = 1.5
_LEAST_OF_A_HALF = 3  # joints; with fewer of them the other half is taken


class AugmentConfig(BaseModel):
    """How far the crops of training are changed; the defaults are those for COCO.

    Raises:
        pydantic.ValidationError: A value is out of range.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    mirror: float = Field(0.5, ge=0, le=1, description="probability")
    rotation: NonNegativeFloat = Field(
        45.0, description="degrees, standard deviation; cut off at twice as much"
    )
    rotated: float = Field(0.6, ge=0, le=1, description="probability")
    scale: float = Field(
        0.35, ge=0, lt=1, description="relative, standard deviation; cut off at as much"
    )
    half_body: float = Field(0.3, ge=0, le=1, description="probability")
    half_body_joints: NonNegativeInt = Field(
        8, description="a body is halved only if more joints than these are labelled"
    )


@dataclass(frozen=True, eq=False)
class View:
    """How a person is shown.

    Attributes:
        region: Of the picture, which is mirrored first if it is.
        rotation: Degrees.
        mirrored: Whether left and right are exchanged.
    """

    region: Region
    rotation: float = 0.0
    mirrored: bool = False


def random_view(
    person: Person,
    width: int,
    config: AugmentConfig,
    joint_set: JointSet,
    input_size: tuple[int, int],
    random: np.random.Generator,
) -> View:
    """Any view of a person.

    Args:
        person: To be shown.
        width: Of its picture, px.
        config: How far it is changed.
        joint_set: What its joints are.
        input_size: Height and width of the network's input, px.
        random: The numbers come from it.
    """
    region = person.region
    if person.visible.sum() > config.half_body_joints and random.random() < config.half_body:
        region = _half_body(person, joint_set, input_size, random) or region
    factor = 1 + np.clip(random.standard_normal() * config.scale, -config.scale, config.scale)
    region = Region(region.center, region.size * np.float32(factor))
    turn = np.clip(random.standard_normal(), -2, 2) * config.rotation
    rotation = float(turn) if random.random() <= config.rotated else 0.0
    if random.random() >= config.mirror:
        return View(region, rotation)
    return View(mirrored_region(region, width), rotation, mirrored=True)


def mirrored_region(region: Region, width: int) -> Region:
    """The region where the mirror image of a picture of this width shows the same."""
    return Region(mirrored_points(region.center[None], width)[0], region.size)


def mirrored_points(points: Float32Array, width: int) -> Float32Array:
    """(N, 2) places of points in the mirror image; pixel 0 becomes pixel width - 1."""
    return np.asarray(points * (-1, 1) + (width - 1, 0), np.float32)


def mirrored_joints(
    joints: Float32Array, visible: BoolArray, width: int, flip_pairs: Sequence[tuple[int, int]]
) -> tuple[Float32Array, BoolArray]:
    """(K, 2) joints and (K,) labels of the mirror image: a left joint is a right one there."""
    order = np.arange(len(joints))
    for left, right in flip_pairs:
        order[[left, right]] = order[[right, left]]
    return mirrored_points(joints, width)[order], visible[order]


def mirrored_image(image: Image) -> Image:
    """The picture with left and right exchanged."""
    return np.ascontiguousarray(image[:, ::-1])


def _half_body(
    person: Person,
    joint_set: JointSet,
    input_size: tuple[int, int],
    random: np.random.Generator,
) -> Region | None:
    """About the upper or the lower body; None if one joint is all there is of it.

    The upper one is taken where a standard normal number is below 0.5: about 7 times of 10.
    """
    above = np.zeros(len(person.visible), np.bool_)
    above[list(joint_set.upper_body)] = True
    upper, lower = person.joints[person.visible & above], person.joints[person.visible & ~above]
    chosen = lower if len(lower) >= _LEAST_OF_A_HALF else upper
    if random.standard_normal() < 0.5 and len(upper) >= _LEAST_OF_A_HALF:
        chosen = upper
    if len(chosen) < 2:
        return None
    low, high = chosen.min(axis=0), chosen.max(axis=0)
    if not (high > low).any():  # all of them at one place
        return None
    extent = region_around(np.concatenate([low, high]), input_size, _HALF_BODY_PADDING)
    return Region(np.asarray(chosen.mean(axis=0), np.float32), extent.size)
