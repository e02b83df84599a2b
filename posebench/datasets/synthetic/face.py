"""A face, painted on the head: what a detector looks for first."""

from __future__ import annotations

import numpy as np

from posebench.datasets.synthetic import exact
from posebench.datasets.synthetic.appearance import Appearance
from posebench.types import BoolArray, Float32Array

# All lengths in body heights, in the head's own coordinates, the head's middle at 0. x is the
# distance from the line between the eyes, as a face is symmetric.
_EYE_X, _EYE_Y = 0.0185, 0.024


def paint_head(appearance: Appearance, local: Float32Array) -> Float32Array:
    """Skin with eyes, brows, mouth, and beard or glasses; (n, 3) → (n, 3) RGB."""
    colours = _complexion(appearance, local)
    x, y, front = _flat(local)
    if appearance.beard:
        _beard(appearance, colours, local)
    _eyes(appearance, colours, x, y, front)
    _brows(appearance, colours, x, y, front)
    _mouth(appearance, colours, x, y, front)
    if appearance.glasses:
        _glasses(colours, x, y, local[:, 2])
    return colours


def paint_nose(appearance: Appearance, local: Float32Array) -> Float32Array:
    """Skin with nostrils."""
    colours = _complexion(appearance, local)
    x, y, _ = _flat(local)
    colours[(y < 0.0018) & (x > 0.0025) & (x < 0.0065)] *= 0.45
    return colours


def paint_ear(appearance: Appearance, local: Float32Array) -> Float32Array:
    """Ears are redder than the rest."""
    skin = appearance.skin * [0.95, 0.8, 0.78]
    return np.tile(skin.astype(np.float32), (len(local), 1))


def _flat(local: Float32Array) -> tuple[Float32Array, Float32Array, BoolArray]:
    """Distance from the middle, height, and what is on the front of the head."""
    return np.abs(local[:, 0]), local[:, 1] - np.float32(0.004), local[:, 2] > 0


def _complexion(appearance: Appearance, local: Float32Array) -> Float32Array:
    """Skin, darker in the eye sockets and under nose and lip, redder on the cheeks."""
    x, y, front = _flat(local)

    def spot(cx: float, cy: float, sx: float, sy: float) -> Float32Array:
        return np.asarray(exact.exp(-(((x - cx) / sx) ** 2) - ((y - cy) / sy) ** 2) * front)

    shade = 1 - 0.42 * spot(0.018, 0.0235, 0.012, 0.0065)
    shade *= 1 - 0.22 * spot(0.0, 0.0, 0.014, 0.004)
    shade *= 1 - 0.25 * spot(0.0, -0.027, 0.016, 0.004)
    cheeks = spot(0.026, -0.002, 0.012, 0.012)[:, None] * np.array([0.0, 0.16, 0.16])
    return np.asarray(appearance.skin * shade[:, None] * (1 - cheeks), np.float32)


def _beard(appearance: Appearance, colours: Float32Array, local: Float32Array) -> None:
    x, y, front = _flat(local)
    z = local[:, 2]
    chin = (y < -0.004 - 0.012 * ((x < 0.014) & (z > 0.04))) & front
    moustache = (np.abs(y + 0.0075) < 0.003) & (x < 0.015) & (z > 0.03)
    hairy = chin | moustache
    colours[hairy] = 0.35 * colours[hairy] + 0.65 * appearance.hair_colour.astype(np.float32)


def _eyes(
    appearance: Appearance,
    colours: Float32Array,
    x: Float32Array,
    y: Float32Array,
    front: BoolArray,
) -> None:
    eye = (((x - _EYE_X) / 0.0095) ** 2 + ((y - _EYE_Y) / 0.0042) ** 2 < 1) & front
    lashes = ((x - _EYE_X) / 0.0108) ** 2 + ((y - _EYE_Y - 0.0005) / 0.0056) ** 2 < 1
    colours[lashes & ~eye & front] *= 0.45
    colours[eye] = 0.35 * appearance.skin + 0.65 * np.array([0.72, 0.70, 0.68])
    iris = (x - _EYE_X) ** 2 + (y - _EYE_Y - 0.0002) ** 2 < 0.0046**2
    colours[iris & eye] = (0.08, 0.05, 0.04)
    colours[eye & (y > 0.0258)] = 0.10  # lid


def _brows(
    appearance: Appearance,
    colours: Float32Array,
    x: Float32Array,
    y: Float32Array,
    front: BoolArray,
) -> None:
    arch = 0.0375 - 0.25 * np.maximum(x - 0.02, 0) + 0.1 * (x - 0.01)
    brow = (np.abs(y - arch) < 0.0018) & (x > 0.009) & (x < 0.029) & front
    colours[brow] = 0.6 * appearance.skin + 0.32 * appearance.hair_colour


def _mouth(
    appearance: Appearance,
    colours: Float32Array,
    x: Float32Array,
    y: Float32Array,
    front: BoolArray,
) -> None:
    lips = ((x / 0.0165) ** 2 + ((y + 0.0175) / 0.0050) ** 2 < 1) & front
    colours[lips] = appearance.skin * [0.80, 0.48, 0.47]
    colours[lips & (np.abs(y + 0.0175) < 0.0011)] *= 0.4


def _glasses(colours: Float32Array, x: Float32Array, y: Float32Array, z: Float32Array) -> None:
    radius = np.sqrt(((x - 0.019) / 1.25) ** 2 + (y - 0.022) ** 2)
    rims = (np.abs(radius - 0.0115) < 0.0014) & (z > 0)
    temples = (np.abs(y - 0.027) < 0.0012) & (x > 0.03) & (z > -0.005)
    colours[rims | temples] = 0.06
