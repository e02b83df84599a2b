"""Two results over the same pictures: by how much they differ, and how sure that is.

Pictures are what is drawn, since people of one picture are not independent, and each replicate
draws the same ones for both results: what is hard for both cancels in their difference (Everingham
et al., Assessing the significance of performance differences on the PASCAL VOC challenges via
bootstrapping, 2013). The p-value is that of a permutation test: if the results are no different, it
does not matter which of the two a picture's predictions are ascribed to, so they are exchanged with
a probability of one half, picture by picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import TypeAlias

import numpy as np

from posebench.metrics.bootstrap import LEVEL, REPLICATES, SEED, draw_weights, percentile_interval
from posebench.types import Float64Array

PERMUTATIONS = 1000
FEWEST_PICTURES = 6
"""Of fewer, no exchange of predictions has a p-value up to .05: 2^(1 - 5) is .0625. Their interval
is far too narrow, and of a single one it has no width at all."""
POWER = 0.975
"""Probability with which a change of the size called detectable is shown."""
_ROUNDING = 1e-12
"""Differences below it come from sums in another order."""

Values: TypeAlias = "dict[str, Float64Array]"


@dataclass(frozen=True)
class Draws:
    """How often, and from which seed.

    Attributes:
        replicates: Of the bootstrap.
        permutations: Of the test.
        seed: Of both.
    """

    replicates: int = REPLICATES
    permutations: int = PERMUTATIONS
    seed: int = SEED


@dataclass(frozen=True)
class PairedChange:
    """A figure of two results.

    Attributes:
        baseline: The figure.
        candidate: The candidate's.
        change: Candidate minus baseline.
        low: Lower end of the interval of ``change``: that of the percentile interval or of the
            normal one, whichever is further off. Each by itself misses a little more often than
            it should (docs/intervals.md).
        high: Upper end, likewise.
        level: Of the interval, 0..1.
        p: Two-sided p-value of no difference, at least 1 / (permutations + 1).
        error: Standard error of ``change``: standard deviation of its replicates.
        detectable: True change that a new sample of so many pictures would show, its interval
            excluding 0, with a probability of ``POWER``.
        counted: Annotated people or keypoints behind the figure.
    """

    baseline: float
    candidate: float
    change: float
    low: float
    high: float
    level: float
    p: float
    error: float
    detectable: float
    counted: int


@dataclass(frozen=True)
class Absent:
    """Why two results cannot be compared in a figure."""

    reason: str


Changes: TypeAlias = "dict[str, PairedChange | Absent]"


@dataclass(frozen=True, eq=False)
class Family:
    """Figures of two results, as functions of the weights of I pictures.

    Attributes:
        images: I.
        baseline: (R, I) weights to (R,) values by figure.
        candidate: The candidate's.
        mixed: Figures of a result that has the baseline's predictions with the first (R, I)
            weights and the candidate's with the second, and each picture's people with the sum.
        counted: By figure, the people or keypoints behind it.
        carrying: By figure, the pictures in which they are.
    """

    images: int
    baseline: Callable[[Float64Array], Values]
    candidate: Callable[[Float64Array], Values]
    mixed: Callable[[Float64Array, Float64Array], Values]
    counted: Mapping[str, int]
    carrying: Mapping[str, int]


def compare(family: Family, draws: Draws | None = None) -> Changes:
    """Every figure of a family with interval, p-value and detectable change."""
    draws = draws or Draws()
    if family.images < 2:
        return {name: Absent("fewer than two pictures") for name in family.counted}
    ones = np.ones((1, family.images))
    before, after = family.baseline(ones), family.candidate(ones)
    weights = draw_weights(family.images, replicates=draws.replicates, seed=draws.seed)
    drawn_before, drawn_after = family.baseline(weights), family.candidate(weights)
    swapped = _swapped(family, draws)
    return {
        name: _too_few(family, name)
        or _change(
            (float(before[name][0]), float(after[name][0])),
            drawn_after[name] - drawn_before[name],
            swapped[name],
            family.counted[name],
        )
        for name in family.counted
    }


def _too_few(family: Family, name: str) -> Absent | None:
    pictures = family.carrying[name]
    if pictures >= FEWEST_PICTURES or not family.counted[name]:
        return None
    noun = "picture" if pictures == 1 else "pictures"
    return Absent(f"annotated in {pictures} {noun} only, fewer than {FEWEST_PICTURES}")


def detectable(error: float, level: float = LEVEL) -> float:
    """The change that shows with ``POWER``: (z of the interval + z of the power) · its error."""
    normal = NormalDist()
    return (normal.inv_cdf((1 + level) / 2) + normal.inv_cdf(POWER)) * error


def _swapped(family: Family, draws: Draws) -> Values:
    """(P,) difference of each figure after predictions were exchanged."""
    random = np.random.default_rng([draws.seed, 1])
    exchanged = random.integers(0, 2, (draws.permutations, family.images)).astype(np.float64)
    kept = 1.0 - exchanged
    one, other = family.mixed(kept, exchanged), family.mixed(exchanged, kept)
    return {name: other[name] - one[name] for name in family.counted}


def _change(
    values: tuple[float, float], drawn: Float64Array, swapped: Float64Array, counted: int
) -> PairedChange | Absent:
    before, after = values
    if np.isnan(before) or np.isnan(after):
        return Absent("nothing is annotated for it")
    known = drawn[~np.isnan(drawn)]
    interval = percentile_interval(known)
    if interval is None or len(known) < 2:
        return Absent("nothing is annotated for it in most draws of the pictures")
    change, error = after - before, float(known.std(ddof=1))
    reach = NormalDist().inv_cdf((1 + interval.level) / 2) * error
    as_far = np.count_nonzero(np.abs(swapped) >= abs(change) - _ROUNDING)
    return PairedChange(
        baseline=before,
        candidate=after,
        change=change,
        low=min(interval.low, change - reach),
        high=max(interval.high, change + reach),
        level=interval.level,
        p=float((1 + as_far) / (1 + len(swapped))),
        error=error,
        detectable=detectable(error),
        counted=counted,
    )
