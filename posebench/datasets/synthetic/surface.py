"""The points that are painted: what the camera sees of the meshes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np

from posebench.datasets.synthetic.geometry import normalise
from posebench.datasets.synthetic.mesh import Part
from posebench.datasets.synthetic.rasteriser import Fragments
from posebench.datasets.synthetic.scene import Geometry
from posebench.types import Float32Array, Float64Array, IntArray

SAMPLES = 2
"""Samples a pixel has in each direction."""
Values = TypeVar("Values", IntArray, Float32Array)
_DETAILED = (Part.HEAD, Part.NOSE)  # eyes and mouth are smaller than a pixel


@dataclass(frozen=True, eq=False)
class View:
    """What every sample of a picture sees.

    Attributes:
        width, height: Of the picture, px; there are ``SAMPLES`` times as many samples each way.
        geometry: What there is to see.
        points: (V, 3) its vertices as the camera sees them: x and y in samples, and 1 / depth.
        fragments: All samples of all triangles.
        seen: (n,) rows of the fragments that nothing hides.
    """

    width: int
    height: int
    geometry: Geometry
    points: Float64Array
    fragments: Fragments
    seen: IntArray

    def grid(self, values: Values, empty: int) -> Values:
        """Values of the fragments seen (n,), laid out as the samples: (rows, columns)."""
        size = (self.height * SAMPLES, self.width * SAMPLES)
        buffer = np.full(size[0] * size[1], empty, values.dtype)
        buffer[self.fragments.sample[self.seen]] = values
        return np.asarray(buffer.reshape(size), values.dtype)

    @cached_property
    def owners(self) -> IntArray:
        """(rows, columns) which mesh each sample shows; -1 for the backdrop."""
        triangles = self.fragments.triangle[self.seen]
        return self.grid(self.geometry.owner[triangles], -1)

    @cached_property
    def parts(self) -> IntArray:
        """(rows, columns) which part each sample shows; -1 for the backdrop."""
        triangles = self.fragments.triangle[self.seen]
        return self.grid(self.geometry.mesh.parts[triangles], -1)

    @cached_property
    def nearness(self) -> Float32Array:
        """(rows, columns) 1 / depth of what each sample shows; 0 for the backdrop."""
        return self.grid(self.fragments.nearness[self.seen], 0)


@dataclass(frozen=True, eq=False)
class Surface:
    """Points to be painted, one a row.

    Attributes:
        sample: (n,) which sample, row · columns + column.
        share: (n,) how many samples of its pixel the point stands for.
        owner: (n,) which mesh of the scene.
        part: (n,) values of ``Part``.
        position, normal, local: (n, 3).
        depth: (n,) metres in front of the camera.
    """

    sample: IntArray
    share: IntArray
    owner: IntArray
    part: IntArray
    position: Float32Array
    normal: Float32Array
    local: Float32Array
    depth: Float32Array


def surface_of(view: View) -> Surface:
    """The points of a view; a pixel within one part has one, at an edge it has all its samples."""
    rows, share = _thin_out(view)
    fragments, geometry = view.fragments, view.geometry
    mesh, triangle = geometry.mesh, fragments.triangle[rows]
    corners = mesh.faces[triangle]
    weights = _perspective(fragments.weights[rows], view.points[corners, 2])
    position, normal, local = (
        _blend(values, corners, weights) for values in (mesh.vertices, mesh.normals, mesh.local)
    )
    return Surface(
        sample=fragments.sample[rows].astype(np.int64),
        share=share,
        owner=geometry.owner[triangle],
        part=mesh.parts[triangle],
        position=position,
        normal=normalise(normal),
        local=local,
        depth=1 / fragments.nearness[rows],
    )


def _thin_out(view: View) -> tuple[IntArray, IntArray]:
    """Rows of the fragments to be painted, and how many samples each stands for."""
    rows = view.grid(view.seen, -1)
    mesh, triangles = view.geometry.mesh, view.fragments.triangle[view.seen]
    parts = mesh.parts[triangles]
    key = view.geometry.owner[triangles] * len(Part) + parts
    for part in _DETAILED:
        key[parts == part] = -1
    first, *others = samples_of_pixels(view.grid(key, -1))
    alike = first >= 0
    for other in others:
        alike &= other == first
    once = samples_of_pixels(rows)[0][alike]
    each = rows[~alike.repeat(SAMPLES, axis=0).repeat(SAMPLES, axis=1)]
    each = each[each >= 0]
    shares = np.repeat([SAMPLES**2, 1], [len(once), len(each)])
    return np.concatenate([once, each]), shares


def samples_of_pixels(samples: IntArray) -> list[IntArray]:
    """The first sample of every pixel, the second, and so on, (height, width) each."""
    return [samples[i::SAMPLES, j::SAMPLES] for i in range(SAMPLES) for j in range(SAMPLES)]


def _perspective(weights: Float32Array, nearness: Float64Array) -> Float32Array:
    """Barycentric weights on the screen to those on the triangle, (n, 3)."""
    a, b = weights.T
    scaled = np.stack([a, b, 1 - a - b], axis=1) * nearness.astype(np.float32)
    total = scaled[:, 0] + scaled[:, 1] + scaled[:, 2]
    return np.asarray(scaled / total[:, None])


def _blend(values: Float64Array, corners: IntArray, weights: Float32Array) -> Float32Array:
    """(V, 3) values of the vertices at points in the triangles, (n, 3)."""
    of_vertices = values.astype(np.float32)
    blended = weights[:, :1] * of_vertices[corners[:, 0]]
    blended += weights[:, 1:2] * of_vertices[corners[:, 1]]
    blended += weights[:, 2:] * of_vertices[corners[:, 2]]
    return np.asarray(blended, np.float32)
