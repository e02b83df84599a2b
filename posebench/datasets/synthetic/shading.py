"""Light on people and things."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posebench.datasets.synthetic import exact
from posebench.datasets.synthetic.appearance import Appearance
from posebench.datasets.synthetic.furniture import Prop
from posebench.datasets.synthetic.garments import paint_body
from posebench.datasets.synthetic.geometry import dot, normalise
from posebench.datasets.synthetic.light import Light, ShadowMap, spiral
from posebench.datasets.synthetic.scene import Scene
from posebench.datasets.synthetic.surface import SAMPLES, Surface, View
from posebench.types import BoolArray, Float32Array

_GAMMA = 1.6  # between a picture's values and light; chosen by what detectors recognise
_TAPS = 12
_REACH_M = 0.09
_TURNS = 11


@dataclass(frozen=True, eq=False)
class Paint:
    """What a surface is made of.

    Attributes:
        colour: (n, 3).
        cloth: (n,) does not shine.
        normal: (n, 3) with the folds of cloth.
    """

    colour: Float32Array
    cloth: BoolArray
    normal: Float32Array


def shade(
    scene: Scene, view: View, surface: Surface, light: Light, shadows: ShadowMap
) -> Float32Array:
    """Colours of the points of a surface, (n, 3) RGB from 0 to a little over 1."""
    paint = _paint(scene, surface)
    towards = normalise(scene.camera.position.astype(np.float32) - surface.position)
    sun = light.direction.astype(np.float32)
    lit = shadows.lit(surface.position + surface.normal * np.float32(0.02))
    open_sky = _openness(view, surface, scene.camera.focal)
    upward = paint.normal[:, 1]
    ambient = (light.ambient * (0.68 + 0.32 * upward) + 0.04 * (1 - upward)) * open_sky
    # The light wraps around a little: skin and cloth let some through.
    facing = np.clip((dot(paint.normal, sun) + 0.12) / 1.12, 0, 1)
    colour = (
        exact.power(paint.colour, _GAMMA) * (ambient + 1.05 * light.key * lit * facing)[:, None]
    )
    colour += _gloss(paint, towards, sun, lit)[:, None]
    return exact.power(np.clip(colour, 0, None), 1 / _GAMMA)


def _gloss(
    paint: Paint, towards: Float32Array, sun: Float32Array, lit: Float32Array
) -> Float32Array:
    """Highlights on what is not cloth (Blinn 1977), and a pale rim on everything, (n,)."""
    shine = np.clip(dot(paint.normal, normalise(towards + sun)), 0, 1)
    for _ in range(3):
        shine = shine * shine
    gloss = shine * shine * shine * lit * ~paint.cloth  # the 24th power
    rim = 1 - np.clip(dot(paint.normal, towards), 0, 1)
    return np.asarray(0.13 * gloss + 0.06 * rim * rim * rim, np.float32)


def _openness(view: View, surface: Surface, focal: float) -> Float32Array:
    """Share of the light from everywhere that nearby things leave, (n,) 0.4..1.

    Ambient occlusion in screen space: what lies a little in front within 9 cm hides some of it
    (Mittring 2007). The ground hides some of what is close to it.
    """
    depth = 1 / np.maximum(view.nearness, np.float32(1e-3))
    height, width = depth.shape
    row, column = np.divmod(surface.sample, width)
    radius = np.clip(focal * SAMPLES * _REACH_M / surface.depth, 2, 120).astype(np.float32)
    turn = (column * 7 + row * 13) % _TURNS
    hidden = np.zeros(len(row), np.float32)
    for across, down in spiral(_TAPS, _TURNS):
        i = np.clip((row + radius * down[turn]).astype(np.int32), 0, height - 1)
        j = np.clip((column + radius * across[turn]).astype(np.int32), 0, width - 1)
        nearer = surface.depth - depth[i, j]
        hidden += (nearer > 0.012) & (nearer < 0.25)
    ground = np.clip(0.6 + 0.4 * surface.position[:, 1] / 0.15, 0.6, 1)
    return np.asarray((1 - hidden * np.float32(0.6 / _TAPS)) * ground, np.float32)


def _paint(scene: Scene, surface: Surface) -> Paint:
    bodies = (*scene.people, *scene.crowd)
    colour = np.zeros((len(surface.owner), 3), np.float32)
    cloth = np.zeros(len(surface.owner), bool)
    normal = surface.normal.copy()
    for owner in np.unique(surface.owner).tolist():
        rows = np.flatnonzero(surface.owner == owner)
        local = surface.local[rows]
        if owner >= len(bodies):
            colour[rows] = _paint_prop(scene.props[owner - len(bodies)], local)
            continue
        appearance = bodies[owner].appearance
        colour[rows], cloth[rows] = paint_body(appearance, surface.part[rows], local)
        folded = rows[cloth[rows]]
        middle = bodies[owner].hips.astype(np.float32)
        normal[folded] = _folds(appearance, surface.position[folded] - middle, normal[folded])
    return Paint(colour, cloth, normal)


def _folds(appearance: Appearance, at: Float32Array, normal: Float32Array) -> Float32Array:
    """Normals of cloth, bent by a few waves through space."""
    bent = normal.copy()
    wrinkles = appearance.wrinkles.astype(np.float32)
    phases = appearance.phases.astype(np.float32)
    for k in range(8):
        wave = wrinkles[k] * np.array([16, 9, 16], np.float32) * np.float32(1 + 0.45 * k)
        sway = exact.sin(dot(at, wrinkles[(k + 3) % 8] * np.float32(9)))
        height = exact.cos(dot(at, wave) + phases[k] + np.float32(1.2) * sway)
        strength = np.float32(0.16 / (1 + 0.12 * k)) / np.sqrt((wave * wave).sum())
        bent += height[:, None] * (wave * strength)
    return normalise(bent)


def _paint_prop(prop: Prop, local: Float32Array) -> Float32Array:
    """Wood or stone: wavy bands, and speckles."""
    x, y, z = (local * np.float32(25)).T
    bands = 1 - np.float32(prop.grain) * (0.5 - 0.5 * exact.sin(2 * y + 3 * exact.sin(x * 0.7) + z))
    speckles = exact.sin(3.1 * x + 2.7 * y + 3.7 * z + exact.sin(7.1 * x - 5.3 * y + 6.1 * z))
    colour = prop.colour.astype(np.float32) * bands[:, None]
    return np.asarray(np.clip(colour + 0.04 * speckles[:, None], 0, 1), np.float32)
