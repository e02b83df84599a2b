"""Annotated people, dashed beside what was predicted."""

from __future__ import annotations

import numpy as np

from posebench.types import Float64Array
from posebench.visualize.body import Body
from posebench.visualize.canvas import BLACK, Canvas, Colour, Point
from posebench.visualize.style import MISSED, TRUTH, UNCOUNTED, limb_width, unit


def draw_annotated(
    canvas: Canvas, points: Float64Array, box: Float64Array, body: Body, *, missed: bool
) -> None:
    """Draw an annotated person: white where it was found, red where it was missed.

    Args:
        canvas: The picture.
        points: (K, 3) x and y in px of the canvas, and v; only v > 0 is drawn.
        box: (4,) x, y, width, height, px of the canvas: what is drawn fits a person so large,
            however few keypoints are labelled.
        body: What the K keypoints are.
        missed: Nobody was found there.
    """
    colour = MISSED if missed else TRUTH
    labelled = points[:, 2] > 0
    one = unit(*canvas.size)
    arm = 0.7 * limb_width(np.stack([np.zeros(2), box[2:]]), one) + 0.4 * one
    for a, b in body.edges:
        if labelled[a] and labelled[b]:
            _dashes(canvas, _at(points[a]), _at(points[b]), colour)
    for point in points[labelled]:
        _cross(canvas, _at(point), arm, colour)


def draw_annotated_box(canvas: Canvas, box: Float64Array, *, missed: bool) -> None:
    """Draw the box of somebody who was missed, or who is not counted, as crowds are not.

    Args:
        canvas: The picture.
        box: (4,) x, y, width, height, px of the canvas.
        missed: Else not counted.
    """
    x, y, width, height = (float(value) for value in box)
    corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
    for start, end in zip(corners, [*corners[1:], corners[0]], strict=True):
        _dashes(canvas, start, end, MISSED if missed else UNCOUNTED)


def _dashes(canvas: Canvas, start: Point, end: Point, colour: Colour) -> None:
    one = unit(*canvas.size)
    canvas.line(start, end, BLACK, max(2.0, 1.1 * one), 0.35)
    canvas.dashed(start, end, colour, max(1.0, 0.5 * one), 3 * one)


def _cross(canvas: Canvas, at: Point, arm: float, colour: Colour) -> None:
    x, y = at
    strokes = [((x - arm, y - arm), (x + arm, y + arm)), ((x - arm, y + arm), (x + arm, y - arm))]
    for tone, width in ((BLACK, 1.2 * arm), (colour, 0.5 * arm)):
        for start, end in strokes:
            canvas.line(start, end, tone, width)


def _at(point: Float64Array) -> Point:
    return float(point[0]), float(point[1])
