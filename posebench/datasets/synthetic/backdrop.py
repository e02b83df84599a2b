"""What is behind people: a room, or land and sky, with the ground they stand on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posebench.datasets.synthetic import exact
from posebench.datasets.synthetic.appearance import Colour, draw_colour
from posebench.datasets.synthetic.camera import Camera
from posebench.datasets.synthetic.draws import Draws
from posebench.datasets.synthetic.geometry import dot
from posebench.datasets.synthetic.light import Light, ShadowMap
from posebench.datasets.synthetic.texture import look_up, noise
from posebench.types import BoolArray, Float32Array

_TILE = 512
_HAZE_M = 60.0


@dataclass(frozen=True, eq=False)
class Backdrop:
    """One picture's surroundings, ready to be painted.

    Attributes:
        camera, light, shadows: What sees and lights it.
        rays: (height, width, 3) through the pixels.
        texture: Noise shared by everything.
    """

    camera: Camera
    light: Light
    shadows: ShadowMap
    rays: Float32Array
    texture: Float32Array

    @classmethod
    def of(cls, camera: Camera, light: Light, shadows: ShadowMap, draws: Draws) -> Backdrop:
        """Prepare what the parts share."""
        texture = noise(draws, _TILE, _TILE, 64, octaves=6, roughness=0.6)
        return cls(camera, light, shadows, camera.rays().astype(np.float32), texture)

    def below_horizon(self) -> BoolArray:
        """(height, width)."""
        return np.asarray(self.rays[..., 1] < -1e-3)


def paint_room(backdrop: Backdrop, wall_m: float, draws: Draws) -> Float32Array:
    """(height, width, 3): a floor, and at a distance a wall with pictures, doors and windows."""
    rays, height = backdrop.rays, np.float32(backdrop.camera.position[1])
    to_wall = np.float32(wall_m) / np.maximum(-rays[..., 2], np.float32(1e-3))
    floor = backdrop.below_horizon() & (height + rays[..., 1] * to_wall < 0)
    picture = np.zeros(rays.shape, np.float32)
    wall = ~floor
    points = rays[wall] * to_wall[wall][:, None]
    picture[wall] = _wall(backdrop, points[:, 0], points[:, 1] + height, wall_m, draws)
    picture[floor] = _ground(backdrop, floor, draws.stream("floor"), soil=False)
    return picture


def paint_outdoors(backdrop: Backdrop, draws: Draws) -> Float32Array:
    """(height, width, 3): ground to the horizon, then trees, hills or houses, then sky."""
    ground = backdrop.below_horizon()
    picture = _sky(backdrop, draws.stream("sky"))
    _skyline(backdrop, picture, ~ground, draws.stream("skyline"))
    picture[ground] = _ground(backdrop, ground, draws.stream("ground"), soil=True)
    return picture


def _ground(backdrop: Backdrop, where: BoolArray, draws: Draws, *, soil: bool) -> Float32Array:
    """Colours of the ground under a mask, (n, 3), lit and hazy in the distance."""
    rays = backdrop.rays[where]
    height = np.float32(backdrop.camera.position[1])
    distance = np.minimum(height / -rays[:, 1], np.float32(500.0))
    x, z = rays[:, 0] * distance, rays[:, 2] * distance
    grass = soil and draws.chance(0.5)
    base = _pale(draws, 0.16) * draws.uniform(0.55, 1.0)
    if grass:
        base = np.array([0.35, 0.42, 0.2]) * draws.uniform(0.8, 1.3)
    grain = look_up(backdrop.texture, z * 60 + draws.uniform(0, 512), x * 60)
    paint = base.astype(np.float32) * (0.6 + 0.8 * grain)[:, None]
    if not grass:
        # Joints far away are finer than a pixel and would flicker.
        paint *= 1 + (_laid(draws, x, z) - 1) * exact.exp(-distance / np.float32(15))[:, None]
    near = distance < _HAZE_M / 2
    lit = np.ones(len(x), np.float32)
    points = np.stack([x, np.zeros_like(x), z], axis=1)
    lit[near] = backdrop.shadows.lit(points[near], taps=12)
    light = backdrop.light
    paint *= (light.ambient + light.key * lit * max(light.direction[1], 0.2))[:, None]
    haze = (1 - exact.exp(-distance / np.float32(_HAZE_M)))[:, None] * np.float32(0.6)
    return np.asarray(paint * (1 - haze) + haze * np.float32(0.75), np.float32)


def _pale(draws: Draws, strength: float) -> Colour:
    """A light grey with a hint of colour, as floors, walls and roads are."""
    colour = draw_colour(draws)
    return np.asarray(0.85 + strength * (colour - colour.max()))


def _laid(draws: Draws, x: Float32Array, z: Float32Array) -> Float32Array:
    """Tiles, planks or nothing, as a factor (n, 1)."""
    kind = draws.choice(("plain", "tiles", "planks"))
    if kind == "tiles":
        size = np.float32(draws.uniform(0.3, 0.8))
        joint = ((x / size) % 1 < 0.03) | ((z / size) % 1 < 0.03)
        return np.where(joint, np.float32(0.7), np.float32(1.0))[:, None]
    if kind == "planks":
        size = np.float32(draws.uniform(0.1, 0.2))
        plank = np.floor(x / size)
        tone = 0.8 + 0.2 * exact.sin(plank * 12.9) * exact.sin(plank * 7.1)
        joint = np.where((x / size) % 1 < 0.05, np.float32(0.7), np.float32(1.0))
        return np.asarray(tone * joint, np.float32)[:, None]
    return np.ones((len(x), 1), np.float32)


def _wall(
    backdrop: Backdrop, x: Float32Array, y: Float32Array, wall_m: float, draws: Draws
) -> Float32Array:
    """Colours at places of the wall, metres; a skirting board below, things hung up above."""
    base = (_pale(draws, 0.22) * draws.uniform(0.75, 1.0)).astype(np.float32)
    stains = look_up(backdrop.texture, y * 20, x * 20)
    paint = base * (0.85 + 0.25 * stains)[:, None]
    half = 0.5 * backdrop.camera.width / backdrop.camera.focal * wall_m
    for _ in range(draws.integer(0, 8)):
        _hang(backdrop, paint, x - np.float32(draws.uniform(-half, half)), y, draws)
    paint[y < 0.09] *= np.float32(0.75)
    shade = np.clip(0.8 + 0.2 * np.clip(y / 0.3, 0, 1), 0, 1)
    strength = 0.55 + 0.9 * backdrop.light.ambient
    return np.asarray(paint * (shade * np.float32(strength))[:, None], np.float32)


def _hang(
    backdrop: Backdrop, paint: Float32Array, x: Float32Array, y: Float32Array, draws: Draws
) -> None:
    """A picture, a window or a door, with its frame, painted in place."""
    middle = np.float32(draws.uniform(0.4, 2.3))
    half_width, half_height = draws.uniform(0.15, 0.8), draws.uniform(0.15, 0.8)
    inner, frame = draw_colour(draws), draw_colour(draws) * 0.8
    beside, above = np.abs(x) < half_width, np.abs(y - middle) < half_height
    rows = np.flatnonzero(beside & above)
    x, y = x[rows], y[rows]
    edge = (np.abs(x) > half_width - 0.05) | (np.abs(y - middle) > half_height - 0.05)
    content = look_up(backdrop.texture, (y - middle) * 300, x * 300)
    colours = inner.astype(np.float32) * (0.6 + 0.8 * content)[:, None]
    colours[edge] = frame
    paint[rows] = colours


def _sky(backdrop: Backdrop, draws: Draws) -> Float32Array:
    """Blue above, paler towards the horizon, with clouds."""
    height, width = backdrop.rays.shape[:2]
    elevation = np.clip(_elevation(backdrop), 0, 1)
    blue = (np.array([0.45, 0.62, 0.9]) * draws.uniform(0.7, 1.1)).astype(np.float32)
    pale = np.array([0.80, 0.84, 0.90], np.float32)
    sky = blue + (pale - blue) * exact.exp(-elevation * 6)[..., None]
    cell = draws.uniform(60, 160)
    clouds = noise(draws, height, width, cell, octaves=6, roughness=0.55)
    cover = np.clip((clouds - 0.5) * 5, 0, 1)[..., None] * np.float32(0.7)
    return np.asarray(sky + (np.float32(0.92) - sky) * cover, np.float32)


def _elevation(backdrop: Backdrop) -> Float32Array:
    """Sine of the angle above the horizon, (height, width)."""
    rays = backdrop.rays
    return np.asarray(rays[..., 1] / np.sqrt(dot(rays, rays)))


def _skyline(backdrop: Backdrop, picture: Float32Array, above: BoolArray, draws: Draws) -> None:
    """Three layers, the nearest last, painted in place."""
    elevation = _elevation(backdrop)
    for layer in range(3):
        own = draws.stream("layer", layer)
        paint_layer = _houses if draws.chance(0.5) else _trees
        top, paint = paint_layer(own, elevation.shape, layer)
        where = above & (elevation < top[None])
        picture[where] = paint[where]


def _trees(draws: Draws, shape: tuple[int, ...], layer: int) -> tuple[Float32Array, Float32Array]:
    """Outline (width,) as the sine of the elevation, and colours (height, width, 3)."""
    height, width = shape
    outline = noise(draws, 4, width, draws.uniform(30, 120), octaves=6, roughness=0.55)[0]
    top = 0.03 + 0.25 * draws.unit() * (1 - 0.25 * layer) * outline
    leaves = noise(draws, height, width, draws.uniform(6, 25), octaves=4, roughness=0.75)
    colour = np.array([0.18, 0.27, 0.1], np.float32) * np.float32(draws.uniform(0.6, 1.5))
    return top, np.asarray(colour * (0.5 + leaves)[..., None])


def _houses(draws: Draws, shape: tuple[int, ...], layer: int) -> tuple[Float32Array, Float32Array]:
    """The same for a row of houses, each with a height, a colour and windows of its own."""
    height, width = shape
    top, tone = np.zeros(width, np.float32), np.zeros((height, width, 3), np.float32)
    rows, left = np.arange(height), 0
    while left < width:
        right = min(left + draws.integer(35, 110), width)
        top[left:right] = 0.02 + 0.22 * draws.unit() * (1 - 0.2 * layer)
        pitch, share = draws.uniform(9, 18), draws.uniform(0.35, 0.6)
        across = (np.arange(right - left) / (0.7 * pitch)) % 1 < share
        pane = across[None] & ((rows / pitch) % 1 < share)[:, None]
        facade = np.where(pane, np.float32(draws.uniform(0.45, 0.8)), np.float32(1.0))
        colour = _pale(draws, 0.35) * draws.uniform(0.45, 0.95)
        tone[:, left:right] = facade[..., None] * colour
        left = right
    return top, tone
