"""Whether an AP can still tell models apart with the sigmas that it was computed with.

If annotators scatter by sigma as COCO defines it, and as Gaussians, d² / (s² · sigma²) is
exponential with mean 1. The similarity of an annotator's keypoint to the truth is exp(-e / 8), e of
that distribution: at least t in 1 - t⁸ of the keypoints, .95 in 34 % and .75 in 90 % of them, and
8 / 9 in the mean. A person's OKS is a mean of such similarities, so at most 34 % of the people that
annotators draw reach .95 and at least 90 % reach .75, the more so the more keypoints there are.

Where most people whom a model finds reach the strictest threshold, sigmas are therefore wider than
the labels are exact, and all good models have nearly the same AP. Where hardly any reach .75,
sigmas are too strict for the labels, or the model is poor: the figures cannot say which.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from posebench.metrics.accumulate import Figure, FigureSpec, figures
from posebench.metrics.coco import match_keypoints
from posebench.metrics.matches import Matches
from posebench.sigmas.distances import Distances
from posebench.types import Detections, Float64Array, GroundTruth

LEAST_PEOPLE = 30
"""With fewer, a share of a half has a standard error of more than a tenth."""
_MOST = 0.5
_FEWEST = 0.1
_GOOD = 0.75
SCALES = (0.5, 1.0, 2.0)
HIGH, LOW = 0.95, 0.05
"""Similarities beyond which a keypoint hardly tells models apart."""
_FIGURES = {
    "AP": FigureSpec(),
    "AP50": FigureSpec(threshold=0),
    "AP75": FigureSpec(threshold=5),
    "AP95": FigureSpec(threshold=9),
}
_CHOOSE = "posebench sigmas estimates them from repeated annotations."


def saturation_notes(matches: Matches) -> list[str]:
    """What to say of the sigmas, from matched keypoints alone; mostly nothing.

    Args:
        matches: Of keypoints, with the sigmas in question.
    """
    oks = matches.similarity[matches.pairs]
    if len(oks) < LEAST_PEOPLE:
        return []
    best, good = float((oks >= matches.thresholds[-1]).mean()), float((oks >= _GOOD).mean())
    if best > _MOST:
        return [
            f"saturated: {best:.0%} of the people found reach an OKS of .95; of people drawn by "
            "annotators that scatter by the sigmas at most 34 % would. The sigmas are too wide for "
            f"these labels, and AP hardly tells good models apart; {_CHOOSE}"
        ]
    if good < _FEWEST:
        return [
            f"too strict: {good:.0%} of the people found reach an OKS of .75; of people drawn by "
            "annotators that scatter by the sigmas at least 90 % would. The sigmas are too narrow "
            f"for these labels, or the model is poor; {_CHOOSE}"
        ]
    return []


def unreachable_notes(distances: Distances, sigmas: Float64Array) -> list[str]:
    """The same of people who were found without sigmas, most of whom the OKS then loses.

    Args:
        distances: Of a model's keypoints to the labels.
        sigmas: (K,) in question.
    """
    oks = np.nanmean(similarities(distances, sigmas), axis=1)
    reached = float((oks >= 0.5).mean())
    if len(oks) < LEAST_PEOPLE or reached >= _MOST:
        return []
    return [
        f"too strict: {reached:.0%} of the {len(oks)} people whose keypoints are near the labels "
        "reach an OKS of .5. The sigmas are too narrow for these labels, or the model is poor; "
        f"{_CHOOSE}"
    ]


def similarities(distances: Distances, sigmas: Float64Array) -> Float64Array:
    """(P, K) similarity of each keypoint, NaN where it is not labelled."""
    return np.asarray(np.exp(-distances.squared / (8 * sigmas**2)))


def shares(distances: Distances, sigmas: Float64Array) -> list[tuple[float, float] | None]:
    """For each keypoint the shares of similarities above .95 and below .05; None without any."""
    found = similarities(distances, sigmas)
    known = (column[~np.isnan(column)] for column in found.T)
    return [
        (float((one > HIGH).mean()), float((one < LOW).mean())) if len(one) else None
        for one in known
    ]


def at_scales(
    truth: GroundTruth, detections: Detections
) -> tuple[Matches, dict[float, dict[str, Figure]]]:
    """The matches with the sigmas of ``truth``, and AP, AP50, AP75 and AP95 at each scale."""
    matches = {scale: match_keypoints(_scaled(truth, scale), detections) for scale in SCALES}
    return matches[1.0], {scale: figures(found, _FIGURES) for scale, found in matches.items()}


def _scaled(truth: GroundTruth, scale: float) -> GroundTruth:
    sigmas = tuple(sigma * scale for sigma in truth.skeleton.sigmas)
    return replace(truth, skeleton=replace(truth.skeleton, sigmas=sigmas))
