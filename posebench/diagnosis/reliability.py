"""Expected calibration error and rank correlation of scores."""

from __future__ import annotations

import numpy as np

from posebench.diagnosis.calibration_document import Reliability, ReliabilityBin
from posebench.record import Estimate
from posebench.types import Float64Array, IntArray

BINS = 10
_MOST = 1.25
"""Up to which scores pass for probabilities: the maximum of a heat map may be a little over 1."""


def reliability(scores: Float64Array, outcomes: Float64Array) -> Reliability:
    """ECE over ten equally full bins (Naeini et al., AAAI 2015, with bins of equal mass).

    Which of equal scores stands in which of two bins must not depend on their order: each gets
    the mean outcome of all of them.

    Args:
        scores: (N,) 0..1, or a little over.
        outcomes: (N,) 0..1, what the scores should tell.

    Returns:
        With a reason instead of a figure if there are no scores, all are equal, or one is below 0
        or well above 1.
    """
    reason = _why_not(scores)
    if reason:
        ece = Estimate(value=None, reason=reason, higher_is_better=False)
        return Reliability(ece=ece, count=len(scores))
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    mean = mean_of_equals(ordered, outcomes[order])
    parts = np.array_split(np.arange(len(scores)), min(BINS, len(scores)))
    bins = tuple(_bin(ordered[part], mean[part]) for part in parts)
    error = sum(b.count * abs(b.score - b.outcome) for b in bins) / len(scores)
    return Reliability(
        ece=Estimate(value=error, higher_is_better=False),
        count=len(scores),
        score=float(scores.mean()),
        outcome=float(outcomes.mean()),
        bins=bins,
    )


def _why_not(scores: Float64Array) -> str | None:
    if not len(scores):
        return "nothing was predicted that could be compared"
    if scores.min() == scores.max():
        return f"all scores are {scores[0]:g}: they tell nothing"
    if scores.min() < 0 or scores.max() > _MOST:
        return f"scores from {scores.min():.3g} to {scores.max():.3g} are no probabilities"
    return None


def _bin(scores: Float64Array, outcomes: Float64Array) -> ReliabilityBin:
    return ReliabilityBin(
        count=len(scores),
        low=float(scores[0]),
        high=float(scores[-1]),
        score=float(scores.mean()),
        outcome=float(outcomes.mean()),
    )


def mean_of_equals(keys: Float64Array, values: Float64Array) -> Float64Array:
    """(N,) mean of the values of all elements with the same key."""
    _, group, count = np.unique(keys, return_inverse=True, return_counts=True)
    mean: Float64Array = (np.bincount(group, values) / count)[group]
    return mean


def spearman(first: Float64Array, second: Float64Array) -> float | None:
    """Spearman's rank correlation, equal values sharing their mean rank.

    Returns:
        -1..1; None if one of the two does not vary, or there is nothing.
    """
    if not len(first):
        return None
    one, other = (ranks - ranks.mean() for ranks in (_mean_ranks(first), _mean_ranks(second)))
    norm = float(np.sqrt(one @ one * (other @ other)))
    return float(one @ other) / norm if norm else None


def _mean_ranks(values: Float64Array) -> Float64Array:
    ranks = np.empty(len(values))
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    return mean_of_equals(values, ranks)


def spearman_within(
    groups: IntArray, first: Float64Array, second: Float64Array
) -> tuple[float | None, int]:
    """Mean over groups of Spearman's rank correlation, and in how many groups there is one."""
    order = np.argsort(groups, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
    found = [rho for p in parts if len(p) and (rho := spearman(first[p], second[p])) is not None]
    return (float(np.mean(found)) if found else None), len(found)
