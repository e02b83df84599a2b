"""Mean and median of squared distances under weights of the pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posebench.types import Float64Array, IntArray


@dataclass(frozen=True, eq=False)
class Sample:
    """Squared distances of one keypoint, or of a left and a right one together. N of them.

    Attributes:
        squared: (N,) d² / s².
        weights: (N,) of each, above 0.
        image_index: (N,) picture of each.
    """

    squared: Float64Array
    weights: Float64Array
    image_index: IntArray


def weighted_mean(sample: Sample, drawn: Float64Array) -> Float64Array:
    """(R,) mean under (R, I) weights of the pictures, NaN where nothing has a weight."""
    images = drawn.shape[1]
    whole = drawn @ np.bincount(sample.image_index, sample.weights, images)
    with np.errstate(over="ignore", invalid="ignore"):  # Infinitely far, and then not drawn.
        part = drawn @ np.bincount(sample.image_index, sample.weights * sample.squared, images)
    return np.divide(part, whole, out=np.full(len(drawn), np.nan), where=whole > 0)


def weighted_median(sample: Sample, drawn: Float64Array) -> Float64Array:
    """(R,) median under (R, I) weights of the pictures, NaN where nothing has a weight.

    It is the mean of the smallest value up to which at least half of the weight lies, and of the
    smallest up to which more than half does: with weights of one the usual median.
    """
    if not len(sample.squared):
        return np.full(len(drawn), np.nan)
    order = np.argsort(sample.squared, kind="stable")
    values, images = sample.squared[order], sample.image_index[order]
    weights = sample.weights[order]
    return np.array([_median(values, row[images] * weights) for row in drawn])


def _median(values: Float64Array, weights: Float64Array) -> float:
    """Median of N ascending values."""
    sums = np.cumsum(weights)
    half = sums[-1] / 2
    if not half:
        return float("nan")
    low = values[np.searchsorted(sums, half, side="left")]
    return float(low + values[np.searchsorted(sums, half, side="right")]) / 2
