"""Localisation recall precision (LRP): localisation, false alarms and misses as one error.

Oksuz, Cam, Kalkan and Akbas, One Metric to Measure Them All: Localisation Recall Precision (LRP)
for Evaluating Visual Detection Tasks, TPAMI 2022 (arXiv 2011.10772), eq. 3, with the OKS q as the
quality of a match and tau = .5. Of the detections with at least the score s::

    LRP(s) = (sum over TP of (1 - q) / (1 - tau) + FP + FN) / (TP + FP + FN)
    oLRP   = minimum of LRP(s) over s

Since TP + FN are all people, this is 1 - sum over TP of (q - tau) / (1 - tau) / (people + FP).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posebench.diagnosis.sweep import ScoreSweep
from posebench.metrics.threads import in_two_threads
from posebench.types import Float64Array

_TAU = 0.5
_DETECTIONS_AT_ONCE = 1 << 17
"""So many weights and their sums stay in the cache."""


@dataclass(frozen=True, eq=False)
class ScoreCurve:
    """Errors of what is left at each score threshold. S thresholds.

    Attributes:
        thresholds: (S,) scores, falling; the first is infinite: nobody is left.
        kept: (S,) detections that count.
        right: (S,) those that matched a person.
        people: Annotated people.
        localisation: (S,) mean of 1 - OKS over the right ones, 0..0.5, NaN where there is none.
        lrp: (S,) 0..1, lower is better; NaN without people.
    """

    thresholds: Float64Array
    kept: Float64Array
    right: Float64Array
    people: int
    localisation: Float64Array
    lrp: Float64Array

    @property
    def precision(self) -> Float64Array:
        """(S,) share of the kept that are right, NaN where none is kept; 1 - FP of the LRP."""
        return _divided(self.right, self.kept)

    @property
    def recall(self) -> Float64Array:
        """(S,) share of the people who are found, NaN without people; 1 - FN of the LRP."""
        return _divided(self.right, np.full(len(self.right), float(self.people)))

    @property
    def f1(self) -> Float64Array:
        """(S,) harmonic mean of precision and recall: 2 TP / (kept + people)."""
        return _divided(2 * self.right, self.kept + self.people)

    def at(self, threshold: float) -> int:
        """Position of what is left at a threshold that need not be a score of the curve."""
        return int(np.searchsorted(-self.thresholds, -threshold, side="right")) - 1


def score_curve(sweep: ScoreSweep) -> ScoreCurve:
    """The errors at every distinct score."""
    right = sweep.totals(sweep.right.astype(np.float64))
    lost = sweep.totals(np.where(sweep.right, 1 - sweep.oks, 0.0))
    everybody = np.ones((1, len(sweep.people)))
    return ScoreCurve(
        thresholds=np.concatenate([[np.inf], sweep.thresholds]),
        kept=np.concatenate([[0.0], sweep.ends + 1.0]),
        right=right,
        people=int(sweep.people.sum()),
        localisation=_divided(lost, right),
        lrp=_lrp(sweep, everybody)[0],
    )


def optimal_lrp(sweep: ScoreSweep, weights: Float64Array) -> Float64Array:
    """Optimal LRP in each resampling of the pictures.

    Args:
        sweep: The detections.
        weights: (R, I) how often each picture was drawn.

    Returns:
        (R,) 0..1, NaN where nobody was drawn who is annotated.
    """
    at_once = max(_DETECTIONS_AT_ONCE // max(len(sweep.scores), 1), 1)
    fewest = sweep.at_right  # Between two of its thresholds only false positives are added.

    def lowest(start: int) -> Float64Array:
        found: Float64Array = _lrp(fewest, weights[start : start + at_once]).min(axis=1)
        return found

    return np.concatenate(in_two_threads(lowest, range(0, len(weights), at_once)))


def _lrp(sweep: ScoreSweep, weights: Float64Array) -> Float64Array:
    """(R, S + 1) LRP with nobody left, then at each distinct score."""
    people = weights @ sweep.people
    quality = np.where(sweep.right, (sweep.oks - _TAU) / (1 - _TAU), 0.0)
    won = sweep.totals(quality, weights)
    wrong = sweep.totals((~sweep.right).astype(np.float64), weights)
    lrp = 1 - _divided(won, wrong + people[:, None])
    lrp[people == 0] = np.nan
    return lrp


def _divided(values: Float64Array, by: Float64Array) -> Float64Array:
    """The quotient, NaN where ``by`` is 0."""
    return np.divide(values, by, out=np.full(values.shape, np.nan), where=by > 0)
