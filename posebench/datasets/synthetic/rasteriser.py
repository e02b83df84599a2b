"""From triangles to samples: which triangle is nearest where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from posebench.types import Float32Array, Float64Array, IntArray

# Triangles of about one size are tested together, against a square of pixels that holds them.
_SQUARES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256, 512, 1024, 2048)
_TESTS_AT_ONCE = 1_000_000
_SLACK = 1e-5  # neighbours computed in single precision leave no gap between them

Index = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Fragments:
    """Every sample of every triangle that faces the camera, hidden ones too.

    Attributes:
        sample: (n,) row · width + column.
        triangle: (n,) row of ``faces``.
        weights: (n, 2) barycentric, of the first and second vertex.
        nearness: (n,) 1 / depth; larger is nearer.
    """

    sample: Index
    triangle: Index
    weights: Float32Array
    nearness: Float32Array

    def nearest(self, size: int) -> IntArray:
        """(m,) rows of the fragments that nothing hides, by sample, ascending.

        Args:
            size: Number of samples of the picture.
        """
        front = np.zeros(size, np.float32)
        np.maximum.at(front, self.sample, self.nearness)
        seen = np.flatnonzero(self.nearness == front[self.sample])
        winner = np.full(size, -1)
        winner[self.sample[seen]] = seen  # of equals, the last
        return winner[winner >= 0]


def rasterise(points: Float64Array, faces: IntArray, width: int, height: int) -> Fragments:
    """Samples at pixel middles covered by triangles.

    Args:
        points: (V, 3) x and y in pixels, y downwards, and nearness; a triangle with a vertex
            whose nearness is not positive is left out.
        faces: (F, 3) vertices, counter-clockwise from outside; those seen from behind are
            left out.
        width: Of the picture, in samples.
        height: Of the picture, in samples.
    """
    pieces = list(_pieces(points, faces, width, height))
    if not pieces:
        none = np.zeros(0, np.int32)
        return Fragments(none, none, np.zeros((0, 2), np.float32), np.zeros(0, np.float32))
    columns = zip(*(vars(piece).values() for piece in pieces), strict=True)
    return Fragments(*(np.concatenate(column) for column in columns))


def _pieces(points: Float64Array, faces: IntArray, width: int, height: int) -> Iterator[Fragments]:
    a, b, c = (points[faces[:, k]] for k in range(3))
    shown = _cross(b - a, c - a) < -1e-9  # y points down: the front is negative
    shown &= (a[:, 2] > 0) & (b[:, 2] > 0) & (c[:, 2] > 0)
    triangle = np.flatnonzero(shown)
    corners = np.stack([a[triangle], b[triangle], c[triangle]], axis=1)
    low, high = _bounds(corners, width, height)
    extent = np.maximum(high[:, 0] - low[:, 0], high[:, 1] - low[:, 1]) + 1
    extent[(high[:, 0] < low[:, 0]) | (high[:, 1] < low[:, 1])] = 0
    smaller = 0
    for square in _SQUARES:
        chosen = np.flatnonzero((extent > smaller) & (extent <= square))
        smaller = square
        step = max(1, _TESTS_AT_ONCE // square**2)
        for start in range(0, len(chosen), step):
            some = chosen[start : start + step]
            yield _test(corners[some], triangle[some], (low[some], high[some]), square, width)


def _bounds(corners: Float64Array, width: int, height: int) -> tuple[Float64Array, Float64Array]:
    """First and last column and row whose middle a triangle may cover, (F, 2) each."""
    a, b, c = corners[:, 0, :2], corners[:, 1, :2], corners[:, 2, :2]
    low = np.ceil(np.minimum(np.minimum(a, b), c) - 0.5)
    high = np.floor(np.maximum(np.maximum(a, b), c) - 0.5)
    return np.maximum(low, 0), np.minimum(high, [width - 1, height - 1])


def _cross(first: Float64Array, second: Float64Array) -> Float64Array:
    product: Float64Array = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    return product


def _test(
    corners: Float64Array,
    triangle: IntArray,
    bounds: tuple[Float64Array, Float64Array],
    square: int,
    width: int,
) -> Fragments:
    """Which pixels of a square at ``bounds[0]`` lie in each triangle."""
    low, high = bounds
    rows, columns = np.divmod(np.arange(square * square), square)
    first, second = _weight(corners, low, 1, 2), _weight(corners, low, 2, 0)
    w0, w1 = (_on_square(plane, rows, columns) for plane in (first, second))
    inside = (w0 >= -_SLACK) & (w1 >= -_SLACK) & (w0 + w1 <= 1 + _SLACK)
    size = (high - low).astype(np.int32)
    inside &= (columns <= size[:, :1]) & (rows <= size[:, 1:])
    which, place = np.nonzero(inside)
    weights = np.stack([w0[which, place], w1[which, place]], axis=1)
    left, top = low.astype(np.int32).T
    sample = (top[which] + rows[place]) * width + left[which] + columns[place]
    nearness = _interpolate(corners[..., 2].astype(np.float32)[which], weights)
    return Fragments(sample.astype(np.int32), triangle[which].astype(np.int32), weights, nearness)


def _weight(
    corners: Float64Array, low: Float64Array, one: int, two: int
) -> tuple[Float32Array, Float32Array, Float32Array]:
    """A barycentric weight as a plane over the square: at its first pixel, per column, per row."""
    a, b, c = corners[:, 0, :2], corners[:, 1, :2], corners[:, 2, :2]
    p, q = corners[:, one, :2], corners[:, two, :2]
    area = _cross(b - a, c - a)
    middle = low + 0.5
    start = _cross(p - middle, q - middle) / area
    per_column = (p[:, 1] - q[:, 1]) / area
    per_row = (q[:, 0] - p[:, 0]) / area
    return start.astype(np.float32), per_column.astype(np.float32), per_row.astype(np.float32)


def _on_square(
    plane: tuple[Float32Array, Float32Array, Float32Array], rows: IntArray, columns: IntArray
) -> Float32Array:
    start, per_column, per_row = (value[:, None] for value in plane)
    values = per_column * columns.astype(np.float32)
    values += per_row * rows.astype(np.float32)
    values += start
    return values


def _interpolate(values: Float32Array, weights: Float32Array) -> Float32Array:
    """Of (n, 3) values at the corners."""
    w0, w1 = weights.T
    return np.asarray(w0 * values[:, 0] + w1 * values[:, 1] + (1 - w0 - w1) * values[:, 2])
