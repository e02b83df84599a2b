"""Colours of a body: skin, hair, cloth and its patterns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from posebench.datasets.synthetic import exact
from posebench.datasets.synthetic.appearance import Appearance
from posebench.datasets.synthetic.face import paint_ear, paint_head, paint_nose
from posebench.datasets.synthetic.mesh import Part
from posebench.types import BoolArray, Float32Array, FloatArray, IntArray

Painter = Callable[[Appearance, Float32Array], tuple[Float32Array, BoolArray]]
"""Local coordinates (n, 3) → colours (n, 3) and which of them are cloth (n,)."""

_NECKLINE = 0.306


def paint_body(
    appearance: Appearance, parts: IntArray, local: Float32Array
) -> tuple[Float32Array, BoolArray]:
    """Colours of points on one person.

    Args:
        appearance: The person's.
        parts: (n,) values of :class:`Part`.
        local: (n, 3) coordinates on the part.

    Returns:
        (n, 3) RGB and (n,) whether it is cloth, which wrinkles and does not shine.
    """
    colours = np.zeros((len(parts), 3), np.float32)
    cloth = np.zeros(len(parts), bool)
    for part, painter in _PAINTERS.items():
        rows = np.flatnonzero(parts == part)
        if len(rows):
            colours[rows], cloth[rows] = painter(appearance, local[rows])
    return colours, cloth


def _plain(colour: FloatArray, count: int) -> Float32Array:
    return np.tile(np.asarray(colour, np.float32), (count, 1))


def _torso(appearance: Appearance, local: Float32Array) -> tuple[Float32Array, BoolArray]:
    x, y, z = local.T
    colours = _top(appearance, x, y, z > 0)
    colours[y < appearance.hem] = appearance.bottom
    colours[np.abs(y - appearance.hem) < 0.004] *= 0.55  # belt
    neckline = _NECKLINE - 0.02 * (z > 0) * exact.exp(-((x / 0.03) ** 2))
    skin = y > neckline
    colours[skin] = appearance.skin
    colours[np.abs(y - neckline) < 0.004] *= 0.8
    return colours, ~skin


def _top(
    appearance: Appearance, x: Float32Array, y: Float32Array, front: BoolArray
) -> Float32Array:
    """The top's cloth with its pattern; x to the left, y up, in body heights."""
    colours = _plain(appearance.top, len(x))
    if appearance.pattern == "checks":
        checks = 0.35 * (exact.sin(y * 250) > 0) + 0.3 * (exact.sin(x * 250) > 0)
        return np.asarray(colours * (1 - checks[:, None]), np.float32)
    if appearance.pattern in _PATTERNS:
        colours[_PATTERNS[appearance.pattern](x, y, front)] = appearance.accent
    return colours


def _stripes(x: Float32Array, y: Float32Array, front: BoolArray) -> BoolArray:
    return np.asarray(exact.sin(y * (2 * np.pi / 0.022)) > 0.2)


def _blotches(x: Float32Array, y: Float32Array, front: BoolArray) -> BoolArray:
    first = exact.sin(x * 170 + 3 * exact.sin(y * 90))
    return np.asarray(first * exact.sin(y * 190 + 2 * exact.sin(x * 110)) > 0.35)


def _logo(x: Float32Array, y: Float32Array, front: BoolArray) -> BoolArray:
    printed = exact.sin(x * 300) * exact.sin(y * 400 + x * 90) > -0.2
    return np.asarray(front & (np.abs(x) < 0.045) & (np.abs(y - 0.2) < 0.03) & printed)


def _jacket(x: Float32Array, y: Float32Array, front: BoolArray) -> BoolArray:
    """What shows between the two halves of an open jacket."""
    return np.asarray(front & (np.abs(x) < 0.012 + 0.16 * np.maximum(y - 0.1, 0)))


_PATTERNS: dict[str, Callable[[Float32Array, Float32Array, BoolArray], BoolArray]] = {
    "stripes": _stripes,
    "blotches": _blotches,
    "logo": _logo,
    "jacket": _jacket,
}


def _arm(appearance: Appearance, local: Float32Array) -> tuple[Float32Array, BoolArray]:
    along, around = local[:, 0], local[:, 1]
    colours = _top(appearance, around * 0.03, 0.27 - along * 0.3, np.zeros(len(local), bool))
    skin = along > appearance.sleeve_end
    colours[skin] = appearance.skin
    cuff = (np.abs(along - appearance.sleeve_end + 0.012) < 0.01) & ~skin
    colours[cuff] *= 0.8
    return colours, ~skin


def _leg(appearance: Appearance, local: Float32Array) -> tuple[Float32Array, BoolArray]:
    along, around = local[:, 0], local[:, 1]
    colours = _plain(appearance.bottom, len(local))
    skin = along > appearance.leg_end
    colours[skin] = appearance.skin
    colours[(np.abs(np.abs(around) - 1) < 0.02) & ~skin] *= 0.8  # seam
    colours[skin & (along > 0.93)] = appearance.socks
    return colours, ~skin


def _hair(appearance: Appearance, local: Float32Array) -> tuple[Float32Array, BoolArray]:
    angle = exact.arctan2(local[:, 0], local[:, 2])
    strands = exact.sin(angle * 55 + 8 * exact.sin(local[:, 1] * 90) + appearance.phases[0])
    colours = _plain(appearance.hair_colour * 0.8, len(local)) * (1 + 0.35 * strands[:, None])
    return np.asarray(colours, np.float32), np.zeros(len(local), bool)


def _hand(appearance: Appearance, local: Float32Array) -> tuple[Float32Array, BoolArray]:
    return _plain(appearance.skin * [1, 0.93, 0.92], len(local)), np.zeros(len(local), bool)


def _shoe(appearance: Appearance, local: Float32Array) -> tuple[Float32Array, BoolArray]:
    colours = _plain(appearance.shoes, len(local))
    colours[local[:, 1] < 0.008] = 0.75 if appearance.socks[0] > 0.5 else 0.12  # sole
    return colours, np.zeros(len(local), bool)


def _skirt(appearance: Appearance, local: Float32Array) -> tuple[Float32Array, BoolArray]:
    return _plain(appearance.bottom, len(local)), np.ones(len(local), bool)


def _accessory(appearance: Appearance, local: Float32Array) -> tuple[Float32Array, BoolArray]:
    return _plain(appearance.accent * 0.7, len(local)), np.ones(len(local), bool)


def _bare(painter: Callable[[Appearance, Float32Array], Float32Array]) -> Painter:
    """A painter of skin alone."""

    def paint(appearance: Appearance, local: Float32Array) -> tuple[Float32Array, BoolArray]:
        return painter(appearance, local), np.zeros(len(local), bool)

    return paint


_PAINTERS: dict[Part, Painter] = {
    Part.TORSO: _torso,
    Part.ARM_LEFT: _arm,
    Part.ARM_RIGHT: _arm,
    Part.LEG_LEFT: _leg,
    Part.LEG_RIGHT: _leg,
    Part.HEAD: _bare(paint_head),
    Part.NOSE: _bare(paint_nose),
    Part.EAR_LEFT: _bare(paint_ear),
    Part.EAR_RIGHT: _bare(paint_ear),
    Part.HAIR: _hair,
    Part.HAND_LEFT: _hand,
    Part.HAND_RIGHT: _hand,
    Part.SHOE_LEFT: _shoe,
    Part.SHOE_RIGHT: _shoe,
    Part.SKIRT: _skirt,
    Part.HAT: _skirt,
    Part.BACKPACK: _accessory,
}
