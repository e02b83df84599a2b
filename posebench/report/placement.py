"""Where to put labels beside points so that none covers another. Plain geometry, in pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

_DIRECTIONS = 16
_RADII = (0.0, 8.0, 18.0, 30.0, 45.0, 65.0, 90.0, 120.0, 160.0, 210.0)


class Box(NamedTuple):
    """A rectangle: left, bottom, right, top."""

    left: float
    bottom: float
    right: float
    top: float

    def overlap(self, other: Box) -> float:
        """Common area."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(width, 0.0) * max(height, 0.0)

    @property
    def center(self) -> tuple[float, float]:
        """Its middle."""
        return (self.left + self.right) / 2, (self.bottom + self.top) / 2

    def nearest(self, point: tuple[float, float]) -> tuple[float, float]:
        """The place in it that is nearest to a point."""
        x = min(max(point[0], self.left), self.right)
        return x, min(max(point[1], self.bottom), self.top)

    def outside(self, frame: Box) -> float:
        """Area that lies out of ``frame``."""
        return (self.right - self.left) * (self.top - self.bottom) - self.overlap(frame)


def place(
    points: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    frame: Box,
    *,
    gap: float,
    obstacles: Sequence[Box] = (),
) -> list[Box]:
    """A box for each label, near its point, clear of points, other labels, lines and the edge.

    Points are served in the order given, each taking the nearest free place. Where none is free
    the place with the least overlap is taken.

    Args:
        points: Centre of each marker.
        sizes: Width and height of each label.
        frame: Labels stay in it.
        gap: Free space around a marker, at least its radius.
        obstacles: What else a label may not cover.
    """
    taken = [Box(x - gap, y - gap, x + gap, y + gap) for x, y in points]
    taken += obstacles
    placed: list[Box] = []
    for point, size in zip(points, sizes, strict=True):
        best, least = None, math.inf
        for box in _candidates(point, size, gap):
            cost = box.outside(frame) + sum(map(box.overlap, taken))
            cost += sum(dot.overlap(other) for dot in _leader(point, box) for other in placed)
            if cost < least - 1e-6:
                best, least = box, cost
            if least <= 1e-6:
                break
        if best is None:
            raise ValueError("a label needs a finite point and size")
        placed.append(best)
        taken += [best, *_leader(point, best)]
    return placed


def _leader(point: tuple[float, float], box: Box) -> list[Box]:
    """The line from a point to its label, as small boxes."""
    (x, y), (end_x, end_y) = point, box.nearest(point)
    steps = int(math.hypot(end_x - x, end_y - y) // 3)
    along = [(step + 0.5) / steps for step in range(steps)]
    dots = [(x + t * (end_x - x), y + t * (end_y - y)) for t in along]
    return [Box(left - 1, bottom - 1, left + 1, bottom + 1) for left, bottom in dots]


def _candidates(point: tuple[float, float], size: tuple[float, float], gap: float) -> list[Box]:
    """Boxes around a point, nearest first; of equally near ones the right-hand one first."""
    boxes = []
    for radius in _RADII:
        for step in range(_DIRECTIONS):
            # 0, 1, -1, 2, -2, ...: from the right alternately up and down.
            turn = (step + 1) // 2 * (1 if step % 2 else -1)
            angle = 2 * math.pi * turn / _DIRECTIONS
            boxes.append(_box(point, size, gap + 1.0 + radius, angle))
    return boxes


def _box(point: tuple[float, float], size: tuple[float, float], radius: float, angle: float) -> Box:
    """The label touching a circle around the point from outside, in a direction."""
    (x, y), (width, height) = point, size
    dx, dy = math.cos(angle), math.sin(angle)
    # The label's centre lies so far out that the label just clears a square of side 2 radius.
    reach = min(
        (radius + width / 2) / abs(dx) if abs(dx) > 1e-9 else math.inf,
        (radius + height / 2) / abs(dy) if abs(dy) > 1e-9 else math.inf,
    )
    center_x, center_y = x + reach * dx, y + reach * dy
    return Box(
        center_x - width / 2, center_y - height / 2, center_x + width / 2, center_y + height / 2
    )
