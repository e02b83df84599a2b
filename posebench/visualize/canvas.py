"""Lines, marks and text on a picture: antialiased, see-through, at fractions of a pixel."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from posebench.types import Image, Tensor

Colour = tuple[int, int, int]
Point = tuple[float, float]

BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_BITS = 4  # of a pixel's fraction, as OpenCV takes coordinates
_FAR = 30_000.0  # px; beyond it OpenCV's whole numbers would overflow
_SOLID = 0.995


class Canvas:
    """A picture to draw on.

    Attributes:
        pixels: (H, W, 3) uint8, RGB; changed by every method.
    """

    def __init__(self, image: Image) -> None:
        self.pixels: Image = np.array(image, np.uint8, order="C")

    @property
    def size(self) -> tuple[int, int]:
        """(width, height), px."""
        height, width = self.pixels.shape[:2]
        return width, height

    def line(self, a: Point, b: Point, colour: Colour, width: float, alpha: float = 1.0) -> None:
        """A straight line, ``width`` px wide."""
        thickness = max(1, round(width))

        def draw(area: Tensor, origin: Point) -> None:
            start, end = _fixed(a, origin), _fixed(b, origin)
            cv2.line(area, start, end, colour, thickness, cv2.LINE_AA, _BITS)

        self._blend(draw, [a, b], thickness, alpha)

    def dashed(self, a: Point, b: Point, colour: Colour, width: float, dash: float) -> None:
        """A line of dashes ``dash`` px long, with gaps as long; it begins and ends with a dash."""
        start, end = np.array(_near(a)), np.array(_near(b))
        pieces = 2 * int(np.hypot(*(end - start)) / (2 * dash)) + 1
        for piece in range(0, min(pieces, 4000), 2):
            first, last = (start + (end - start) * (piece + i) / pieces for i in range(2))
            self.line((first[0], first[1]), (last[0], last[1]), colour, width)

    def polygon(self, points: list[Point], colour: Colour, alpha: float = 1.0) -> None:
        """A filled polygon without hollows."""

        def draw(area: Tensor, origin: Point) -> None:
            corners = np.array([_fixed(point, origin) for point in points], np.int32)
            cv2.fillConvexPoly(area, corners, colour, cv2.LINE_AA, _BITS)

        self._blend(draw, points, 1.0, alpha)

    def outline(self, points: list[Point], colour: Colour, width: float) -> None:
        """The rim of a polygon."""
        for start, end in zip(points, [*points[1:], points[0]], strict=True):
            self.line(start, end, colour, width)

    def box(self, a: Point, b: Point, colour: Colour, alpha: float = 1.0) -> None:
        """A filled upright box between two corners."""
        self.polygon([a, (b[0], a[1]), b, (a[0], b[1])], colour, alpha)

    def text(self, text: str, corner: Point, colour: Colour, height: float) -> None:
        """Text of ASCII characters; ``corner`` is its lower left, ``height`` that of an H, px."""
        at = (round(corner[0]), round(corner[1]))
        thickness = max(1, round(height / 9))
        scale = _scale(height)
        cv2.putText(self.pixels, text, at, _FONT, scale, colour, thickness, cv2.LINE_AA)

    def _blend(
        self,
        draw: Callable[[Tensor, Point], None],
        points: list[Point],
        margin: float,
        alpha: float,
    ) -> None:
        """Draw on the part of the picture that it touches, and mix that with what was there."""
        x, y, right, bottom = self._bounds(points, margin + 2)
        area = self.pixels[y:bottom, x:right]
        if not area.size:
            return
        if alpha >= _SOLID:
            draw(self.pixels, (0, 0))
            return
        drawn = area.copy()
        draw(drawn, (x, y))
        area[:] = cv2.addWeighted(drawn, alpha, area, 1 - alpha, 0)

    def _bounds(self, points: list[Point], margin: float) -> tuple[int, int, int, int]:
        limits = np.repeat([self.size], 2, axis=0)
        near = np.array([_near(point) for point in points])
        ends = np.array([np.floor(near.min(axis=0) - margin), np.ceil(near.max(axis=0) + margin)])
        (x, y), (right, bottom) = np.clip(ends, 0, limits).astype(int).tolist()
        return x, y, right, bottom


def text_width(text: str, height: float) -> float:
    """Width of a text, px, whose H is ``height`` px high."""
    (width, _), _ = cv2.getTextSize(text, _FONT, _scale(height), max(1, round(height / 9)))
    return float(width)


def _scale(height: float) -> float:
    return height / 21  # an H of this font is 21 px high at scale 1


def _near(point: Point) -> Point:
    return min(max(point[0], -_FAR), _FAR), min(max(point[1], -_FAR), _FAR)


def _fixed(point: Point, origin: Point) -> tuple[int, int]:
    x, y = _near(point)
    return round((x - origin[0]) * (1 << _BITS)), round((y - origin[1]) * (1 << _BITS))
