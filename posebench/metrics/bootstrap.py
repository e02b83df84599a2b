"""How far a figure may move with the pictures that happened to be annotated: the bootstrap.

Efron's percentile interval (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13):
as many units as there are, drawn with replacement, give one replicate of the figure. What is drawn
are whole pictures, since people of one picture are not independent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posebench.types import Float64Array

LEVEL = 0.95
REPLICATES = 2000
SEED = 0


@dataclass(frozen=True)
class Interval:
    """A percentile interval of a figure.

    Attributes:
        low: Lower bound, in the unit of the figure.
        high: Upper bound.
        level: Share of the replicates between them, 0..1.
        replicates: How often the units were drawn.
        seed: Of the draws.
    """

    low: float
    high: float
    level: float = LEVEL
    replicates: int = REPLICATES
    seed: int = SEED


def draw_weights(units: int, *, replicates: int = REPLICATES, seed: int = SEED) -> Float64Array:
    """(replicates, units) how often each unit was drawn; every row sums to ``units``.

    Raises:
        ValueError: No units.
    """
    if units < 1:
        raise ValueError("the bootstrap needs at least one unit")
    drawn = np.random.default_rng(seed).multinomial(
        units, np.full(units, 1 / units), size=replicates
    )
    return drawn.astype(np.float64)


def percentile_interval(values: Float64Array, *, seed: int = SEED) -> Interval | None:
    """The interval of a figure from its replicates.

    Its ends are the ordered values with the numbers (R + 1) · (1 ± level) / 2, between which a
    further replicate falls with the probability of the level (Davison and Hinkley, Bootstrap
    Methods and their Application, 1997, section 5.2).

    Args:
        values: (R,) the figure in each replicate; NaN where it does not exist, which is left out.
        seed: With which they were drawn.

    Returns:
        None if the figure exists in no replicate.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method="weibull")
    return Interval(float(low), float(high), LEVEL, len(values), seed)
