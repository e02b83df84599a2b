"""Where one curve of latencies comes to lie above another, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from posebench.types import Float64Array

Interval = tuple[float, float]


@dataclass(frozen=True)
class Crossing:
    """A place where a difference changes its sign for good.

    Attributes:
        at: Where the estimate, interpolated, is 0.
        low: Up to here the difference is shown to have the sign that it had before; None if it is
            not shown anywhere before.
        high: From here on it is shown to have the other sign; None if it is not shown anywhere.
        rising: From below 0 to above.
    """

    at: float
    low: float | None
    high: float | None
    rising: bool


@dataclass(frozen=True, eq=False)
class Band:
    """A difference of two curves at some places, with its interval at each.

    Attributes:
        x: (P,) ascending.
        value: (P,) the difference.
        low: (P,) lower ends; the values themselves if there are no intervals.
        high: (P,) upper ends.
    """

    x: Float64Array
    value: Float64Array
    low: Float64Array
    high: Float64Array


def crossings(band: Band) -> list[Crossing]:
    """Where the difference changes its sign, ascending.

    Between the places everything is interpolated linearly. Where the interval holds 0 the sign is
    not known; however often the estimate changes its sign there, that is one crossing if the signs
    on both sides differ, and none if they are the same. The interval of a crossing is that stretch.
    At an end of the curve the stretch is open, and counts if the estimate crosses 0 in it. A single
    place tells of no crossing.
    """
    stretches = _stretches(band)
    roots = _roots(band.x, band.value)
    found = []
    decided = [k for k, (_, sign) in enumerate(stretches) if sign]
    for before, after in pairwise(decided):
        (first, sign), (second, other) = stretches[before], stretches[after]
        if sign != other:
            low, high = first[1], second[0]
            found.append(Crossing(_middle(roots, (low, high)), low, high, sign < 0))
    return [*_open_start(stretches, roots), *found, *_open_end(stretches, roots)]


def known_signs(band: Band) -> set[int]:
    """The signs, 1 and -1, that the difference is shown to have somewhere."""
    return {sign for _, sign in _stretches(band)} - {0}


def _open_start(stretches: list[tuple[Interval, int]], roots: list[float]) -> list[Crossing]:
    (start, end), sign = stretches[0]
    inside = _within(roots, (start, end))
    if sign or len(stretches) == 1 or len(inside) % 2 == 0:
        return []
    return [Crossing(_middle(roots, (start, end)), None, end, stretches[1][1] > 0)]


def _open_end(stretches: list[tuple[Interval, int]], roots: list[float]) -> list[Crossing]:
    (start, end), sign = stretches[-1]
    inside = _within(roots, (start, end))
    if sign or len(stretches) == 1 or len(inside) % 2 == 0:
        return []
    return [Crossing(_middle(roots, (start, end)), start, None, stretches[-2][1] < 0)]


def _stretches(band: Band) -> list[tuple[Interval, int]]:
    """From end to end, where the sign is 1, -1, or 0: not known."""
    edges = sorted({*band.x.tolist(), *_roots(band.x, band.low), *_roots(band.x, band.high)})
    found: list[tuple[Interval, int]] = []
    for start, end in pairwise(edges if len(edges) > 1 else edges * 2):
        middle = (start + end) / 2
        low, high = (float(np.interp(middle, band.x, y)) for y in (band.low, band.high))
        sign = int(low > 0) - int(high < 0)
        if found and found[-1][1] == sign:
            start = found.pop()[0][0]
        found.append(((start, end), sign))
    return found


def _roots(x: Sequence[float] | Float64Array, y: Float64Array) -> list[float]:
    """Where a line through points changes its sign; the middle of a stretch that is 0."""
    found = []
    points = [(float(a), float(b)) for a, b in zip(x, y, strict=True) if b]
    for (x0, y0), (x1, y1) in pairwise(points):
        if y0 * y1 < 0:
            zeros = [float(a) for a, b in zip(x, y, strict=True) if x0 < a < x1 and not b]
            between = x0 + (x1 - x0) * y0 / (y0 - y1)
            found.append((zeros[0] + zeros[-1]) / 2 if zeros else between)
    return found


def _within(roots: list[float], stretch: Interval) -> list[float]:
    return [root for root in roots if stretch[0] <= root <= stretch[1]]


def _middle(roots: list[float], stretch: Interval) -> float:
    inside = _within(roots, stretch)
    return inside[len(inside) // 2]
