"""Things made of boxes: seats, tables, cupboards, crates. Metres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from posebench.datasets.synthetic.appearance import Colour, draw_colour
from posebench.datasets.synthetic.body import Body
from posebench.datasets.synthetic.draws import Draws
from posebench.datasets.synthetic.geometry import rotation_y, snap
from posebench.datasets.synthetic.mesh import Mesh, box
from posebench.types import Float64Array

_UP = np.array([0.0, 1.0, 0.0])
_LOWEST_SEAT_M = 0.12


@dataclass(frozen=True, eq=False)
class Prop:
    """A painted box.

    Attributes:
        mesh: Its surface; ``local`` is in metres from its middle.
        colour: Paint.
        grain: Strength of the wood's or stone's pattern, 0..1.
    """

    mesh: Mesh
    colour: Colour
    grain: float


def _prop(
    centre: Float64Array,
    half: Sequence[float],
    axes: Float64Array,
    paint: tuple[Colour, float],
) -> Prop:
    mesh = box(centre, np.array(half), axes, steps=5)
    snapped = Mesh(snap(mesh.vertices), mesh.normals, mesh.local, mesh.faces, mesh.parts)
    return Prop(snapped, *paint)


def seat_under(body: Body, draws: Draws) -> list[Prop]:
    """Something for a sitting person to sit on; nothing if they sit on the ground."""
    top = float(body.hips[1]) - 0.075 * body.appearance.height_m - 0.01
    if top <= _LOWEST_SEAT_M:
        return []
    axes = rotation_y(body.yaw)
    foot = np.array([body.hips[0], 0.0, body.hips[2]]) - axes[:, 2] * 0.06
    paint = (draw_colour(draws), draws.uniform(0, 0.25))
    seat = _crate(foot, axes, (0.24, top, 0.21), paint)
    if draws.chance(0.6):
        seat = _four_legs(foot, axes, (0.24, top, 0.21), paint)
    if draws.chance(0.6):
        back = foot - axes[:, 2] * 0.23 + _UP * (top + 0.22)
        seat.append(_prop(back, (0.22, 0.22, 0.02), axes, paint))
    return seat


def _crate(
    foot: Float64Array,
    axes: Float64Array,
    size: tuple[float, float, float],
    paint: tuple[Colour, float],
) -> list[Prop]:
    """A solid block; half width, height and half depth."""
    width, top, depth = size
    return [_prop(foot + _UP * (top / 2), (width, top / 2, depth), axes, paint)]


def _four_legs(
    foot: Float64Array,
    axes: Float64Array,
    size: tuple[float, float, float],
    paint: tuple[Colour, float],
) -> list[Prop]:
    """A board on four legs; half width, height and half depth."""
    width, top, depth = size
    props = [_prop(foot + _UP * (top - 0.025), (width, 0.025, depth), axes, paint)]
    half = top / 2 - 0.025
    for x in (-1, 1):
        for z in (-1, 1):
            corner = axes @ np.array([x * (width - 0.04), 0.0, z * (depth - 0.04)])
            centre = foot + corner + _UP * half
            props.append(_prop(centre, (0.02, half, 0.02), axes, (paint[0] * 0.7, paint[1])))
    return props


def draw_furniture(draws: Draws, place: tuple[float, float]) -> list[Prop]:
    """A table, a cupboard or a crate on the ground at (x, z)."""
    foot = np.array([place[0], 0.0, place[1]])
    axes = rotation_y(draws.uniform(-1, 1))
    paint = (draw_colour(draws), draws.uniform(0, 0.6))
    kind = draws.choice(("table", "cupboard", "crate"), (0.35, 0.3, 0.35))
    if kind == "table":
        size = (draws.uniform(0.35, 0.8), draws.uniform(0.45, 0.8), draws.uniform(0.3, 0.45))
        return _four_legs(foot, axes, size, paint)
    if kind == "cupboard":
        size = (draws.uniform(0.25, 0.6), draws.uniform(0.8, 1.8), draws.uniform(0.18, 0.3))
        return _crate(foot, axes, size, paint)
    size = (draws.uniform(0.1, 0.5), draws.uniform(0.2, 0.8), draws.uniform(0.1, 0.4))
    return _crate(foot, axes, size, paint)


def draw_obstacle(draws: Draws, place: tuple[float, float]) -> list[Prop]:
    """A block in front of people, at most hip high."""
    foot = np.array([place[0], 0.0, place[1]])
    size = (draws.uniform(0.1, 0.4), draws.uniform(0.3, 0.95), draws.uniform(0.1, 0.3))
    paint = (draw_colour(draws), draws.uniform(0, 0.6))
    return _crate(foot, rotation_y(draws.uniform(-1, 1)), size, paint)
