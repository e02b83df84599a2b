"""Scores beside people, and the strip that says what the signs mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from posebench.types import Float64Array, Image
from posebench.visualize.body import LEFT, MIDDLE, RIGHT
from posebench.visualize.canvas import BLACK, WHITE, Canvas, Colour, Point, text_width
from posebench.visualize.drawing import likely
from posebench.visualize.markers import draw_marker
from posebench.visualize.style import LOW_CONFIDENCE, MISSED, TRUTH, person_colour, shaded, unit

_TEXT = 4.5  # height of an H, units
_HEAD = 0.08  # of a person's extent lies above the eyes
_STEP = 1.25  # heights of a text from one place that it may have to the next
_LEAST_TEXT = 8.0  # px, below which this font cannot be read
_STRIP: Colour = (28, 28, 30)
_GREY: Colour = (215, 215, 215)


@dataclass(frozen=True)
class _Plate:
    left: float
    top: float
    width: float
    height: float

    def meets(self, other: _Plate) -> bool:
        across = abs(2 * (self.left - other.left) + self.width - other.width)
        down = abs(2 * (self.top - other.top) + self.height - other.height)
        return across < self.width + other.width and down < self.height + other.height


def draw_labels(canvas: Canvas, people: Float64Array, texts: Sequence[str]) -> None:
    """Write each person's text above its head, where it covers no other text.

    Args:
        canvas: The picture.
        people: (N, K, 3) as in ``draw_people``.
        texts: N texts of ASCII characters.
    """
    height = _text_height(canvas)
    taken: list[_Plate] = []
    for rank, (points, text) in enumerate(zip(people, texts, strict=True)):
        places = likely(points)
        if not len(places):
            continue
        plate = _free_plate(canvas, places, text_width(text, height), taken)
        taken.append(plate)
        _write(canvas, plate, text, person_colour(rank))


def _text_height(canvas: Canvas) -> float:
    return max(_TEXT * unit(*canvas.size), _LEAST_TEXT)


def _free_plate(
    canvas: Canvas, points: Float64Array, text: float, taken: Sequence[_Plate]
) -> _Plate:
    """Above the highest keypoint, or further up, or below the lowest."""
    height = 1.9 * _text_height(canvas)
    width = text + height * 0.5
    x, y = points[points[:, 1].argmin()]
    gap = 4 * unit(*canvas.size) + _HEAD * float(np.hypot(*np.ptp(points, axis=0)))
    tops = [y - gap - height * (1 + _STEP * step) for step in (0, 1, 2)]
    tops += [points[:, 1].max() + gap, y - gap - height]
    plates = [_inside(canvas, x - width / 2, top, width, height) for top in tops]
    free = (plate for plate in plates if not any(plate.meets(other) for other in taken))
    return next(free, plates[-1])


def _inside(canvas: Canvas, left: float, top: float, width: float, height: float) -> _Plate:
    right, bottom = canvas.size
    x = float(np.clip(left, 0, max(right - width, 0)))
    return _Plate(x, float(np.clip(top, 0, max(bottom - height, 0))), width, height)


def _write(canvas: Canvas, plate: _Plate, text: str, colour: Colour) -> None:
    right, bottom = plate.left + plate.width, plate.top + plate.height
    canvas.box((plate.left, plate.top), (right, bottom), BLACK, 0.65)
    size = plate.height / 1.9
    bar = size * 0.35
    canvas.box((plate.left, plate.top), (plate.left + bar, bottom), colour)
    at = (plate.left + plate.height * 0.25 + bar / 2, bottom - (plate.height - size) / 2)
    canvas.text(text, at, WHITE, size)


def with_legend(image: Image, caption: str = "", *, truth: bool = False) -> Image:
    """The picture above a strip that explains the signs.

    Args:
        image: (H, W, 3) uint8, RGB.
        caption: ASCII text at the left of the strip.
        truth: Annotated people are drawn too.

    Returns:
        (H + strip, W, 3) uint8, RGB.
    """
    canvas = Canvas(image)
    size = _text_height(canvas)
    lines = _wrapped(_items(caption, truth), canvas.size[0], size)
    strip = Canvas(np.full((round(2.1 * size * len(lines)), canvas.size[0], 3), _STRIP, np.uint8))
    for number, line in enumerate(lines):
        x, y = size * 0.7, (1.05 + 2.1 * number) * size
        for sign, text in line:
            _draw_item(strip, sign, text, (x, y), size)
            x += _item_width(sign, text, size)
    return np.concatenate([image, strip.pixels])


def _items(caption: str, truth: bool) -> list[tuple[str, str]]:
    items = [("", caption)] if caption else []
    items += [("left", "left"), ("right", "right"), ("middle", "middle of the body")]
    items += [("low", f"confidence < {LOW_CONFIDENCE:g}")]
    if truth:
        items += [("truth", "annotated"), ("missed", "annotated, missed")]
    return items


def _wrapped(items: list[tuple[str, str]], width: int, size: float) -> list[list[tuple[str, str]]]:
    lines: list[list[tuple[str, str]]] = [[]]
    x = size * 0.7
    for sign, text in items:
        needed = _item_width(sign, text, size)
        if lines[-1] and x + needed > width:
            lines.append([])
            x = size * 0.7
        lines[-1].append((sign, text))
        x += needed
    return lines


def _item_width(sign: str, text: str, size: float) -> float:
    return text_width(text, size) + size * (4.2 if sign else 2.5)


def _draw_item(strip: Canvas, sign: str, text: str, at: Point, size: float) -> None:
    x, y = at
    if sign:
        _draw_sign(strip, sign, (x + size * 0.7, y), size)
        x += size * 1.9
    strip.text(text, (x, y + size / 2), WHITE if not sign else _GREY, size)


def _draw_sign(strip: Canvas, sign: str, centre: Point, size: float) -> None:
    x, y = centre
    if sign in ("truth", "missed"):
        ends = (x - size * 0.7, y), (x + size * 0.7, y)
        strip.dashed(*ends, TRUTH if sign == "truth" else MISSED, size / 6, size / 3.2)
        return
    side = {"left": LEFT, "right": RIGHT}.get(sign, MIDDLE)
    confidence = 0.0 if sign == "low" else 1.0
    draw_marker(strip, centre, size * 0.5, side, confidence, shaded(person_colour(0), side))
