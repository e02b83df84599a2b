"""Whether scores can be trusted: those of people by their OKS, those of keypoints by theirs.

That a score should equal the accuracy of the pose is from Gu et al., On the Calibration of Human
Pose Estimation, ICML 2024 (arXiv 2311.17105).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from posebench.diagnosis.calibration_document import Calibration, Reliability
from posebench.diagnosis.case import Case
from posebench.diagnosis.pairing import Pairing, meetings
from posebench.diagnosis.reliability import reliability, spearman, spearman_within
from posebench.diagnosis.sweep import ScoreSweep
from posebench.metrics.accumulate import KEYPOINT_FIGURES, figures
from posebench.metrics.matches import Matches
from posebench.record import Estimate
from posebench.types import Detections, Float64Array, FloatArray, IntArray

_RIGHT = 0.5
_FLAT = "scores or OKS do not vary"
_NO_CONFIDENCES = "the predictions have no confidences of keypoints"


def calibration(
    case: Case, pairing: Pairing, keypoint_scores: FloatArray | None, matches: Matches
) -> Calibration:
    """What the scores are worth.

    Args:
        case: People and D detections.
        pairing: At OKS ≥ .1.
        keypoint_scores: (D, K) confidences; None if there are none.
        matches: At the thresholds of the AP.
    """
    sweep = ScoreSweep.of(matches)
    rho = spearman(sweep.scores, sweep.oks)
    within, pictures = spearman_within(sweep.image_index, sweep.scores, sweep.oks)
    overall, per_keypoint = _keypoints(keypoint_scores, matches)
    ap, gain = _oracle(case, pairing, matches)
    return Calibration(
        instances=reliability(sweep.scores, sweep.oks),
        spearman=Estimate(value=rho, reason=_FLAT if rho is None else None),
        spearman_within=Estimate(value=within, reason=_FLAT if within is None else None),
        spearman_pictures=pictures,
        oracle_ap=ap,
        oracle_gain=gain,
        keypoints=overall,
        per_keypoint=per_keypoint,
    )


def _keypoints(
    keypoint_scores: FloatArray | None, matches: Matches
) -> tuple[Reliability, dict[str, Reliability]]:
    """Of the labelled keypoints of people matched at OKS ≥ .5: all, and each by itself."""
    names = [str(name) for name in matches.keypoint_names]
    if keypoint_scores is None:
        return _without(_NO_CONFIDENCES), {name: _without(_NO_CONFIDENCES) for name in names}
    scores = keypoint_scores[matches.detections[matches.pairs]].astype(np.float64)
    labelled = matches.keypoint_labelled
    right = (matches.keypoint_similarity > _RIGHT).astype(np.float64)
    overall = reliability(scores[labelled], right[labelled])
    if overall.ece.reason:
        return overall, {name: _without(overall.ece.reason) for name in names}
    columns = [labelled[:, k] for k in range(len(names))]
    single = [reliability(scores[rows, k], right[rows, k]) for k, rows in enumerate(columns)]
    return overall, dict(zip(names, single, strict=True))


def _without(reason: str) -> Reliability:
    return Reliability(ece=Estimate(value=None, reason=reason, higher_is_better=False), count=0)


def _oracle(case: Case, pairing: Pairing, matches: Matches) -> tuple[Estimate, Estimate]:
    """AP of the scored detections in the best order, and what that gains.

    The best order begins with whoever is most similar to an annotated person. The second one found
    of the same person gets the score 0, however similar: it would be a false positive. So does who
    meets somebody whom the AP ignores: at a higher threshold it would be one.
    """
    found = _ap(matches)
    if found.value is None:
        return found, found
    nearest = meetings(case, pairing).highest(len(pairing.scored))
    first = case.matches(detections=_ranked(case, pairing.scored, nearest))
    counted = (first.ignored & first.bit(0, 0)) == 0
    oks = np.where(counted, first.similarity, 0.0)
    best = _ap(case.matches(detections=_ranked(case, first.detections, oks)))
    assert best.value is not None, "the same people as before"
    return best, Estimate(value=best.value - found.value)


def _ranked(case: Case, rows: IntArray, scores: Float64Array) -> Detections:
    """The detections with new scores in some rows, and all others behind them."""
    ranked = np.full(len(case.detections.scores), -1.0)
    ranked[rows] = scores
    return replace(case.detections, scores=ranked)


def _ap(matches: Matches) -> Estimate:
    figure = figures(matches, {"AP": KEYPOINT_FIGURES["AP"]})["AP"]
    return Estimate(value=figure.value, reason=figure.reason)
