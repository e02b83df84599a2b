"""The JSON document of ``posebench sigmas``, documented in docs/sigmas.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import posebench
from posebench.errors import InputError
from posebench.metrics.bootstrap import LEVEL, REPLICATES, SEED
from posebench.sigmas.anchors import coco_sigmas, spread_note
from posebench.sigmas.estimate import LEAST, Estimate, Sigma, estimate
from posebench.sigmas.gross import gross_notes
from posebench.sigmas.repeats import Repeats
from posebench.sigmas.residuals import Residuals
from posebench.sigmas.same_pictures import Annotator
from posebench.sigmas.saturation import at_scales, saturation_notes, shares, unreachable_notes
from posebench.types import Detections, GroundTruth, Skeleton

_INTERVAL = {"level": LEVEL, "replicates": REPLICATES, "seed": SEED, "resampled": "images"}
_TOGETHER = (
    "the error of the model is in these sigmas too, so they are those of annotators times an "
    "unknown factor, mostly above 1; --anchor takes it out."
)
_UNCHECKED = "the sigmas of this skeleton are unknown; with --sigmas they are checked as well."


def of_repeats(
    repeats: Repeats, annotators: Sequence[Annotator], skeleton: Skeleton, *, robust: bool
) -> dict[str, Any]:
    """What several annotators tell.

    Args:
        repeats: Their distances.
        annotators: The files.
        skeleton: Names and flip pairs; its sigmas are not looked at.
        robust: Take the median instead of the mean square.
    """
    mean = estimate(repeats.distances, skeleton.flip_pairs, "mean")
    median = estimate(repeats.distances, skeleton.flip_pairs, "median")
    keypoints = _keypoints(median if robust else mean, skeleton.keypoints)
    for row, one, other in zip(keypoints.values(), mean.sigmas, median.sigmas, strict=True):
        row |= {"mean": one.value, "median": other.value}
    notes = list(repeats.notes)
    if not robust:
        notes += gross_notes(mean, median, repeats, annotators, skeleton.keypoints)
    counts = {"annotators": len(annotators), "pictures": repeats.pictures}
    return _document("annotators", "median" if robust else "mean", keypoints) | {
        **counts,
        "people": len(repeats.members),
        "notes": notes,
    }


def of_residuals(
    residuals: Residuals,
    skeleton: Skeleton,
    anchors: Mapping[int, float],
    check: dict[str, Any] | None,
) -> dict[str, Any]:
    """What the residuals of a model tell.

    Args:
        residuals: Its distances to the labels.
        skeleton: Names and flip pairs; its sigmas are not looked at.
        anchors: Known sigmas by keypoint; none leaves the model's error in.
        check: Of the sigmas in use, or None if they are unknown.

    Raises:
        InputError: There are anchors, but too few residuals of each.
    """
    found = estimate(residuals.distances, skeleton.flip_pairs, "median", anchors)
    if anchors and found.ratios is None:
        raise InputError(
            f"--anchor: {', '.join(skeleton.keypoints[k] for k in anchors)}: too few residuals.",
            remedy=f"Anchor a keypoint with {LEAST} or more, or give more pictures.",
        )
    keypoints = _keypoints(found, skeleton.keypoints)
    notes = [_TOGETHER] if found.ratios is None else [spread_note(found.ratios)]
    notes += [_UNCHECKED] if check is None else check["notes"]
    return _document("model", "median", keypoints) | {
        "pictures": residuals.distances.images,
        "people": residuals.people,
        "found": residuals.found,
        "calibration": _calibration(found, skeleton.keypoints),
        "check": check,
        "notes": notes,
    }


def check_of(truth: GroundTruth, detections: Detections, residuals: Residuals) -> dict[str, Any]:
    """How AP and similarities stand with the sigmas of ``truth``."""
    matches, figures = at_scales(truth, detections)
    sigmas = np.array(truth.skeleton.sigmas)
    notes = saturation_notes(matches) or unreachable_notes(residuals.distances, sigmas)
    above_and_below = [part or (None, None) for part in shares(residuals.distances, sigmas)]
    rows = [
        {"sigma": sigma, "above_95": above, "below_05": below}
        for sigma, (above, below) in zip(truth.skeleton.sigmas, above_and_below, strict=True)
    ]
    scales = {
        f"{scale:g}": {name: figure.value for name, figure in found.items()}
        for scale, found in figures.items()
    }
    keypoints = dict(zip(truth.skeleton.keypoints, rows, strict=True))
    return {"scales": scales, "keypoints": keypoints, "notes": notes}


def _document(source: str, estimator: str, keypoints: dict[str, Any]) -> dict[str, Any]:
    return {
        "source": source,
        "estimator": estimator,
        "keypoints": keypoints,
        "interval": _INTERVAL,
        "posebench": posebench.__version__,
    }


def _keypoints(found: Estimate, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    known = coco_sigmas(names)
    return {
        name: _row(sigma, known.get(k))
        for k, (name, sigma) in enumerate(zip(names, found.sigmas, strict=True))
    }


def _row(sigma: Sigma, coco: float | None) -> dict[str, Any]:
    interval = sigma.interval
    return {
        "sigma": sigma.value,
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
        "count": sigma.count,
        "coco": coco,
        "reason": sigma.reason,
    }


def _calibration(found: Estimate, names: Sequence[str]) -> dict[str, Any] | None:
    if found.ratios is None:
        return None
    ratios = {names[k]: ratio for k, ratio in found.ratios.items()}
    return {"factor": found.factor, "ratios": ratios}
