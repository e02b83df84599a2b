"""The marks of keypoints: their shape says the side, their size the confidence."""

from __future__ import annotations

import math

from posebench.visualize.body import LEFT, RIGHT
from posebench.visualize.canvas import BLACK, Canvas, Colour, Point
from posebench.visualize.style import LOW_CONFIDENCE

_CORNERS = {LEFT: (16, 0.0, 1.0), RIGHT: (4, math.pi / 4, 1.2)}
_DIAMOND = (4, 0.0, 1.25)
"""Corners, angle of the first, and radius beside a circle's, so that all look as large."""


def marker_shape(centre: Point, radius: float, side: int) -> list[Point]:
    """Corners of a circle on the left, of a square on the right, else of a diamond."""
    corners, turn, larger = _CORNERS.get(side, _DIAMOND)
    angles = [turn + 2 * math.pi * corner / corners for corner in range(corners)]
    x, y = centre
    r = radius * larger
    return [(x + r * math.cos(angle), y + r * math.sin(angle)) for angle in angles]


def draw_marker(
    canvas: Canvas, centre: Point, radius: float, side: int, confidence: float, colour: Colour
) -> None:
    """A keypoint: full from ``LOW_CONFIDENCE`` on and growing with the confidence, hollow below.

    Args:
        canvas: Where to draw.
        centre: Of the mark, px.
        radius: At confidence 1, px.
        side: ``LEFT``, ``MIDDLE`` or ``RIGHT``.
        confidence: 0..1.
        colour: Of the person.
    """
    size = radius * (0.6 + 0.4 * confidence)
    rim = max(1.0, radius / 4)
    if confidence < LOW_CONFIDENCE:
        shape = marker_shape(centre, radius * 0.8, side)
        canvas.outline(shape, BLACK, rim + 1.5)
        canvas.outline(shape, colour, rim / 1.5)
        return
    canvas.polygon(marker_shape(centre, size + rim, side), BLACK, 0.8)
    canvas.polygon(marker_shape(centre, size, side), colour)
