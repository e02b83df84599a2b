"""The sun or a lamp, and what lies in its shadow."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from posebench.datasets.synthetic.draws import Draws
from posebench.datasets.synthetic.geometry import dot, normalise
from posebench.datasets.synthetic.mesh import Mesh
from posebench.datasets.synthetic.rasteriser import rasterise
from posebench.types import Float32Array, Float64Array

_MAP_SIZE = 1024
_GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))
_TURNS = 7
_FAR = 100.0  # added to the height towards the light, so that nearness is positive


@dataclass(frozen=True, eq=False)
class Light:
    """Parallel light and what comes from everywhere.

    Attributes:
        direction: (3,) unit vector towards the light.
        ambient, key: Strength of what comes from everywhere and of the light itself.
        softness_m: Radius over which a shadow's edge is spread.
    """

    direction: Float64Array
    ambient: float
    key: float
    softness_m: float


def draw_light(draws: Draws, *, indoor: bool) -> Light:
    """Mostly from behind the camera, softer in a room."""
    azimuth = draws.uniform(-1.3, 1.3) + (math.pi if draws.chance(0.15) else 0.0)
    elevation = math.radians(draws.uniform(30, 70))
    direction = np.array(
        [
            math.sin(azimuth) * math.cos(elevation),
            math.sin(elevation),
            math.cos(azimuth) * math.cos(elevation),
        ]
    )
    ambient = draws.uniform(0.30, 0.55)
    softness = draws.uniform(0.03, 0.1) if indoor else draws.uniform(0.01, 0.04)
    return Light(direction, ambient, 1.05 - 0.6 * ambient, softness)


class ShadowMap:
    """How far the light gets, seen from the light itself (Williams 1978)."""

    def __init__(self, light: Light, mesh: Mesh) -> None:
        self._softness = light.softness_m
        first = normalise(np.cross([0.0, 1.0, 0.0], light.direction))
        second = np.cross(light.direction, first)
        self._axes = np.stack([first, second, light.direction]).astype(np.float32)
        seen = mesh.vertices @ self._axes.T.astype(np.float64)
        low = seen[:, :2].min(axis=0, initial=0.0) - 0.1
        high = seen[:, :2].max(axis=0, initial=0.0) + 0.1
        self._low = low.astype(np.float32)
        self._scale = np.float32(_MAP_SIZE / (high - low).max())
        self._surface = self._draw(seen, mesh)

    def _draw(self, seen: Float64Array, mesh: Mesh) -> Float32Array:
        x, y = ((seen[:, :2] - self._low) * self._scale).T
        points = np.stack([x, _MAP_SIZE - y, seen[:, 2] + _FAR], axis=1)
        fragments = rasterise(points, mesh.faces, _MAP_SIZE, _MAP_SIZE)
        surface = np.zeros(_MAP_SIZE * _MAP_SIZE, np.float32)
        np.maximum.at(surface, fragments.sample, fragments.nearness)
        return surface

    def lit(self, points: Float32Array, taps: int = 8) -> Float32Array:
        """Share of the light that reaches points (n, 3), 0..1, by percentage-closer filtering.

        The taps lie on a spiral that is turned from point to point, so that too few of them show
        as grain and not as bands (Reeves et al. 1987).
        """
        u, v, height = (dot(points, axis) for axis in self._axes)
        column = (u - self._low[0]) * self._scale
        row = np.float32(_MAP_SIZE) - (v - self._low[1]) * self._scale
        limit = height + np.float32(_FAR + 0.02 + 0.6 * self._softness)
        radius = np.float32(self._softness) * self._scale
        turn = np.arange(len(points)) % _TURNS
        open_taps = np.zeros(len(points), np.float32)
        for across, down in spiral(taps, _TURNS):
            x = (column + radius * across[turn]).astype(np.int32)
            y = (row + radius * down[turn]).astype(np.int32)
            inside = (x >= 0) & (y >= 0) & (x < _MAP_SIZE) & (y < _MAP_SIZE)
            place = np.where(inside, y * _MAP_SIZE + x, 0)
            open_taps += ~inside | (self._surface[place] < limit)
        return open_taps / np.float32(taps)


def spiral(taps: int, turns: int) -> Iterator[tuple[Float32Array, Float32Array]]:
    """Offsets that fill the unit disc evenly, tap by tap: across and down, (turns,) each.

    The whole spiral is turned by another angle for each of the turns (Vogel 1979).
    """
    turned = 2 * np.pi * np.arange(turns) / turns
    for k in range(taps):
        radius, angle = math.sqrt((k + 0.5) / taps), turned + k * _GOLDEN_ANGLE
        yield (
            (radius * np.cos(angle)).astype(np.float32),
            (radius * np.sin(angle)).astype(np.float32),
        )
