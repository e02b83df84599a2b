"""Which score a person must have to be shown: precision, recall, F1 and LRP by threshold."""

from __future__ import annotations

import numpy as np

from posebench.diagnosis.calibration_document import ThresholdPoint, Thresholds
from posebench.diagnosis.lrp import ScoreCurve, optimal_lrp, score_curve
from posebench.diagnosis.sweep import ScoreSweep
from posebench.metrics.bootstrap import percentile_interval
from posebench.metrics.matches import Matches
from posebench.record import Estimate, Interval
from posebench.types import Float64Array

_STEPS = 100


def thresholds(matches: Matches, weights: Float64Array | None = None) -> Thresholds:
    """What is left from each score on.

    Args:
        matches: Of the detections.
        weights: (R, I) how often each picture was drawn in each replicate; None for no interval.
    """
    sweep = ScoreSweep.of(matches)
    curve = score_curve(sweep)
    if not curve.people:
        reason = "no annotated person counts"
        none = Estimate(value=None, reason=reason, higher_is_better=False)
        return Thresholds(olrp=none, lrp_optimal=None, f1_best=None, points=())
    best = int(np.argmin(curve.lrp))
    fairest = int(np.argmax(curve.f1))
    drawn = None if weights is None else optimal_lrp(sweep, weights)
    interval = None if drawn is None else percentile_interval(drawn)
    return Thresholds(
        olrp=Estimate(
            value=float(curve.lrp[best]),
            higher_is_better=False,
            interval=None if interval is None else Interval(**vars(interval)),
        ),
        lrp_optimal=_point(curve, float(curve.thresholds[best])) if best else None,
        f1_best=_point(curve, float(curve.thresholds[fairest])) if fairest else None,
        points=tuple(_point(curve, float(t)) for t in _steps(sweep.scores)),
    )


def _steps(scores: Float64Array) -> Float64Array:
    """Hundredths, or hundredths of the range if scores lie outside 0..1."""
    if not len(scores) or (scores.min() >= 0 and scores.max() <= 1):
        return np.linspace(0.0, 1.0, _STEPS + 1)
    return np.linspace(float(scores.min()), float(scores.max()), _STEPS + 1)


def _point(curve: ScoreCurve, threshold: float) -> ThresholdPoint:
    k = curve.at(threshold)
    precision, localisation = curve.precision[k], curve.localisation[k]
    return ThresholdPoint(
        threshold=threshold,
        kept=int(curve.kept[k]),
        precision=None if np.isnan(precision) else float(precision),
        recall=float(curve.recall[k]),
        f1=float(curve.f1[k]),
        lrp=float(curve.lrp[k]),
        localisation=None if np.isnan(localisation) else float(localisation),
    )
