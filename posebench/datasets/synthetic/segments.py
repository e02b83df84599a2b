"""Two straight pieces with a bend between: arms, legs, fingers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posebench.datasets.synthetic.geometry import normalise, smoothstep
from posebench.datasets.synthetic.mesh import loft
from posebench.types import Float64Array


@dataclass(frozen=True, eq=False)
class Segments:
    """Two straight pieces with a bend between.

    Attributes:
        root: (3,) where the upper one begins.
        upper, lower: (3, 3) axes; the pieces run along minus the second.
        lengths: Of the two.
    """

    root: Float64Array
    upper: Float64Array
    lower: Float64Array
    lengths: tuple[float, float]

    @property
    def middle(self) -> Float64Array:
        """(3,) the joint between."""
        return self.root - self.upper[:, 1] * self.lengths[0]

    @property
    def end(self) -> Float64Array:
        """(3,) where the lower one ends."""
        return self.middle - self.lower[:, 1] * self.lengths[1]

    def tube(
        self, steps: Float64Array, radii: tuple[Float64Array, Float64Array], sides: int
    ) -> Float64Array:
        """Rings along both pieces; ``steps`` run from 0 at the root to 1 at the end."""
        way = steps * sum(self.lengths)
        half = 0.045 / 0.33 * sum(self.lengths)
        share = smoothstep((way - self.lengths[0]) / half * 0.5 + 0.5)[:, None]
        first, second = (self.upper + share[..., None] * (self.lower - self.upper)).T[[0, 2]]
        return loft(self._line(way, half), normalise(first.T), normalise(second.T), radii, sides)

    def _line(self, way: Float64Array, half: float) -> Float64Array:
        """Straight, but a quadratic Bézier curve within ``half`` of the joint."""
        past = (way - self.lengths[0])[:, None]
        straight = np.where(
            past < 0,
            self.root - self.upper[:, 1] * way[:, None],
            self.middle - self.lower[:, 1] * past,
        )
        t = (past + half) / (2 * half)
        before, after = self.middle + self.upper[:, 1] * half, self.middle - self.lower[:, 1] * half
        control = 0.6 * self.middle + 0.2 * (before + after)
        curve = (1 - t) ** 2 * before + 2 * t * (1 - t) * control + t**2 * after
        return np.asarray(np.where(np.abs(past) < half, curve, straight))
