"""What a person looks like: build, skin, hair and clothes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from posebench.datasets.synthetic.draws import Draws
from posebench.types import Float64Array

Colour: TypeAlias = Float64Array
"""(3,) RGB, 0..1 and a little beyond."""

Hair = Literal["cropped", "bob", "long", "bun", "bald"]
Pattern = Literal["solid", "stripes", "checks", "blotches", "logo", "jacket"]

_SKINS = (
    (0.93, 0.76, 0.66),
    (0.87, 0.68, 0.55),
    (0.78, 0.57, 0.43),
    (0.62, 0.43, 0.31),
    (0.45, 0.30, 0.21),
    (0.33, 0.22, 0.16),
)
_HAIRS = (
    (0.07, 0.05, 0.04),
    (0.16, 0.10, 0.06),
    (0.30, 0.19, 0.10),
    (0.62, 0.47, 0.26),
    (0.45, 0.22, 0.10),
    (0.55, 0.54, 0.52),
)
_PATTERNS: dict[Pattern, float] = {
    "solid": 0.35,
    "stripes": 0.13,
    "checks": 0.10,
    "blotches": 0.12,
    "logo": 0.12,
    "jacket": 0.18,
}
_SLEEVES: dict[float, float] = {0.02: 0.1, 0.36: 0.45, 0.97: 0.45}
_SHORTS_END, _TROUSERS_END = 0.42, 0.96


@dataclass(frozen=True, eq=False)
class Appearance:
    """Lengths along a limb run from 0 at its root to 1 at wrist or ankle.

    Attributes:
        female, child: Which proportions the body has.
        height_m: Standing height without shoes.
        girth: Circumference as a multiple of the average.
        sleeve_end, leg_end: Where on the limb the cloth ends.
        hem: Height above the hips where the top ends, in body heights.
        wrinkles: (8, 3) directions of the folds, and ``phases`` (8,) where they begin.
    """

    female: bool
    child: bool
    height_m: float
    girth: float
    skin: Colour
    hair_colour: Colour
    hair: Hair
    hat: bool
    beard: bool
    glasses: bool
    backpack: bool
    top: Colour
    accent: Colour
    pattern: Pattern
    sleeve_end: float
    bottom: Colour
    shorts: bool
    skirt: bool
    skirt_length: float
    hem: float
    shoes: Colour
    socks: Colour
    phases: Float64Array
    wrinkles: Float64Array

    @property
    def leg_end(self) -> float:
        """Where the trousers end; above the leg if there are none."""
        if self.skirt:
            return -0.05
        return _SHORTS_END if self.shorts else _TROUSERS_END

    @property
    def head_scale(self) -> float:
        """Children have larger heads for their height."""
        return 1.05 + 0.7 * (1.45 - self.height_m) if self.child else 1.0


def draw_appearance(draws: Draws, *, trousers_only: bool = False) -> Appearance:
    """Somebody at random.

    Args:
        draws: Where the chance comes from.
        trousers_only: No skirt, for poses that a rigid skirt cannot follow.
    """
    female, child = draws.chance(0.5), draws.chance(0.12)
    height = draws.uniform(1.05, 1.45) if child else _adult_height(draws, female)
    girth = draws.normal(0.94 if female else 1.0, 0.12)
    return Appearance(
        female=female,
        child=child,
        height_m=height,
        girth=min(max(girth, 0.8), 1.45),
        skin=np.array(draws.choice(_SKINS)) * draws.uniform(0.92, 1.05),
        hair_colour=np.array(draws.choice(_HAIRS)),
        hair=_hair(draws, female),
        hat=draws.chance(0.15),
        beard=draws.chance(0.35) and not female and not child,
        glasses=draws.chance(0.15),
        backpack=draws.chance(0.1),
        top=draw_colour(draws),
        accent=draw_colour(draws),
        pattern=draws.choice(tuple(_PATTERNS), tuple(_PATTERNS.values())),
        sleeve_end=draws.choice(tuple(_SLEEVES), tuple(_SLEEVES.values())),
        bottom=draw_dark_colour(draws),
        shorts=draws.chance(0.25),
        skirt=draws.chance(0.2) and female and not trousers_only,
        skirt_length=draws.uniform(0.2, 0.33),
        hem=draws.uniform(-0.035, 0.06),
        shoes=draw_dark_colour(draws) if draws.chance(0.6) else np.full(3, 0.9),
        socks=np.full(3, 0.85 if draws.chance(0.5) else 0.1),
        phases=2 * np.pi * draws.units(8),
        wrinkles=np.array([draws.normal() for _ in range(24)]).reshape(8, 3),
    )


def _adult_height(draws: Draws, female: bool) -> float:
    return min(max(draws.normal(1.64 if female else 1.77, 0.06), 1.45), 2.0)


def _hair(draws: Draws, female: bool) -> Hair:
    if female:
        return draws.choice(("cropped", "bob", "long", "bun"), (0.1, 0.2, 0.55, 0.15))
    return draws.choice(("cropped", "bob", "long", "bald"), (0.7, 0.12, 0.05, 0.13))


def draw_colour(draws: Draws) -> Colour:
    """Any colour, a quarter of them nearly grey."""
    hue, saturation = draws.unit(), draws.unit() ** 0.8 * draws.unit() ** 0.5
    value = draws.uniform(0.06, 0.95)
    return from_hsv(hue, saturation * (0.15 if draws.chance(0.25) else 1.0), value)


def draw_dark_colour(draws: Draws) -> Colour:
    """A colour for trousers and shoes; half of them are denim or navy."""
    if draws.chance(0.5):
        return from_hsv(
            0.6 + draws.normal(0, 0.03), draws.uniform(0.2, 0.6), draws.uniform(0.12, 0.5)
        )
    return draw_colour(draws) * 0.55


def from_hsv(hue: float, saturation: float, value: float) -> Colour:
    """RGB of a hue, saturation and value in 0..1 (Smith 1978)."""
    k = (np.array([5.0, 3.0, 1.0]) + hue * 6.0) % 6.0
    return value - value * saturation * np.clip(np.minimum(k, 4.0 - k), 0.0, 1.0)
