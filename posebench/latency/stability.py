"""Whether a series of latency samples is fit to be summarised, in words."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log

import numpy as np

from posebench.types import Float64Array

SPREAD = 0.1
"""Share of the median above which a quarter to three quarters of the samples count as unsteady."""

OUTLIER_SHARE = 0.05
"""Share of samples beyond three interquartile ranges that is worth a word (Tukey's far out)."""

DRIFT = 0.02
"""Share of the median by which the last third may differ from the first."""

_DRIFT_LEVEL = 0.001
_FAR_OUT = 3.0


def fewest_samples(quantile: float, confidence: float = 0.95) -> int:
    """Samples of which the largest bounds a quantile: the least n of 1 - quantile^n >= confidence.

    59 for the 95th percentile, 299 for the 99th, at a confidence of 95 %.
    """
    return ceil(log(1 - confidence) / log(quantile))


def warnings(samples_ms: Sequence[float]) -> tuple[str, ...]:
    """What a reader of the percentiles should know, a sentence each.

    Args:
        samples_ms: In the order in which they were measured; at least one.
    """
    values = np.asarray(samples_ms, np.float64)
    return tuple(filter(None, (_unsteady(values), _outliers(values), _drifting(values))))


def _quartiles(values: Float64Array) -> tuple[float, float, float]:
    low, middle, high = np.percentile(values, (25, 50, 75))
    return float(low), float(middle), float(high)


def _unsteady(values: Float64Array) -> str:
    low, middle, high = _quartiles(values)
    spread = (high - low) / middle
    if spread <= SPREAD:
        return ""
    return f"The middle half of the runs spans {spread:.0%} of the median: close other programs."


def _outliers(values: Float64Array) -> str:
    low, _, high = _quartiles(values)
    reach = _FAR_OUT * (high - low)
    share = float(((values < low - reach) | (values > high + reach)).mean())
    if share <= OUTLIER_SHARE:
        return ""
    return f"{share:.0%} of the runs lie far from the others; none was dropped."


def _drifting(values: Float64Array) -> str:
    """Thirds that differ, and more than a random order of the same values would have it."""
    third = len(values) // 3
    if third == 0:
        return ""
    change = float(np.median(values[-third:]) / np.median(values[:third])) - 1
    if abs(change) <= DRIFT or _rank_trend_p(values) > _DRIFT_LEVEL:
        return ""
    way = "slower" if change > 0 else "faster"
    return f"Runs became {abs(change):.1%} {way} while they were timed: warm up longer, or cool."


def _rank_trend_p(values: Float64Array) -> float:
    """Two-sided p of Spearman's rank correlation with time, by the normal approximation."""
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    rho = float(np.corrcoef(ranks, np.arange(len(values)))[0, 1])
    z = abs(rho) * (len(values) - 1) ** 0.5
    return float(2 * (1 - _normal_cdf(z)))


def _normal_cdf(z: float) -> float:
    from math import erf, sqrt

    return 0.5 * (1 + erf(z / sqrt(2)))
