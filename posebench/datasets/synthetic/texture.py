"""Patterns without pictures: value noise."""

from __future__ import annotations

import numpy as np

from posebench.datasets.synthetic.draws import Draws
from posebench.datasets.synthetic.geometry import smoothstep
from posebench.types import Float32Array, IntArray


def noise(
    draws: Draws, height: int, width: int, cell: float, *, octaves: int, roughness: float
) -> Float32Array:
    """Value noise, (height, width) in 0..1, that repeats without a seam.

    Args:
        draws: Where the chance comes from.
        height: px.
        width: px.
        cell: Size of the largest spots, px.
        octaves: Layers, each half as coarse as the one before.
        roughness: Strength of a layer as a share of the one before.
    """
    total = np.zeros((height, width), np.float32)
    strength, sum_of_strengths = 1.0, 0.0
    for _ in range(octaves):
        rows, columns = max(2, round(height / cell)), max(2, round(width / cell))
        grid = draws.units(rows, columns).astype(np.float32)
        total += np.float32(strength) * _enlarge(_enlarge(grid, width).T, height).T
        sum_of_strengths += strength
        strength *= roughness
        cell = max(cell / 2, 1.0)
    return total / np.float32(sum_of_strengths)


def _enlarge(grid: Float32Array, size: int) -> Float32Array:
    """(r, c) to (r, size), smoothly, the last column followed by the first."""
    count = grid.shape[1]
    at = np.arange(size) * (count / size)
    left: IntArray = at.astype(np.int64)
    share = smoothstep(at - left).astype(np.float32)
    return np.asarray(grid[:, left] * (1 - share) + grid[:, (left + 1) % count] * share)


def look_up(texture: Float32Array, rows: Float32Array, columns: Float32Array) -> Float32Array:
    """The texture at places given in its pixels, repeated without end."""
    height, width = texture.shape
    i = rows.astype(np.int32) % height
    j = columns.astype(np.int32) % width
    return np.asarray(texture[i, j])
