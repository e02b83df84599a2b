"""Arms with hands, legs with shoes. Lengths in body heights."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from posebench.datasets.synthetic.appearance import Appearance
from posebench.datasets.synthetic.geometry import (
    normalise,
    profile,
    rotation_x,
    rotation_y,
    rotation_z,
)
from posebench.datasets.synthetic.hands import add_hand
from posebench.datasets.synthetic.mesh import (
    MeshBuilder,
    Part,
    loft,
    ring_directions,
)
from posebench.datasets.synthetic.segments import Segments
from posebench.datasets.synthetic.skeleton import Arm, Leg
from posebench.datasets.synthetic.trunk import Trunk
from posebench.types import Float64Array

_UPPER_ARM, _FOREARM = 0.168, 0.150
_THIGH, _SHANK = 0.245, 0.243
_ARM_SIDES, _LEG_SIDES = 16, 18
_ARM_STEPS = np.concatenate(
    [[-0.066, -0.060, -0.048, -0.03], np.linspace(-0.01, 1, 38), [1.02, 1.03]]
)
_LEG_STEPS = np.concatenate([[-0.11, -0.1, -0.07], np.linspace(-0.04, 1, 40)])
# Radius along the limb, 0 at its root, 1 at wrist or ankle: deltoid, biceps, elbow, forearm …
_ARM_KNOTS = (
    *(-0.066, -0.06, -0.048, -0.025, 0.01, 0.07, 0.15),
    *(0.27, 0.40, 0.5, 0.60, 0.8, 0.95, 1.0, 1.02, 1.03),
)
_ARM_RADII = (
    *(0.002, 0.010, 0.0185, 0.0245, 0.0290, 0.0310, 0.0300),
    *(0.0270, 0.0245, 0.0235, 0.0250, 0.0205, 0.0158, 0.0150, 0.012, 0.001),
)
_LEG_KNOTS = (-0.11, -0.1, -0.07, -0.03, 0.08, 0.2, 0.38, 0.5, 0.56, 0.66, 0.75, 0.9, 1.0)
_LEG_RADII = (
    *(0.002, 0.024, 0.040, 0.047, 0.050, 0.046, 0.037),
    *(0.032, 0.030, 0.0325, 0.031, 0.021, 0.020),
)
_SHOE_STEPS = np.array([-0.040, -0.037, -0.02, 0, 0.02, 0.045, 0.07, 0.09, 0.104, 0.110])
_SHOE_HEIGHTS = np.array([0.006, 0.018, 0.026, 0.027, 0.024, 0.018, 0.015, 0.013, 0.009, 0.002])
_SHOE_WIDTHS = np.array([0.004, 0.016, 0.020, 0.021, 0.021, 0.024, 0.026, 0.024, 0.016, 0.003])


@dataclass(frozen=True, eq=False)
class Joints:
    """Of one arm (shoulder, elbow, wrist) or leg (hip, knee, ankle), (3,) each.

    ``root`` and ``end`` are where annotators mark them: near the skin, not inside the joint.
    """

    root: Float64Array
    middle: Float64Array
    end: Float64Array


def build_arm(
    builder: MeshBuilder, appearance: Appearance, trunk: Trunk, arm: Arm, side: int
) -> Joints:
    """Add an arm and its hand; ``side`` is 1 for the left, -1 for the right."""
    segments = _arm_segments(appearance, trunk, arm, side)
    radius = _arm_radius(appearance, side)
    points = segments.tube(_ARM_STEPS, (radius, radius), _ARM_SIDES)
    part = Part.ARM_LEFT if side > 0 else Part.ARM_RIGHT
    builder.add_rings(points, _limb_local(_ARM_STEPS, _ARM_SIDES), part)
    add_hand(builder, appearance, segments, arm, side)
    chest = trunk.chest
    mark = segments.root + chest[:, 1] * 0.012 - chest[:, 0] * side * 0.008
    elbow = segments.middle + segments.upper[:, 1] * 0.006
    return Joints(mark, elbow, segments.end + segments.lower[:, 1] * 0.010)


def _arm_segments(appearance: Appearance, trunk: Trunk, arm: Arm, side: int) -> Segments:
    half = 0.104 * (0.93 if appearance.female else 1.02) * (1 + (appearance.girth - 1) * 0.35)
    lift = min(max((max(arm.abduction, arm.flexion) - 60) / 110, 0.0), 1.0)
    chest = trunk.chest
    root = trunk.at(0.270 + 0.035 * lift) + chest[:, 0] * side * (half - 0.018 * lift)
    upper = (
        chest
        @ rotation_z(side * math.radians(arm.abduction))
        @ rotation_x(-math.radians(arm.flexion))
        @ rotation_y(side * math.radians(arm.twist))
    )
    lower = upper @ rotation_x(-math.radians(arm.elbow))
    return Segments(root - chest[:, 2] * 0.008, upper, lower, (_UPPER_ARM, _FOREARM))


def _arm_radius(appearance: Appearance, side: int) -> Float64Array:
    t, end = _ARM_STEPS, appearance.sleeve_end
    radius = profile(t, _ARM_KNOTS, _ARM_RADII)
    radius = radius * (0.88 if appearance.female else 1.03) * (1 + (appearance.girth - 1) * 0.7)
    sleeve = 0.004 + 0.004 * (t > end - 0.1)
    phase = appearance.phases[2 if side > 0 else 3]
    creases = 1 + 0.03 * np.sin(t * 38 + phase) * np.exp(-(((t - 0.5) / 0.25) ** 2))
    return np.asarray(np.where(t < end, (radius + sleeve) * creases, radius))


def _limb_local(steps: Float64Array, sides: int) -> Float64Array:
    """How far along the limb, and in which direction around it."""
    cosine, sine = ring_directions(sides)
    shape = (len(steps), sides)
    columns = (steps[:, None], cosine[None], sine[None])
    return np.stack([np.broadcast_to(column, shape) for column in columns], axis=-1)


def build_leg(
    builder: MeshBuilder, appearance: Appearance, trunk: Trunk, leg: Leg, side: int
) -> Joints:
    """Add a leg and its shoe; ``side`` is 1 for the left, -1 for the right."""
    pelvis = trunk.pelvis
    root = pelvis[:, 0] * side * 0.050 * (1.05 if appearance.female else 1.0)
    upper = (
        pelvis
        @ rotation_z(side * math.radians(leg.spread))
        @ rotation_x(-math.radians(leg.flexion))
        @ rotation_y(side * math.radians(leg.twist))
    )
    lower = upper @ rotation_x(math.radians(leg.knee))
    segments = Segments(root, upper, lower, (_THIGH, _SHANK))
    radius = _leg_radius(appearance, side)
    points = segments.tube(_LEG_STEPS, (radius, radius * 1.05), _LEG_SIDES)
    part = Part.LEG_LEFT if side > 0 else Part.LEG_RIGHT
    builder.add_rings(points, _limb_local(_LEG_STEPS, _LEG_SIDES), part)
    _add_shoe(builder, segments, pelvis, leg, side)
    mark = root + pelvis[:, 0] * side * 0.008
    return Joints(mark, segments.middle, segments.end + lower[:, 1] * 0.012)


def _leg_radius(appearance: Appearance, side: int) -> Float64Array:
    t = _LEG_STEPS
    radius = profile(t, _LEG_KNOTS, _LEG_RADII) * (1 + (appearance.girth - 1) * 0.8)
    if appearance.female:
        radius = radius * 1.02
    if appearance.shorts:
        flare = 0.008 * np.clip((t - 0.1) / 0.3, 0, 1)
    else:
        flare = 0.006 * np.clip((t - 0.45) / 0.3, 0, 1)
    phase = appearance.phases[4 if side > 0 else 5]
    clothed = (radius + 0.004 + flare) * (1 + 0.02 * np.sin(t * 45 + phase))
    return np.asarray(np.where(t < appearance.leg_end, clothed, radius))


def _add_shoe(
    builder: MeshBuilder, segments: Segments, pelvis: Float64Array, leg: Leg, side: int
) -> None:
    front, up = _foot_axes(segments.lower, pelvis, leg)
    left = np.cross(up, front)
    ankle = segments.end - up * 0.040
    centres = ankle + front * _SHOE_STEPS[:, None] + up * _SHOE_HEIGHTS[:, None]
    ones = np.ones((len(_SHOE_STEPS), 1))
    points = loft(centres, ones * left, ones * up, (_SHOE_WIDTHS, _SHOE_HEIGHTS), 14, 0.8)
    local = (points - ankle) @ np.stack([left, up, front], axis=1)
    builder.add_rings(points, local, Part.SHOE_LEFT if side > 0 else Part.SHOE_RIGHT)


def _foot_axes(
    lower: Float64Array, pelvis: Float64Array, leg: Leg
) -> tuple[Float64Array, Float64Array]:
    """Front and up of a foot: level with the ground, unless it is in the air."""
    if leg.foot_pitch:
        axes = lower @ rotation_x(math.radians(leg.foot_pitch))
        return axes[:, 2], axes[:, 1]
    level = lower[:, 2] * [1, 0, 1]
    if np.linalg.norm(level) < 0.2:  # the shank lies flat: only the body knows where front is
        level = pelvis[:, 2] * [1, 0, 1]
    return normalise(level), np.array([0.0, 1.0, 0.0])
