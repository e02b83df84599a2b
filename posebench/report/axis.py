"""Axes of plots that are drawn without matplotlib: which values they show, and where."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_LOG_SPAN = 5.0
_STEPS = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True)
class Axis:
    """A scale from values to pixels.

    Attributes:
        low: Value at ``start``.
        high: Value at ``end``; more than ``low``.
        start: Pixel.
        end: Pixel; an axis upwards has its end above its start.
        logarithmic: Equal factors are equally far apart; ``low`` is then positive.
    """

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """The pixel of a value, within the axis."""
        low, high, x = (self._scaled(v) for v in (self.low, self.high, value))
        share = min(max((x - low) / (high - low), 0.0), 1.0)
        return self.start + share * (self.end - self.start)

    def ticks(self, count: int) -> list[float]:
        """Round values on the axis, some ``count`` of them; 1, 2, 5, 10, ... if logarithmic."""
        if self.logarithmic:
            return self._powers(count)
        step = _round_up((self.high - self.low) / count)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [index * step for index in range(first, last + 1)]

    def _powers(self, count: int) -> list[float]:
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        every = [digit * 10.0**decade for decade in decades for digit in (1, 2, 5)]
        found = [value for value in every if self.low <= value <= self.high]
        return found if len(found) <= 2 * count else found[:: math.ceil(len(found) / count)]

    def _scaled(self, value: float) -> float:
        return math.log(max(value, 1e-300)) if self.logarithmic else value


def around(
    values: Sequence[float], start: float, end: float, *, may_be_logarithmic: bool = False
) -> Axis:
    """An axis on which all values lie, with some room on both sides.

    Args:
        values: At least one.
        start: Pixel of the lower end.
        end: Pixel of the upper end.
        may_be_logarithmic: Make it so if the values are positive and span more than 5 times.
    """
    low, high = min(values), max(values)
    if may_be_logarithmic and low > 0 and high / low > _LOG_SPAN:
        room = (high / low) ** 0.08
        return Axis(low / room, high * room, start, end, logarithmic=True)
    room = 0.08 * (high - low) or 0.08 * abs(high) or 1.0
    floor = 0.0 if low >= 0 else -math.inf
    return Axis(max(low - room, floor), high + room, start, end)


def _round_up(step: float) -> float:
    """The next 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(digit * power for digit in _STEPS if digit * power >= step * (1 - 1e-9))
