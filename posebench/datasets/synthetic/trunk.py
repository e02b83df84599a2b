"""Torso, skirt and backpack, and where neck, shoulders and hips are. Lengths in body heights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posebench.datasets.synthetic.appearance import Appearance
from posebench.datasets.synthetic.geometry import (
    bend,
    profile,
    rotation_x,
    rotation_y,
    rotation_z,
    smoothstep,
)
from posebench.datasets.synthetic.mesh import (
    MeshBuilder,
    Part,
    ellipsoid,
    loft,
    ring_directions,
)
from posebench.datasets.synthetic.skeleton import Pose, radians
from posebench.types import Float64Array

_SIDES = 28
_LEVELS = np.linspace(-0.075, 0.385, 40)
# Half width, half depth and forward shift of an average trunk, from crotch to neck.
_KNOTS = (
    *(-0.075, -0.065, -0.04, 0, 0.035, 0.08, 0.125, 0.17),
    *(0.215, 0.25, 0.272, 0.288, 0.300, 0.312, 0.33, 0.385),
)
_WIDTH = (
    *(0.01, 0.05, 0.088, 0.098, 0.100, 0.090, 0.083, 0.089),
    *(0.096, 0.101, 0.104, 0.090, 0.064, 0.042, 0.033, 0.031),
)
_DEPTH = (
    *(0.01, 0.05, 0.066, 0.072, 0.070, 0.062, 0.060, 0.065),
    *(0.071, 0.068, 0.060, 0.049, 0.041, 0.036, 0.034, 0.034),
)
_FORWARD = (
    *(0, 0, -0.004, -0.008, -0.008, -0.002, 0.002, 0.004),
    *(0.004, 0.0, -0.006, -0.010, -0.008, -0.006, -0.003, 0.003),
)
_FEMALE_KNOTS = (-0.05, 0, 0.04, 0.12, 0.2, 0.29, 0.32, 0.4)
_FEMALE_WIDTH = (1.03, 1.06, 1.05, 0.95, 0.93, 0.92, 0.9, 0.88)
_MALE_KNOTS = (0.1, 0.2, 0.27, 0.3)
_MALE_WIDTH = (1, 1.03, 1.05, 1)


@dataclass(frozen=True, eq=False)
class Trunk:
    """The bent spine.

    Attributes:
        centres: (n, 3) of its rings, from the hips' level -0.075 to the neck at 0.385.
        pelvis, chest: (3, 3) axes: to the left, up, to the front.
    """

    centres: Float64Array
    pelvis: Float64Array
    chest: Float64Array

    def at(self, level: float) -> Float64Array:
        """(3,) the spine at a height above the hips."""
        return np.array([np.interp(level, _LEVELS, self.centres[:, k]) for k in range(3)])


def build_trunk(builder: MeshBuilder, appearance: Appearance, pose: Pose, yaw: float) -> Trunk:
    """Add torso and backpack; the hips are at the origin."""
    pitch, roll = np.deg2rad(pose.lean)
    pelvis = rotation_y(yaw) @ rotation_x(pitch) @ rotation_z(roll)
    spine = np.array(radians(pose.spine))
    axes = np.array([pelvis @ bend(*(spine * share)) for share in smoothstep(_LEVELS / 0.2)])
    centres = np.zeros((len(_LEVELS), 3))
    centres[0] = pelvis[:, 1] * _LEVELS[0]
    steps = axes[1:, :, 1] * np.diff(_LEVELS)[:, None]
    centres[1:] = centres[0] + np.cumsum(steps, axis=0)
    _add_torso(builder, appearance, centres, axes)
    trunk = Trunk(centres, pelvis, axes[-1])
    if appearance.backpack:
        _add_backpack(builder, trunk)
    return trunk


def _add_torso(
    builder: MeshBuilder, appearance: Appearance, centres: Float64Array, axes: Float64Array
) -> None:
    width, depth, forward = _outline(appearance)
    wobble = 1 + 0.015 * np.sin(_LEVELS * 60 + appearance.phases[0])
    wobble += 0.01 * np.sin(_LEVELS * 130 + appearance.phases[1])
    left, front = axes[:, :, 0], axes[:, :, 2]
    points = loft(
        centres + front * forward[:, None],
        front,
        left,
        (depth * wobble, width * wobble),
        _SIDES,
        squareness=0.88,
    )
    cosine, sine = ring_directions(_SIDES)
    levels = np.repeat(_LEVELS[:, None], _SIDES, axis=1)
    local = np.stack([width[:, None] * sine, levels, depth[:, None] * cosine], axis=-1)
    builder.add_rings(points, local, Part.TORSO)


def _outline(appearance: Appearance) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Half width, half depth and forward shift at every level."""
    y, girth = _LEVELS, appearance.girth
    width, depth = profile(y, _KNOTS, _WIDTH), profile(y, _KNOTS, _DEPTH)
    forward = profile(y, _KNOTS, _FORWARD)
    below_neck = 1 + (girth - 1) * np.clip((0.32 - y) / 0.05, 0, 1)
    belly = np.interp(y, [0, 0.06, 0.15], [0, max(0.0, girth - 1.05), 0])
    bust = np.zeros(len(y))
    if appearance.female:
        width *= np.interp(y, _FEMALE_KNOTS, _FEMALE_WIDTH)
        bust += np.exp(-(((y - 0.205) / 0.03) ** 2)) * (0.3 if appearance.child else 1.0)
    else:
        width *= np.interp(y, _MALE_KNOTS, _MALE_WIDTH)
    cloth = np.where(y > appearance.hem, 0.006, 0.003)
    cloth[y >= 0.30] = 0
    width = width * below_neck + cloth
    depth = depth * below_neck + 0.12 * belly + 0.012 * bust + cloth
    return width, depth, forward + 0.08 * belly + 0.010 * bust


def _add_backpack(builder: MeshBuilder, trunk: Trunk) -> None:
    centre = trunk.at(0.19) - trunk.chest[:, 2] * 0.105
    points = ellipsoid(centre, trunk.chest, (0.085, 0.125, 0.055), (14, 20))
    builder.add_rings(points, (points - centre) @ trunk.chest, Part.BACKPACK)


def add_skirt(
    builder: MeshBuilder,
    appearance: Appearance,
    trunk: Trunk,
    knees: tuple[Float64Array, Float64Array],
) -> None:
    """A flared tube from the waist towards the knees, wide enough for both."""
    rings, sides = 14, 36
    down = np.linspace(1, 0, rings)  # rings run upwards, as everywhere
    waist = trunk.pelvis[:, 1] * 0.09
    length = appearance.skirt_length
    centres = waist + ((knees[0] + knees[1]) / 2 - waist) * (down * length / 0.32)[:, None]
    spread = float(np.linalg.norm(knees[0] - knees[1])) / 2
    front = (0.071 + 0.03 * down) * appearance.girth + 0.12 * max(0.0, appearance.girth - 1.05)
    side = (0.097 + down * (0.012 + max(0.0, spread - 0.04) * length / 0.3)) * appearance.girth
    ones = np.ones((rings, 1))
    tube = loft(centres, ones * trunk.pelvis[:, 2], ones * trunk.pelvis[:, 0], (front, side), sides)
    angles = np.arange(sides) * (2 * np.pi / sides)
    pleats = 1 + 0.05 * np.sin(7 * angles + appearance.phases[6])[None] * down[:, None]
    points = centres[:, None] + (tube - centres[:, None]) * pleats[..., None]
    builder.add_rings(points, (points - waist) @ trunk.pelvis, Part.SKIRT)
