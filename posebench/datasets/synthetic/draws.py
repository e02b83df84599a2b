"""Random numbers that come out the same on every machine and every numpy."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from posebench.types import Float64Array

Option = TypeVar("Option")


class Draws:
    """A stream of random numbers, made of PCG64's raw bits.

    numpy guarantees the bits of its generators for ever, but not what ``Generator.normal`` and
    its like make of them (NEP 19), so those are made here.
    """

    def __init__(self, *entropy: int) -> None:
        self._entropy = entropy
        self._bits = np.random.PCG64(np.random.SeedSequence(entropy))

    def stream(self, name: str, number: int = 0) -> Draws:
        """Another stream, which does not depend on how much was drawn from this one."""
        return Draws(*self._entropy, zlib.crc32(name.encode()), number)

    def raw(self, count: int) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
        """(count,) whole 64-bit words."""
        return np.asarray(self._bits.random_raw(count), np.uint64)

    def unit(self) -> float:
        """Uniform in [0, 1)."""
        return float(self._bits.random_raw() >> 11) * 2.0**-53

    def units(self, *shape: int) -> Float64Array:
        """Uniform in [0, 1), as an array."""
        words = self.raw(math.prod(shape)) >> np.uint64(11)
        return (words.astype(np.float64) * 2.0**-53).reshape(shape)

    def uniform(self, low: float, high: float) -> float:
        """Uniform in [low, high)."""
        return low + (high - low) * self.unit()

    def integer(self, low: int, high: int) -> int:
        """Uniform in low … high - 1."""
        return low + int(self.unit() * (high - low))

    def normal(self, mean: float = 0.0, sd: float = 1.0) -> float:
        """Normally distributed (Box and Muller 1958)."""
        radius = math.sqrt(-2.0 * math.log(1.0 - self.unit()))
        return mean + sd * radius * math.cos(2.0 * math.pi * self.unit())

    def chance(self, probability: float) -> bool:
        """True with a probability."""
        return self.unit() < probability

    def choice(self, options: Sequence[Option], weights: Sequence[float] | None = None) -> Option:
        """One of the options, by weights that need not add up to one."""
        if weights is None:
            return options[self.integer(0, len(options))]
        rest = self.unit() * sum(weights)
        for option, weight in zip(options, weights, strict=True):
            rest -= weight
            if rest < 0:
                return option
        return options[-1]
