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

_DRIFT_LEVEL = 0.01
_FAR_OUT = 3.0


def fewest_samples(quantile: float, confidence: float = 0.95) -> int:
    """Samples of which the largest bounds a quantile: the least n of 1 - quantile^n >= confidence.

    59 for the 95th percentile, 299 for the 99th, at a confidence of 95 %.
    """
    return ceil(log(1 - confidence) / log(quantile))


def warnings(samples_ms: Sequence[float] | Float64Array) -> tuple[str, ...]:
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
    """Two-sided p of Spearman's rank correlation with time, by the normal approximation.

    Runs that resemble the run before count as n (1 - r) / (1 + r) independent ones, with r the
    correlation of successive ranks about their line.
    """
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable").astype(np.float64)
    time = np.arange(len(values))
    rho = float(np.corrcoef(ranks, time)[0, 1])
    resemblance = _successive_correlation(ranks - np.polyval(np.polyfit(time, ranks, 1), time))
    independent = len(values) * (1 - resemblance) / (1 + resemblance)
    z = abs(rho) * max(independent - 1, 0) ** 0.5
    return float(2 * (1 - _normal_cdf(z)))


def _successive_correlation(residuals: Float64Array) -> float:
    """Lag-1 autocorrelation of ranks about their line, 0 where it is negative or they lie on it."""
    square = float(residuals @ residuals)
    if square < 1:  # one swap of neighbours is 3/2 at least: what is less is rounding
        return 0.0
    return max(0.0, float(residuals[1:] @ residuals[:-1]) / square)


def _normal_cdf(z: float) -> float:
    from math import erf, sqrt

    return 0.5 * (1 + erf(z / sqrt(2)))
