"""Which ranks each of several results may have, all statements together with one error rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posebench.metrics.bootstrap import LEVEL
from posebench.types import BoolArray, Float64Array


@dataclass(frozen=True)
class RankRange:
    """Ranks that a result may have; 1 is the best.

    Attributes:
        best: One more than there are results shown to be better.
        worst: As many as there are results, less those shown to be worse.
    """

    best: int
    worst: int

    def __str__(self) -> str:
        return f"{self.best}" if self.best == self.worst else f"{self.best}-{self.worst}"


def rank_ranges(values: Float64Array, drawn: Float64Array, level: float = LEVEL) -> list[RankRange]:
    """Rank ranges that hold for all results at once with a probability of ``level``.

    Two results are told apart where their difference, over its standard error, exceeds the
    ``level`` quantile of the greatest such deviation among all pairs in the replicates. The
    differences of all pairs are then known at once, and so are the ranks that they leave (Mogstad,
    Romano, Shaikh and Wilhelm, Inference for Ranks with Applications to Mobility across
    Neighbourhoods and Academic Achievement across Countries, Review of Economic Studies 91, 2024,
    section 3).

    Args:
        values: (M,) the figure of each result; higher is better.
        drawn: (M, R) its replicates, of the same draws of the pictures for every result; NaN where
            it does not exist.
        level: 0..1.

    Returns:
        In the order of the results.
    """
    better = _shown_better(values, drawn[:, ~np.isnan(drawn).any(axis=0)], level)
    total = len(values)
    beaten_by, beats = better.sum(axis=0), better.sum(axis=1)
    return [RankRange(1 + int(b), total - int(w)) for b, w in zip(beaten_by, beats, strict=True)]


def _shown_better(values: Float64Array, drawn: Float64Array, level: float) -> BoolArray:
    """(M, M) whether the result of the row is shown to be better than that of the column."""
    total = len(values)
    shown = np.zeros((total, total), np.bool_)
    first, second = np.triu_indices(total, 1)
    if not len(first) or drawn.shape[1] < 2:
        return shown
    differences = values[first] - values[second]
    error, greatest = np.empty(len(first)), np.zeros(drawn.shape[1])
    for pair, (one, other) in enumerate(zip(first, second, strict=True)):
        deviation = drawn[one] - drawn[other] - differences[pair]
        error[pair] = deviation.std(ddof=1)
        if error[pair] > 0:
            np.maximum(greatest, np.abs(deviation) / error[pair], out=greatest)
    apart = np.abs(differences) > np.quantile(greatest, level) * error
    apart &= error > 0
    shown[first, second] = apart & (differences > 0)
    shown[second, first] = apart & (differences < 0)
    return shown
