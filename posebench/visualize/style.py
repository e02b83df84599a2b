"""Colours that can be told apart, and sizes that fit a picture and a person."""

from __future__ import annotations

import numpy as np

from posebench.types import Float64Array
from posebench.visualize.body import LEFT, RIGHT
from posebench.visualize.canvas import BLACK, WHITE, Colour

PEOPLE: tuple[Colour, ...] = (
    *((0, 185, 255), (255, 165, 0), (80, 225, 70), (245, 85, 235), (255, 240, 50)),
    *((150, 110, 255), (0, 225, 185), (205, 130, 75), (75, 120, 255), (200, 245, 140)),
    *((255, 160, 215), (150, 150, 60)),
)
"""Of the people by falling score, then again from the first; none is the red of what is missed."""
TRUTH: Colour = (255, 255, 255)
MISSED: Colour = (255, 45, 45)
UNCOUNTED: Colour = (170, 170, 170)

LOW_CONFIDENCE = 0.3
"""Keypoints below it are hollow, and their limbs faint."""

_LONGEST_SIDE = 1400
_MOST_ENLARGED = 4
_SHADE = 0.35
# Widths and sizes in units: 1 px of a picture of some 640 x 480.
_UNIT_PIXELS = 554.0
_PERSON_PER_WIDTH = 55.0
_WIDTHS = (0.6, 2.6)


def enlargement(width: int, height: int) -> int:
    """How many times a picture is enlarged, so that the thinnest line is thin beside it."""
    return int(np.clip(_LONGEST_SIDE // max(width, height), 1, _MOST_ENLARGED))


def unit(width: int, height: int) -> float:
    """Pixels that look as large as one of a picture of 640 x 480 px does."""
    return max(float(np.sqrt(width * height)) / _UNIT_PIXELS, 0.5)


def limb_width(points: Float64Array, one: float) -> float:
    """Width of a person's limbs, px: in proportion to the person, within bounds of the picture.

    Args:
        points: (N, 2) px, those that are likely.
        one: The picture's ``unit``.
    """
    extent = points.max(axis=0) - points.min(axis=0) if len(points) else np.zeros(2)
    # A person seen lying or from the side is as large as one standing.
    size = float(np.hypot(*extent)) / 1.6
    low, high = _WIDTHS
    return float(np.clip(size / _PERSON_PER_WIDTH, low * one, high * one))


def person_colour(rank: int) -> Colour:
    """Colour of the person of that rank, from 0."""
    return PEOPLE[rank % len(PEOPLE)]


def shaded(colour: Colour, side: int) -> Colour:
    """Lighter on the left of the body, darker on its right."""
    if side == LEFT:
        return _mix(colour, WHITE)
    return _mix(colour, BLACK) if side == RIGHT else colour


def _mix(colour: Colour, other: Colour) -> Colour:
    r, g, b = (round(a + (b - a) * _SHADE) for a, b in zip(colour, other, strict=True))
    return r, g, b
