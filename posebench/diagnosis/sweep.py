"""Which detections are right and which wrong at every score threshold, from the matches alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from posebench.metrics.matches import Matches
from posebench.metrics.ordering import falling
from posebench.types import BoolArray, Float64Array, IntArray


@dataclass(frozen=True, eq=False)
class ScoreSweep:
    """The detections that count at the lowest OKS threshold (.5), the best-scored first.

    A detection chooses its person before those with a lower score, so that leaving the latter out
    changes nothing: one matching serves every score threshold. Detections and people that the AP
    ignores are not here. People of all classes are counted together. N detections with S distinct
    scores, P people, I pictures.

    Attributes:
        thresholds: (S,) the distinct scores, falling.
        ends: (S,) position of the last detection with at least that score.
        scores: (N,) falling.
        image_index: (N,) position of each detection's picture.
        right: (N,) whether it matched a person.
        oks: (N,) with that person, 0 if it is wrong.
        people: (I,) annotated people of each picture.
    """

    thresholds: Float64Array
    ends: IntArray
    scores: Float64Array
    image_index: IntArray
    right: BoolArray
    oks: Float64Array
    people: IntArray

    @classmethod
    def of(cls, matches: Matches) -> ScoreSweep:
        """Order the detections of ``matches``."""
        order = falling(matches.scores)
        bit = matches.bit(0, 0)
        order = order[(matches.ignored[order] & bit) == 0]
        scores = matches.scores[order]
        ends = np.flatnonzero(np.diff(scores, append=-np.inf))
        right = (matches.matched[order] & bit) != 0
        counted = matches.people_image_index[~matches.people_ignored[:, 0]]
        return cls(
            thresholds=scores[ends],
            ends=ends,
            scores=scores,
            image_index=matches.image_index[order],
            right=right,
            oks=np.where(right, matches.similarity[order], 0.0),
            people=np.bincount(counted, minlength=len(matches.image_ids)),
        )

    @property
    def at_right(self) -> ScoreSweep:
        """The same with only those thresholds at which somebody more is found."""
        positions = np.flatnonzero(self.right)
        kept = np.unique(np.searchsorted(self.ends, positions, side="left"))
        return replace(self, thresholds=self.thresholds[kept], ends=self.ends[kept])

    def totals(self, values: Float64Array, weights: Float64Array | None = None) -> Float64Array:
        """Sums over no detection, then over those with at least each score.

        Args:
            values: (N,) of each detection.
            weights: (R, I) how often each picture counts; None: once.

        Returns:
            (R, S + 1), or (S + 1,) without weights.
        """
        rows = np.flatnonzero(values)
        terms = values[rows]
        if weights is not None:
            terms = weights.take(self.image_index[rows], axis=1) * terms
        sums = np.cumsum(terms, axis=-1)
        count = np.concatenate([[0], np.searchsorted(rows, self.ends, side="right")])
        totals = np.zeros((*sums.shape[:-1], len(count)))
        totals[..., count > 0] = sums[..., count[count > 0] - 1]
        return totals
