"""By how much one sample lies above another: estimate, exact interval and p-value from ranks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posebench.latency.location import hodges_lehmann, signed_rank_probabilities
from posebench.types import Float64Array


@dataclass(frozen=True)
class Shift:
    """A shift in the unit of the values.

    Attributes:
        value: Hodges and Lehmann's estimate.
        low: Lower end of its interval.
        high: Upper end.
        coverage: Probability that the interval covers the shift, at least what was asked for.
        p: Two-sided p-value of no shift; at most 1 - coverage where the interval is without 0.
    """

    value: float
    low: float
    high: float
    coverage: float
    p: float


def unpaired_shift(first: Float64Array, second: Float64Array, level: float = 0.95) -> Shift:
    """Second over first, which were measured independently of each other.

    With D_(1) <= ... <= D_(mn) all differences second_j - first_i, the estimate is their median and
    the interval [D_(k), D_(mn+1-k)], k - 1 the greatest rank sum that the Mann-Whitney test does
    not exceed with a probability of more than half of what is left of the level. Both are exact
    for samples that differ by a shift alone (Hollander, Wolfe and Chicken, Nonparametric
    Statistical Methods, sections 4.1 to 4.3). Ties make the p-value larger.

    Args:
        first: (m,) values.
        second: (n,) values.
        level: Probability that the interval covers the shift.

    Raises:
        ValueError: Too few values for the level.
    """
    below = np.cumsum(_mann_whitney_probabilities(len(first), len(second)))
    outside = int(np.searchsorted(below, (1 - level) / 2, side="right"))  # k
    if outside == 0:
        raise ValueError(f"{len(first)} and {len(second)} values are too few for {level:.0%}.")
    differences = np.sort((second[:, None] - first[None, :]).ravel())
    return Shift(
        value=float(np.median(differences)),
        low=float(differences[outside - 1]),
        high=float(differences[-outside]),
        coverage=float(1 - 2 * below[outside - 1]),
        p=_two_sided(differences, below),
    )


def paired_shift(first: Float64Array, second: Float64Array, level: float = 0.95) -> Shift:
    """Second over first, the i-th of both measured in one round: by the signed-rank test.

    Args:
        first: (n,) values.
        second: (n,) values.
        level: Probability that the interval covers the shift.

    Raises:
        ValueError: Too few values for the level.
    """
    differences = second - first
    found = hodges_lehmann(differences, level)
    one, other = np.triu_indices(len(differences))
    means = (differences[one] + differences[other]) / 2
    p = _two_sided(means, np.cumsum(signed_rank_probabilities(len(differences))))
    return Shift(found.value, found.low, found.high, found.coverage, p)


def _two_sided(differences: Float64Array, below: Float64Array) -> float:
    """From the number of differences on the side that has fewer; a 0 lies on both.

    Args:
        differences: Those whose number above 0 is the test's statistic.
        below: Its distribution function without a shift.
    """
    fewer = min(int((differences >= 0).sum()), int((differences <= 0).sum()))
    return min(1.0, 2 * float(below[fewer]))


def _mann_whitney_probabilities(first: int, second: int) -> Float64Array:
    """P(U = u), u = 0 .. mn, of the Mann-Whitney statistic without ties.

    The greatest of all values belongs to one sample or the other (Mann and Whitney, Annals of
    Mathematical Statistics 18, 1947, section 2).
    """
    row = [np.ones(1)] * (second + 1)
    for m in range(1, first + 1):
        above, row = row, [np.ones(1)]
        for n in range(1, second + 1):
            found = np.zeros(m * n + 1)
            found[n:] += m / (m + n) * above[n]
            found[: m * (n - 1) + 1] += n / (m + n) * row[n - 1]
            row.append(found)
    return row[second]
