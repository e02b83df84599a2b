"""Triangles that know which part of what they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cache

import numpy as np

from posebench.datasets.synthetic.geometry import cross, normalise
from posebench.types import BoolArray, Float64Array, IntArray


class Part(IntEnum):
    """What a triangle belongs to. Left is the person's own left."""

    TORSO = 0
    ARM_LEFT = 1
    ARM_RIGHT = 2
    LEG_LEFT = 3
    LEG_RIGHT = 4
    HEAD = 5
    NOSE = 6
    EAR_LEFT = 7
    EAR_RIGHT = 8
    HAIR = 9
    HAND_LEFT = 10
    HAND_RIGHT = 11
    SHOE_LEFT = 12
    SHOE_RIGHT = 13
    SKIRT = 14
    HAT = 15
    BACKPACK = 16
    PROP = 17


@dataclass(frozen=True, eq=False)
class Mesh:
    """V vertices, F triangles.

    Attributes:
        vertices: (V, 3) metres.
        normals: (V, 3) of length one.
        local: (V, 3) where on its part a vertex lies; what the colours are painted by.
        faces: (F, 3) vertices of each triangle, counter-clockwise from outside.
        parts: (F,) values of :class:`Part`.
    """

    vertices: Float64Array
    normals: Float64Array
    local: Float64Array
    faces: IntArray
    parts: IntArray


class MeshBuilder:
    """Collects surfaces of one body or one thing."""

    def __init__(self) -> None:
        self._surfaces: list[Mesh] = []
        self._count = 0

    def add_rings(
        self,
        points: Float64Array,
        local: Float64Array,
        part: Part,
        keep: BoolArray | None = None,
    ) -> None:
        """A tube given by n rings of m points, (n, m, 3), each closed in itself.

        Args:
            points: Positions.
            local: (n, m, 3) what they are painted by.
            part: What it is.
            keep: (n, m) vertices; a triangle stays if all of its own do. None keeps all.
        """
        faces = _ring_faces(*points.shape[:2])
        if keep is not None:
            faces = faces[keep.ravel()[faces].all(axis=1)]
        self.add(points.reshape(-1, 3), _ring_normals(points), local.reshape(-1, 3), faces, part)

    def add(
        self,
        vertices: Float64Array,
        normals: Float64Array,
        local: Float64Array,
        faces: IntArray,
        part: Part,
    ) -> None:
        """A surface of any shape."""
        self.add_mesh(Mesh(vertices, normals, local, faces, np.full(len(faces), int(part))))

    def add_mesh(self, mesh: Mesh) -> None:
        """What another builder has made."""
        self._surfaces.append(replace(mesh, faces=mesh.faces + self._count))
        self._count += len(mesh.vertices)

    def build(self) -> Mesh:
        """All surfaces as one mesh."""
        if not self._surfaces:
            none = np.zeros((0, 3))
            return Mesh(none, none, none, np.zeros((0, 3), np.int64), np.zeros(0, np.int64))
        columns = zip(*(vars(mesh).values() for mesh in self._surfaces), strict=True)
        return Mesh(*(np.concatenate(column) for column in columns))


def loft(
    centres: Float64Array,
    across: Float64Array,
    along: Float64Array,
    radii: tuple[Float64Array, Float64Array],
    sides: int,
    squareness: float = 1.0,
) -> Float64Array:
    """Rings about centres: (n, sides, 3).

    Args:
        centres: (n, 3).
        across: (n, 3) first axes of the rings.
        along: (n, 3) second axes; the cross product of the two points to the next ring.
        radii: (n,) each, along the two axes.
        sides: Points of a ring.
        squareness: Exponent of the superellipse: 1 is an ellipse, less is squarer.
    """
    cosine, sine = ring_directions(sides)
    cosine = np.sign(cosine) * np.abs(cosine) ** squareness
    sine = np.sign(sine) * np.abs(sine) ** squareness
    first = across[:, None] * (radii[0][:, None] * cosine)[..., None]
    second = along[:, None] * (radii[1][:, None] * sine)[..., None]
    return np.asarray(centres[:, None] + first + second)


def ring_directions(sides: int) -> tuple[Float64Array, Float64Array]:
    """Cosine and sine of the angles at which a ring's points lie, (sides,) each."""
    angles = np.arange(sides) * (2 * np.pi / sides)
    return np.cos(angles), np.sin(angles)


def ellipsoid(
    centre: Float64Array,
    axes: Float64Array,
    radii: Sequence[float],
    shape: tuple[int, int] = (9, 14),
) -> Float64Array:
    """Rings of an ellipsoid, (n, m, 3), with the axes as columns and the radii along them."""
    latitudes = np.linspace(-np.pi / 2, np.pi / 2, shape[0])
    centres = centre + axes[:, 1] * (np.sin(latitudes) * radii[1])[:, None]
    ones = np.ones((shape[0], 1))
    flat = np.cos(latitudes)
    return loft(
        centres, ones * axes[:, 2], ones * axes[:, 0], (flat * radii[2], flat * radii[0]), shape[1]
    )


def box(centre: Float64Array, half: Float64Array, axes: Float64Array, steps: int) -> Mesh:
    """A cuboid of half-lengths ``half`` along the columns of ``axes``, its sides in a grid."""
    sides = [_box_side(axis, sign, steps) for axis in range(3) for sign in (-1, 1)]
    unit = np.concatenate([side[0] for side in sides])
    normals = np.concatenate([side[1] for side in sides])
    faces = _grid_faces(steps, steps)
    every = np.concatenate([faces + k * steps**2 for k in range(6)])
    local = unit * half
    parts = np.full(len(every), int(Part.PROP))
    return Mesh(centre + local @ axes.T, normals @ axes.T, local, every, parts)


def _box_side(axis: int, sign: int, steps: int) -> tuple[Float64Array, Float64Array]:
    line = np.linspace(-1.0, 1.0, steps)
    first, second = np.meshgrid(line, line, indexing="ij")
    points = np.zeros((steps * steps, 3))
    one, two = (axis + 1) % 3, (axis + 2) % 3
    if sign < 0:
        one, two = two, one
    points[:, one], points[:, two], points[:, axis] = first.ravel(), second.ravel(), sign
    normals = np.zeros_like(points)
    normals[:, axis] = sign
    return points, normals


@cache
def _grid_faces(rows: int, columns: int) -> IntArray:
    i, j = np.meshgrid(np.arange(rows - 1), np.arange(columns - 1), indexing="ij")
    corner = (i * columns + j).ravel()
    a, b, c, d = corner, corner + columns, corner + 1, corner + columns + 1
    return np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)])


@cache
def _ring_faces(rings: int, sides: int) -> IntArray:
    i, j = (grid.ravel() for grid in np.mgrid[: rings - 1, :sides])
    following = (j + 1) % sides
    a, b = i * sides + j, i * sides + following
    c, d = a + sides, b + sides
    return np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)])


def _ring_normals(points: Float64Array) -> Float64Array:
    """By central differences around and along the tube, (n·m, 3)."""
    around = np.roll(points, -1, axis=1) - np.roll(points, 1, axis=1)
    along = np.empty_like(points)
    along[1:-1] = points[2:] - points[:-2]
    along[0], along[-1] = points[1] - points[0], points[-1] - points[-2]
    return normalise(cross(around, along)).reshape(-1, 3)
