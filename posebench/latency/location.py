"""Where a symmetric distribution lies: the Hodges-Lehmann estimate and its exact interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from posebench.types import Float64Array


@dataclass(frozen=True)
class Location:
    """An estimate and its interval, in the unit of the values.

    Attributes:
        value: The estimate.
        low: Lower end.
        high: Upper end.
        coverage: Probability that the interval covers the centre, at least what was asked for.
    """

    value: float
    low: float
    high: float
    coverage: float


def fewest_values(level: float) -> int:
    """How many values an interval of some level needs: the least n with 2^(1-n) <= 1 - level."""
    return int(np.ceil(1 - np.log2(1 - level)))


def hodges_lehmann(values: Sequence[float] | Float64Array, level: float = 0.95) -> Location:
    """Median of the means of all pairs, and the interval that the signed-rank test inverts to.

    With W_(1) <= ... <= W_(M) the M = n (n + 1) / 2 means (x_i + x_j) / 2, i <= j, and k the
    greatest rank sum that a signed-rank test does not exceed with a probability of more than half
    of what is left of the level, the interval is [W_(k+1), W_(M-k)]. It covers the centre of any
    symmetric distribution with at least that probability (Hodges and Lehmann, Annals of
    Mathematical Statistics 34, 1963; Hollander, Wolfe and Chicken, Nonparametric Statistical
    Methods, section 3.3).

    Args:
        values: n independent ones, e.g. a difference a round.
        level: Probability that the interval covers the centre, between 0 and 1.

    Raises:
        ValueError: Fewer values than the level needs, or one that is not finite.
    """
    array = np.asarray(values, np.float64)
    fewest = fewest_values(level)
    if len(array) < fewest:
        raise ValueError(f"an interval of {level:.0%} needs {fewest} values, not {len(array)}.")
    if not np.isfinite(array).all():
        raise ValueError("values must be finite.")
    first, second = np.triu_indices(len(array))
    means = np.sort((array[first] + array[second]) / 2)
    below = np.cumsum(signed_rank_probabilities(len(array)))
    outside = int(np.searchsorted(below, (1 - level) / 2, side="right"))  # k + 1
    return Location(
        value=float(np.median(means)),
        low=float(means[outside - 1]),
        high=float(means[-outside]),
        coverage=float(1 - 2 * below[outside - 1]),
    )


def signed_rank_probabilities(count: int) -> Float64Array:
    """P(T = t), t = 0 .. n (n + 1) / 2, of the signed-rank statistic without ties."""
    probabilities = np.zeros(count * (count + 1) // 2 + 1)
    probabilities[0] = 1.0
    for rank in range(1, count + 1):
        shifted = np.zeros_like(probabilities)
        shifted[rank:] = probabilities[:-rank]
        probabilities = (probabilities + shifted) / 2
    return probabilities
