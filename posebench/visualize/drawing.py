"""Predicted people on a picture."""

from __future__ import annotations

import numpy as np

from posebench.types import BoolArray, Float64Array
from posebench.visualize.body import Body
from posebench.visualize.canvas import BLACK, Canvas, Colour, Point
from posebench.visualize.markers import draw_marker
from posebench.visualize.style import LOW_CONFIDENCE, limb_width, person_colour, shaded, unit

_HALO = 0.5
_FAINT = 0.45


def draw_people(canvas: Canvas, people: Float64Array, body: Body) -> None:
    """Draw people, the first on top of the others.

    Args:
        canvas: The picture.
        people: (N, K, 3) x and y in px of the canvas, and a confidence; by falling score, which
            decides the colour.
        body: What the K keypoints are.
    """
    for rank in reversed(range(len(people))):
        _Person(canvas, people[rank], body, person_colour(rank)).draw()


def is_given(points: Float64Array) -> BoolArray:
    """(..., K) whether a keypoint was predicted at all: many write 0, 0, 0 for one that was not."""
    return np.asarray((points != 0).any(axis=-1))


def likely(points: Float64Array) -> Float64Array:
    """(N, 2) px of a person's confident keypoints, or of all that are given if there are none.

    Args:
        points: (K, 3) x, y and confidence.
    """
    confident = is_given(points) & (points[:, 2] >= LOW_CONFIDENCE)
    return points[confident if confident.any() else is_given(points), :2]


class _Person:
    def __init__(self, canvas: Canvas, points: Float64Array, body: Body, colour: Colour) -> None:
        self.canvas = canvas
        self.points = points
        self.body = body
        self.colour = colour
        self.one = unit(*canvas.size)
        self.width = limb_width(likely(points), self.one)
        self.given = is_given(points)
        self.confidence: Float64Array = np.clip(points[:, 2], 0.0, 1.0)

    def draw(self) -> None:
        limbs = [edge for edge in self.body.edges if self.given[list(edge)].all()]
        for halo in (True, False):
            for edge in limbs:
                self._limb(edge, halo=halo)
        radii = _radii(self.points, self.given, self.width * 1.05 + self.one * 0.35)
        for point in np.flatnonzero(self.given):
            side = self.body.sides[point]
            confidence = float(self.confidence[point])
            colour = shaded(self.colour, side)
            draw_marker(self.canvas, self._at(point), radii[point], side, confidence, colour)

    def _limb(self, edge: tuple[int, int], *, halo: bool) -> None:
        sure = self.confidence[list(edge)].min() >= LOW_CONFIDENCE
        width = self.width if sure else self.width * 0.6
        alpha = 1.0 if sure else _FAINT
        start, end = self._at(edge[0]), self._at(edge[1])
        if halo:
            self.canvas.line(start, end, BLACK, width + self.one, alpha * _HALO)
        else:
            colour = shaded(self.colour, self.body.side(edge))
            self.canvas.line(start, end, colour, width, alpha)

    def _at(self, point: int) -> Point:
        return float(self.points[point, 0]), float(self.points[point, 1])


def _radii(points: Float64Array, given: BoolArray, usual: float) -> Float64Array:
    """(K,) px: the usual, but no more than lets the next keypoint be seen."""
    apart = np.hypot(*(points[:, None, :2] - points[None, :, :2]).transpose(2, 0, 1))
    apart[:, ~given] = np.inf
    np.fill_diagonal(apart, np.inf)
    nearest = apart.min(axis=1, initial=np.inf)
    radii: Float64Array = np.clip(0.45 * nearest, 0.4 * usual, usual)
    return radii
