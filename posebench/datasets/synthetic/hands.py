"""Palm, fingers and thumb. Lengths in body heights."""

from __future__ import annotations

import math

import numpy as np

from posebench.datasets.synthetic.appearance import Appearance
from posebench.datasets.synthetic.geometry import profile, rotation_x, rotation_y, rotation_z
from posebench.datasets.synthetic.mesh import MeshBuilder, Part, ellipsoid
from posebench.datasets.synthetic.segments import Segments
from posebench.datasets.synthetic.skeleton import Arm
from posebench.types import Float64Array


def add_hand(
    builder: MeshBuilder, appearance: Appearance, segments: Segments, arm: Arm, side: int
) -> None:
    """Add palm, fingers and thumb at the end of an arm."""
    part = Part.HAND_LEFT if side > 0 else Part.HAND_RIGHT
    axes = (
        segments.lower
        @ rotation_z(math.radians(arm.hand_roll))
        @ rotation_x(math.radians(arm.hand_pitch))
        @ rotation_y(side * math.radians(arm.hand_turn))
    )
    palm = segments.end - axes[:, 1] * 0.026
    size = 0.92 if appearance.female else 1.05
    _add_plain(
        builder, ellipsoid(palm, axes, [r * size for r in (0.022, 0.030, 0.011)], (8, 12)), part
    )
    for finger in range(4):
        _add_plain(builder, _finger(palm, axes, finger, math.radians(arm.curl)), part)
    thumb = axes @ rotation_z(-side * math.radians(35)) @ rotation_x(-0.3)
    centre = palm - side * axes[:, 0] * 0.021 - thumb[:, 1] * 0.018 + axes[:, 1] * 0.01
    _add_plain(builder, ellipsoid(centre, thumb, (0.0065, 0.022, 0.0065), (7, 8)), part)


def _finger(palm: Float64Array, axes: Float64Array, number: int, curl: float) -> Float64Array:
    root = palm - axes[:, 1] * 0.022 + axes[:, 0] * (number - 1.5) * 0.0095
    first = axes @ rotation_x(-curl * 0.6)
    length = 0.026 - 0.003 * abs(number - 1.5)
    segments = Segments(root, first, first @ rotation_x(-curl), (length, length * 0.9))
    steps = np.linspace(0, 1, 8)
    radius = profile(steps, (0, 0.85, 1), (0.0058, 0.0048, 0.001))
    return segments.tube(steps, (radius, radius), 7)


def _add_plain(builder: MeshBuilder, points: Float64Array, part: Part) -> None:
    """A surface of one colour: it needs no coordinates to be painted by."""
    builder.add_rings(points, np.zeros_like(points), part)
