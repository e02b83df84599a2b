"""Sigmas from distances, with intervals by the bootstrap over pictures.

A deviation of one annotator is taken to scatter alike in x and y. If it is Gaussian, d² / s² has an
exponential distribution: its mean is sigma², its median sigma² · ln 2. A distance between two
annotators contains the errors of both and has twice that. The mean is COCO's definition; the median
does not feel gross errors as long as they are fewer than half, and is the smaller one where the
tails are heavier than a Gaussian's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from posebench.metrics.bootstrap import Interval, draw_weights, percentile_interval
from posebench.sigmas.distances import Distances
from posebench.sigmas.scale import Sample, weighted_mean, weighted_median
from posebench.types import Float64Array

Estimator = Literal["mean", "median"]

LEAST = 30
"""Deviations that a sigma needs: with as many the mean is known to 18 %, the median to 26 %."""


@dataclass(frozen=True)
class Sigma:
    """The sigma of one keypoint.

    Attributes:
        value: Relative to the root of the person's area, or None.
        count: Independent deviations behind it; a left and a right keypoint share theirs.
        interval: 95 %; None without a value, or with one picture only.
        reason: Why there is none.
    """

    value: float | None
    count: int
    interval: Interval | None = None
    reason: str | None = None


@dataclass(frozen=True, eq=False)
class Estimate:
    """Sigmas of all K keypoints.

    Attributes:
        sigmas: K of them.
        factor: What the measured scatter was multiplied by to meet the anchors, or None.
        ratios: By anchored keypoint, its anchor over its measured scatter.
    """

    sigmas: tuple[Sigma, ...]
    factor: float | None = None
    ratios: Mapping[int, float] | None = None


def estimate(
    distances: Distances,
    flip_pairs: Sequence[tuple[int, int]],
    estimator: Estimator,
    anchors: Mapping[int, float] | None = None,
) -> Estimate:
    """Estimate the sigmas; keypoints that a flip exchanges get one in common.

    Args:
        distances: Of K keypoints.
        flip_pairs: Pairs of keypoints, each keypoint in one at most.
        estimator: Of the scale.
        anchors: Known sigmas, by keypoint. All are multiplied by the median of their ratios to
            the measured ones; those without a measured one are left out.
    """
    samples = _samples(distances, flip_pairs)
    counts = [round(float(sample.weights.sum())) for sample in samples]
    points = _scatter(samples, distances.errors, estimator, np.ones((1, distances.images)))
    drawn = np.full((len(samples), 1), np.nan)
    if distances.images > 1:
        drawn = _scatter(samples, distances.errors, estimator, draw_weights(distances.images))
    reasons = [_reason(n, float(p)) for n, p in zip(counts, points[:, 0], strict=True)]
    ratios = {
        k: value / float(points[k, 0]) for k, value in (anchors or {}).items() if not reasons[k]
    }
    if ratios:
        points, drawn = (
            _anchored(values, anchors or {}, list(ratios)) for values in (points, drawn)
        )
    sigmas = tuple(
        _sigma(float(points[k, 0]), counts[k], drawn[k], reasons[k]) for k in range(len(samples))
    )
    factor = float(np.median(list(ratios.values()))) if ratios else None
    return Estimate(sigmas, factor, ratios or None)


def _samples(distances: Distances, flip_pairs: Sequence[tuple[int, int]]) -> list[Sample]:
    """One a keypoint; those of a flip pair are the same."""
    columns = {k: [k] for k in range(distances.squared.shape[1])}
    columns |= {k: list(pair) for pair in flip_pairs for k in pair}
    pooled = {tuple(group): _pooled(distances, group) for group in columns.values()}
    return [pooled[tuple(group)] for _, group in sorted(columns.items())]


def _pooled(distances: Distances, columns: list[int]) -> Sample:
    squared = distances.squared[:, columns]
    rows, places = np.nonzero(~np.isnan(squared))
    return Sample(
        squared=squared[rows, places],
        weights=distances.weights[:, columns][rows, places],
        image_index=distances.image_index[rows],
    )


def _scatter(
    samples: Sequence[Sample], errors: int, estimator: Estimator, drawn: Float64Array
) -> Float64Array:
    """(K, R) sigmas as measured under (R, I) weights of the pictures."""
    measure, part = (weighted_mean, 1.0) if estimator == "mean" else (weighted_median, math.log(2))
    found = {id(sample): np.sqrt(measure(sample, drawn) / (part * errors)) for sample in samples}
    return np.stack([found[id(sample)] for sample in samples])


def _anchored(values: Float64Array, anchors: Mapping[int, float], rows: list[int]) -> Float64Array:
    """(K, R) multiplied, in each replicate, by the median ratio of the anchors to it."""
    wanted = np.array([anchors[k] for k in rows])[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):  # A replicate may have no scatter.
        return np.asarray(values * np.median(wanted / values[rows], axis=0))


def _reason(count: int, value: float) -> str | None:
    if count < LEAST:
        return f"{count} deviations, {LEAST} are needed"
    if value == 0:
        return "most placements do not differ at all"
    return None if math.isfinite(value) else "some placements are too far apart to compute with"


def _sigma(value: float, count: int, drawn: Float64Array, reason: str | None) -> Sigma:
    if reason:
        return Sigma(None, count, reason=reason)
    return Sigma(value, count, percentile_interval(drawn))
