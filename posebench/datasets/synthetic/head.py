"""Head, nose, ears, hair and hat. Lengths in body heights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posebench.datasets.synthetic.appearance import Appearance
from posebench.datasets.synthetic.geometry import bend, rotation_x, rotation_y
from posebench.datasets.synthetic.mesh import MeshBuilder, Part, ellipsoid, loft
from posebench.datasets.synthetic.skeleton import Pose, radians
from posebench.datasets.synthetic.trunk import Trunk
from posebench.types import BoolArray, Float64Array

_SIDES = 32
# From chin to crown: height, half width, front, back.
_LEVELS = np.array(
    (
        *(-0.041, -0.039, -0.033, -0.025, -0.015, -0.005, 0.005, 0.015, 0.025),
        *(0.035, 0.045, 0.055, 0.065, 0.074, 0.082, 0.088, 0.092, 0.094),
    )
)
_WIDTH = np.array(
    (
        *(0.004, 0.013, 0.022, 0.029, 0.0345, 0.0375, 0.0395, 0.041, 0.042),
        *(0.043, 0.0435, 0.043, 0.0405, 0.036, 0.029, 0.020, 0.011, 0.002),
    )
)
_FRONT = np.array(
    (
        *(0.045, 0.050, 0.053, 0.0535, 0.053, 0.052, 0.051, 0.0505, 0.049),
        *(0.051, 0.052, 0.051, 0.047, 0.041, 0.032, 0.021, 0.010, 0.001),
    )
)
_BACK = np.array(
    (
        *(-0.030, -0.022, -0.012, 0.0, 0.015, 0.028, 0.038, 0.045, 0.050),
        *(0.053, 0.055, 0.055, 0.053, 0.048, 0.041, 0.030, 0.018, 0.004),
    )
)
_MARKS = {
    "nose": (0.0, 0.009, 0.062),
    "left_eye": (0.0185, 0.0285, 0.0440),
    "right_eye": (-0.0185, 0.0285, 0.0440),
    "left_ear": (0.0445, 0.012, -0.002),
    "right_ear": (-0.0445, 0.012, -0.002),
}


@dataclass(frozen=True, eq=False)
class _Skull:
    """Where the head is.

    Attributes:
        centre: (3,) between the ears, somewhat in front.
        axes: (3, 3) left, up, front.
        scale: Size of the head for the body's height.
    """

    centre: Float64Array
    axes: Float64Array
    scale: float

    def place(self, local: Float64Array) -> Float64Array:
        """From the head's own coordinates (…, 3)."""
        return self.centre + (local * self.scale) @ self.axes.T

    def add(
        self,
        builder: MeshBuilder,
        local: Float64Array,
        part: Part,
        keep: BoolArray | None = None,
    ) -> None:
        """A surface given in the head's own coordinates."""
        builder.add_rings(self.place(local), local, part, keep)


def build_head(
    builder: MeshBuilder, appearance: Appearance, trunk: Trunk, pose: Pose
) -> dict[str, Float64Array]:
    """Add everything above the neck; returns nose, eyes and ears."""
    half = np.array(radians(pose.neck)) * 0.5
    neck = trunk.chest @ bend(*half)
    scale = appearance.head_scale
    centre = trunk.at(0.335) + neck[:, 1] * 0.042 * scale
    centre = centre + trunk.chest[:, 2] * 0.010 * scale + trunk.chest[:, 1] * 0.003
    skull = _Skull(centre, neck @ bend(*half), scale)
    skull.add(builder, _skull_rings(0.0), Part.HEAD)
    _add_nose_and_ears(builder, skull)
    _add_hair(builder, skull, appearance)
    if appearance.hat:
        _add_hat(builder, skull)
    return {name: skull.place(np.array(mark)) for name, mark in _MARKS.items()}


def _skull_rings(offset: float) -> Float64Array:
    """The head's surface, blown up by an offset."""
    levels = _LEVELS + offset * np.clip((_LEVELS - 0.03) / 0.06, -0.2, 1)
    depth = (_FRONT + _BACK) / 2 + offset
    centres = np.stack([0 * levels, levels, (_FRONT - _BACK) / 2], axis=1)
    front, left = np.array([[0.0, 0.0, 1.0]]), np.array([[1.0, 0.0, 0.0]])
    ones = np.ones((len(levels), 1))
    return loft(centres, ones * front, ones * left, (depth, _WIDTH + offset), _SIDES, 0.95)


def _add_nose_and_ears(builder: MeshBuilder, skull: _Skull) -> None:
    t = np.linspace(0, 1, 8)
    tip = t > 0.95
    ridge = 0.0465 + 0.0135 * t**1.2 - 0.007 * tip
    centres = np.stack([0 * t, 0.033 - 0.027 * t - 0.006 * tip, ridge], axis=1)
    radius = np.interp(t, [0, 0.6, 0.85, 1], [0.0035, 0.0055, 0.0085, 0.002])
    ones = np.ones((8, 1))
    left, front = np.array([[1.0, 0.0, 0.0]]), np.array([[0.0, 0.0, 1.0]])
    skull.add(builder, loft(centres, ones * left, ones * front, (radius, radius), 10), Part.NOSE)
    for side, part in ((1, Part.EAR_LEFT), (-1, Part.EAR_RIGHT)):
        axes = rotation_y(side * np.deg2rad(25)) @ rotation_x(np.deg2rad(-12))
        place = np.array([side * 0.0435, 0.012, -0.004])
        skull.add(builder, ellipsoid(place, axes, (0.0045, 0.0185, 0.0105), (9, 12)), part)


def _add_hair(builder: MeshBuilder, skull: _Skull, appearance: Appearance) -> None:
    if appearance.hair != "bald":
        _add_cap_of_hair(builder, skull, appearance)
    if appearance.hair in ("bob", "long"):
        skull.add(builder, _curtain(0.07 if appearance.hair == "bob" else 0.17), Part.HAIR)
    if appearance.hair == "bun":
        bun = ellipsoid(np.array([0, 0.055, -0.062]), np.eye(3), (0.024, 0.024, 0.022))
        skull.add(builder, bun, Part.HAIR)


def _add_cap_of_hair(builder: MeshBuilder, skull: _Skull, appearance: Appearance) -> None:
    cropped = appearance.hair == "cropped"
    local = _skull_rings(0.0035 if cropped else 0.008)
    line = np.interp(
        local[..., 2],
        [-0.05, -0.02, -0.004, 0.012, 0.03, 0.05],
        [-0.025, -0.012, 0.018, 0.034, 0.052, 0.060],
    )
    if not cropped:
        line = line - 0.012 * (local[..., 2] < 0)
        strands = np.sin(local @ (appearance.wrinkles[:3].T * 60)).sum(axis=-1, keepdims=True)
        local = local * (1 + strands * (0.008 if appearance.hat else 0.02))
    skull.add(builder, local, Part.HAIR, keep=local[..., 1] > line)


def _curtain(length: float) -> Float64Array:
    """Hair that hangs down behind the head, from its end upwards."""
    t = np.linspace(1, 0, 12)
    centres = np.stack(
        [0 * t, 0.05 - t * length, -0.014 - 0.030 * np.minimum(t * 1.5, 1)],
        axis=1,
    )
    depth = 0.75 * (0.042 - 0.012 * t) * np.where(t > 0.99, 0.4, 1) * np.where(t < 0.01, 0.5, 1)
    width = (0.0475 + 0.008 * np.sin(t * 3)) * np.where(t > 0.99, 0.6, 1)
    ones = np.ones((12, 1))
    front, left = np.array([[0.0, 0.0, 1.0]]), np.array([[1.0, 0.0, 0.0]])
    return loft(centres, ones * front, ones * left, (depth, width), 20)


def _add_hat(builder: MeshBuilder, skull: _Skull) -> None:
    crown = _skull_rings(0.011)
    skull.add(builder, crown, Part.HAT, keep=crown[..., 1] > 0.046)
    brim = ellipsoid(np.array([0, 0.048, 0.075]), rotation_x(0.15), (0.040, 0.004, 0.036))
    skull.add(builder, brim, Part.HAT)
