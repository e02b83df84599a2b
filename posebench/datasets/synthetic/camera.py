"""A pinhole camera above the ground, looking along -z."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from posebench.datasets.synthetic.geometry import rotation_x, rotation_z, snap
from posebench.types import Float64Array

_NEAR_M = 0.15
_STEP = 2.0**-30


@dataclass(frozen=True, eq=False)
class Camera:
    """Where it stands, where it looks, what it sees.

    Attributes:
        width, height: Of the picture, px.
        focal: Focal length, px.
        position: (3,) metres.
        axes: (3, 3) rows: right, up, back.
    """

    width: int
    height: int
    focal: float
    position: Float64Array
    axes: Float64Array

    @classmethod
    def aimed(
        cls, size: tuple[int, int], field_of_view: float, height_m: float, pitch: float, roll: float
    ) -> Camera:
        """At a height over the origin; angles in radians, positive pitch looks down."""
        focal = 0.5 * max(size) / math.tan(field_of_view / 2)
        axes = snap(rotation_z(roll) @ rotation_x(pitch), _STEP)
        position = snap(np.array([0.0, height_m, 0.0]))
        return cls(*size, round(focal, 6), position, axes)

    def project(self, points: Float64Array) -> Float64Array:
        """World to picture: (n, 3) of x and y, px, and 1 / depth, 1/m.

        1 / depth is -1 for what lies behind the camera or nearer than 15 cm. Products and sums
        are spelt out: a matrix product adds up in another order on another machine.
        """
        x, y, z = (points - self.position).T
        right, up, back = (row[0] * x + row[1] * y + row[2] * z for row in self.axes)
        depth = np.maximum(-back, 1e-3)
        scale = self.focal / depth
        inverse = np.where(-back > _NEAR_M, 1.0 / depth, -1.0)
        return np.stack([self.width / 2 + right * scale, self.height / 2 - up * scale, inverse], 1)

    def rays(self) -> Float64Array:
        """(height, width, 3) from the camera to each pixel's middle, as far as 1 m of depth."""
        x = (np.arange(self.width) + 0.5 - self.width / 2) / self.focal
        y = -(np.arange(self.height) + 0.5 - self.height / 2) / self.focal
        right, up, back = self.axes
        rays = x[None, :, None] * right + y[:, None, None] * up - back
        return np.asarray(rays)
