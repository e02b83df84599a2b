"""Scores that rank a poorly placed detection before a well placed one.

Ronchi and Perona (ICCV 2017, arXiv 1707.05388). The optimal score of a detection is
its highest OKS with any person who counts. Of several detections of one person only the best
should rank high, so the others are lowered by Soft-NMS (Bodla et al., ICCV 2017): the
best-scored of those left, d, lowers every other k by ::

    s_k ← s_k · exp(-OKS(d, k)² / .5)

The OKS of two detections is that of all K keypoints, with the mean of the areas that their
keypoints span. Only detections that are scored take part: the best of each picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posebench.diagnosis.case import LOCALISED, Case
from posebench.diagnosis.pairing import Meetings, Pairing, meetings
from posebench.metrics.coco import THRESHOLDS
from posebench.metrics.sieve import Extents
from posebench.metrics.threads import in_two_threads
from posebench.types import BoolArray, Detections, Float64Array, FloatArray, IntArray

_SPREAD = 0.5
_TERMS_AT_ONCE = 1 << 18
_EPSILON = float(np.spacing(1))
_NOT_SCORED = -1.0


@dataclass(frozen=True)
class ScoreErrors:
    """How often scores rank in another order than similarity does.

    Attributes:
        pictures: Pictures (and classes) with a detection.
        reordered: Those in which the optimal scores put the detections of people, those at OKS ≥ .1
            with somebody who counts, into another order. Background is no matter of order.
        contested: People with at least two detections that are most similar to them, at OKS ≥ .5.
        outscored: Those of them whose most similar detection is not the best-scored one.
    """

    pictures: int
    reordered: int
    contested: int
    outscored: int

    @property
    def share(self) -> float | None:
        """Share of the pictures that are reordered, 0..1; None without pictures."""
        return self.reordered / self.pictures if self.pictures else None


def optimal_scores(
    case: Case, pairing: Pairing, detections: Detections | None = None
) -> Float64Array:
    """(D,) scores 0..1 that rank best, -1 for detections that are not scored.

    Args:
        case: People, and the original detections.
        pairing: Which detections are scored.
        detections: Repaired ones, if their keypoints are what is to be ranked.
    """
    found = case.detections if detections is None else detections
    highest = meetings(case, pairing, found).highest(len(pairing.scored))
    sigmas = np.array(case.ground_truth.skeleton.sigmas)
    groups = case.detection_groups[pairing.scored]
    scores = np.full(len(found.scores), _NOT_SCORED)
    scores[pairing.scored] = soft_nms(found.keypoints[pairing.scored], highest, groups, sigmas)
    return scores


def score_errors(case: Case, pairing: Pairing) -> ScoreErrors:
    """Compare the ranking in each picture with that by the optimal scores."""
    met = meetings(case, pairing)
    contested, outscored = _contests(case, pairing, met)
    return ScoreErrors(
        pictures=len(np.unique(case.detection_groups[pairing.scored])),
        reordered=_reordered(case, pairing, met),
        contested=contested,
        outscored=outscored,
    )


def _reordered(case: Case, pairing: Pairing, met: Meetings) -> int:
    """Pictures in which a detection of a person has a better optimal score than one before it."""
    of_people = pairing.scored[met.highest(len(pairing.scored)) >= LOCALISED]
    groups = case.detection_groups[of_people]
    optimal = optimal_scores(case, pairing)[of_people]
    rising = (np.diff(optimal) > 0) & (np.diff(groups) == 0)
    return len(np.unique(groups[1:][rising]))


def _contests(case: Case, pairing: Pairing, met: Meetings) -> tuple[int, int]:
    """People with several detections, and those whose most similar one is not scored best."""
    highest = met.highest(len(pairing.scored))
    nearest = (met.oks == highest[met.scored]) & (met.oks >= THRESHOLDS[0])
    people, oks = met.people[nearest], met.oks[nearest]
    # The meetings come by rank, so a person's first one is with the best-scored detection.
    found, first, count = np.unique(people, return_index=True, return_counts=True)
    best = np.zeros(len(case.counted))
    np.maximum.at(best, people, oks)
    contested = count > 1
    outscored = contested & (best[found] > oks[first])
    return int(contested.sum()), int(outscored.sum())


def soft_nms(
    keypoints: FloatArray, scores: Float64Array, groups: IntArray, sigmas: Float64Array
) -> Float64Array:
    """Lower the scores of detections that resemble a better-scored one of their group.

    Args:
        keypoints: (S, K, 2) px.
        scores: (S,) not negative.
        groups: (S,) group of each; those of one group stand together. Of equal scores the first
            one goes first.
        sigmas: (K,) standard deviations of the OKS.

    Returns:
        (S,) lowered scores.
    """
    starts = np.flatnonzero(np.diff(groups, prepend=-1))
    sizes = np.diff(np.append(starts, len(groups)))
    most = int(sizes.max(initial=1))
    step = max(_TERMS_AT_ONCE // (most * most * len(sigmas)), 1)
    lowered = scores.copy()

    def lower(start: int) -> None:
        chosen = slice(start, start + step)
        places = starts[chosen, None] + np.arange(most)
        present = np.arange(most) < sizes[chosen, None]
        places = np.where(present, places, starts[chosen, None])
        similarity = _mutual_oks(keypoints[places].astype(np.float64), sigmas)
        rows = np.where(present, scores[places], 0.0)
        lowered[places[present]] = _lower(rows, ~present, similarity)[present]

    in_two_threads(lower, range(0, len(starts), step))
    return lowered


def _mutual_oks(keypoints: Float64Array, sigmas: Float64Array) -> Float64Array:
    """(B, M, M) OKS among the M detections of B groups."""
    groups, most, points, _ = keypoints.shape
    areas = Extents.of(keypoints.reshape(-1, points, 2)).areas.reshape(groups, most)
    scale = (areas[:, :, None] + areas[:, None]) / 2 + _EPSILON
    with np.errstate(over="ignore", invalid="ignore"):
        x, y = (keypoints[:, :, None, :, axis] - keypoints[:, None, :, :, axis] for axis in (0, 1))
        error = (x**2 + y**2) / (2 * sigmas) ** 2 / scale[..., None] / 2
        return np.asarray(np.nan_to_num(np.exp(-error).mean(axis=-1), nan=0.0))


def _lower(scores: Float64Array, done: BoolArray, similarity: Float64Array) -> Float64Array:
    """(B, M) scores after each group's best of those left has lowered the others, M times."""
    rows = np.arange(len(scores))
    factors = np.exp(-(similarity**2) / _SPREAD)
    for _ in range(scores.shape[1]):
        best = np.where(done, -1.0, scores).argmax(axis=1)
        done[rows, best] = True
        scores = np.where(done, scores, scores * factors[rows, best])
    return scores
