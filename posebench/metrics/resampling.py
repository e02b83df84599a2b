"""AP and AR of weighted pictures: the replicates of a bootstrap without matching anew.

Whom a detection meets depends on its own picture alone. A picture that is drawn w times only
lengthens runs of equal points of the precision-recall curve, so weights in place of copies give
the same figures: with TP_t(k) and n_t(k) the weights of the right and of all counted detections
among the k best::

    precision_t(k) = TP_t(k) / n_t(k)        recall_t(k) = TP_t(k) / weight of the people

With weights of one every step and every sum is that of ``accumulate``, to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from posebench.metrics.accumulate import RECALLS, FigureSpec
from posebench.metrics.matches import Matches
from posebench.metrics.ordering import falling
from posebench.metrics.threads import in_two_threads
from posebench.types import BoolArray, Float64Array, IntArray

Counts = npt.NDArray[np.int32]
"""Weights and their sums: whole numbers, far below 2³¹."""

_SUMS_AT_ONCE = 1_000_000
"""Running sums of a block of replicates, few enough to stay in the cache."""
_EPSILON = float(np.spacing(1))


@dataclass(frozen=True, eq=False)
class Ranking:
    """The detections of one class, best first. D detections.

    Attributes:
        columns: (D,) column of the weights in which each finds its own.
        ranks: (D,) zero-based rank in its picture.
        right: (A, T, D) whether it is right in an area range at a threshold.
        counted: (A, T, D) whether it counts at all.
    """

    columns: IntArray
    ranks: IntArray
    right: BoolArray
    counted: BoolArray


@dataclass(frozen=True, eq=False)
class Pool:
    """What figures of weighted pictures are made of.

    Attributes:
        rankings: One a class.
        people: (I, C, A) annotations that count, by picture, class and area range.
        max_dets: (N,) numbers of detections a picture, ascending.
    """

    rankings: tuple[Ranking, ...]
    people: Float64Array
    max_dets: IntArray

    @classmethod
    def of(cls, matches: Matches) -> Pool:
        """Of one result; the weights have a column a picture."""
        return cls(
            rankings=tuple(_ranking(matches, c) for c in range(len(matches.class_names))),
            people=people_by_image(matches),
            max_dets=matches.max_dets,
        )

    @classmethod
    def mixed(cls, baseline: Pool, candidate: Pool) -> Pool:
        """Of two results over the same pictures; the candidate's columns follow the baseline's.

        Scores of two models have no common scale. The k-th best detection of one therefore stands
        beside the k-th best of the other.
        """
        pairs = zip(baseline.rankings, candidate.rankings, strict=True)
        rankings = tuple(_merged(one, other, len(baseline.people)) for one, other in pairs)
        return cls(rankings, baseline.people, baseline.max_dets)


def replicates(
    matches: Matches, specs: Mapping[str, FigureSpec], weights: Float64Array
) -> dict[str, Float64Array]:
    """Figures of weighted pictures.

    Args:
        matches: Of I pictures.
        specs: The figures.
        weights: (R, I) how often each picture counts; whole numbers.

    Returns:
        (R,) each figure in each row of weights, NaN where no ground truth has a weight.
    """
    return weighted_figures(Pool.of(matches), specs, weights, weights)


def weighted_figures(
    pool: Pool,
    specs: Mapping[str, FigureSpec],
    weights: Float64Array,
    people_weights: Float64Array,
) -> dict[str, Float64Array]:
    """Figures of a pool under weights of its detections and of its people.

    Args:
        pool: Of I pictures.
        specs: The figures.
        weights: (R, W) of the detections, by the columns of the pool.
        people_weights: (R, I) of the people, by picture.

    Returns:
        (R,) each figure, NaN where no ground truth has a weight.
    """
    images, classes, areas = pool.people.shape
    people = people_weights @ pool.people.reshape(images, -1)
    people = people.reshape(-1, classes, areas)
    recalls = {name: spec for name, spec in specs.items() if spec.recall}
    rest = {name: spec for name, spec in specs.items() if not spec.recall}
    found = {name: _mean_recall(pool, spec, weights, people) for name, spec in recalls.items()}
    found |= _mean_precisions(pool, rest, weights.astype(np.int32), people)
    return {name: found[name] for name in specs}


def people_by_image(matches: Matches) -> Float64Array:
    """(I, C, A) annotations that count."""
    shape = len(matches.image_ids), len(matches.class_names), len(matches.area_names)
    count = np.zeros(shape)
    at = matches.people_image_index, matches.people_class_ids
    np.add.at(count, at, (~matches.people_ignored).astype(np.float64))
    return count


def ranked(matches: Matches, class_id: int) -> IntArray:
    """Positions of a class's detections, best first."""
    rows = np.flatnonzero(matches.class_ids == class_id)
    return rows[falling(matches.scores[rows])]


def _ranking(matches: Matches, class_id: int) -> Ranking:
    rows = ranked(matches, class_id)
    shape = len(matches.area_names), len(matches.thresholds)
    right, counted = np.zeros((2, *shape, len(rows)), np.bool_)
    for area in range(shape[0]):
        for t in range(shape[1]):
            bit = matches.bit(area, t)
            counted[area, t] = (matches.ignored[rows] & bit) == 0
            right[area, t] = ((matches.matched[rows] & bit) != 0) & counted[area, t]
    return Ranking(matches.image_index[rows], matches.ranks[rows], right, counted)


def _merged(one: Ranking, other: Ranking, images: int) -> Ranking:
    places = np.concatenate([np.arange(len(r.columns)) for r in (one, other)])
    order = np.argsort(places, kind="stable")
    return Ranking(
        columns=np.concatenate([one.columns, other.columns + images])[order],
        ranks=np.concatenate([one.ranks, other.ranks])[order],
        right=np.concatenate([one.right, other.right], axis=2)[:, :, order],
        counted=np.concatenate([one.counted, other.counted], axis=2)[:, :, order],
    )


def _mean_precisions(
    pool: Pool, specs: Mapping[str, FigureSpec], weights: Counts, people: Float64Array
) -> dict[str, Float64Array]:
    """(R,) each AP, computed in blocks of replicates."""
    longest = max(len(ranking.columns) for ranking in pool.rankings)
    step = max(_SUMS_AT_ONCE // (longest + len(RECALLS)), 1)

    def block(start: int) -> dict[str, Float64Array]:
        rows = slice(start, start + step)
        return _block(pool, specs, weights[rows], people[rows])

    if not specs:
        return {}
    found = in_two_threads(block, range(0, len(weights), step))
    return {name: np.concatenate([part[name] for part in found]) for name in specs}


def _block(
    pool: Pool, specs: Mapping[str, FigureSpec], weights: Counts, people: Float64Array
) -> dict[str, Float64Array]:
    found = {}
    for area in sorted({spec.area for spec in specs.values()}):
        precision = _precisions(pool, area, weights, people[:, :, area])
        for name, spec in specs.items():
            if spec.area == area:
                chosen = slice(None) if spec.threshold is None else [spec.threshold]
                found[name] = _mean(precision[:, chosen])
    return found


def _mean_recall(
    pool: Pool, spec: FigureSpec, weights: Float64Array, people: Float64Array
) -> Float64Array:
    """(R,) one AR."""
    limit, total = pool.max_dets[spec.max_dets], people[:, :, spec.area]
    chosen = slice(None) if spec.threshold is None else [spec.threshold]
    hits = [
        weights @ _right_by_column(r, spec.area, limit, weights.shape[1]) for r in pool.rankings
    ]
    values = np.stack(hits, axis=2)[:, chosen]
    whole = np.broadcast_to(total[:, None], values.shape)
    return _mean(np.divide(values, whole, out=np.full(values.shape, np.nan), where=whole > 0))


def _right_by_column(ranking: Ranking, area: int, limit: int, columns: int) -> Float64Array:
    """(W, T) right detections among the best of each picture."""
    allowed = ranking.right[area] & (ranking.ranks < limit)
    counts = [np.bincount(ranking.columns[row], minlength=columns) for row in allowed]
    return np.stack(counts, axis=1).astype(np.float64)


def _mean(values: Float64Array) -> Float64Array:
    """(r,) mean of all that exist; one run of memory a replicate, since sums depend on it."""
    flat = np.ascontiguousarray(values.reshape(len(values), -1))
    absent = np.isnan(flat).any(axis=1)
    found = flat.mean(axis=1)
    for row in np.flatnonzero(absent):
        present = flat[row][~np.isnan(flat[row])]
        found[row] = present.mean() if len(present) else np.nan
    return np.asarray(found)


def _precisions(pool: Pool, area: int, weights: Counts, people: Float64Array) -> Float64Array:
    """(r, T, 101, C) precision at the recalls, NaN where there are no people."""
    thresholds = pool.rankings[0].right.shape[1]
    found = np.empty((len(weights), thresholds, len(RECALLS), len(pool.rankings)))
    for c, ranking in enumerate(pool.rankings):
        total = people[:, c]
        seen = _Seen.of(ranking, area, weights)
        for t in range(thresholds):
            right = np.flatnonzero(ranking.right[area, t])
            hits = _running(weights, ranking.columns[right])
            found[:, t, :, c] = _interpolated(hits, seen.until(right, t), total)
        found[total == 0, :, :, c] = np.nan
    return found


@dataclass(frozen=True, eq=False)
class _Seen:
    """Weights of the detections that count, summed from the best down.

    Which detections count hardly depends on the threshold: the sums over those that count at the
    highest one are shared, and each other threshold adds and takes away its own few.
    """

    ranking: Ranking
    area: int
    weights: Counts
    base: IntArray
    sums: Counts

    @classmethod
    def of(cls, ranking: Ranking, area: int, weights: Counts) -> _Seen:
        base = np.flatnonzero(ranking.counted[area, -1])
        sums = _running(weights, ranking.columns[base], lead=True)
        return cls(ranking, area, weights, base, sums)

    def until(self, positions: IntArray, t: int) -> Counts:
        """(r, P) weight of the counted detections up to each position, itself included."""
        counted = self.ranking.counted[self.area]
        at = np.searchsorted(self.base, positions, side="right")
        found = _columns(self.sums, at)
        for sign, differing in (
            (1, np.flatnonzero(counted[t] & ~counted[-1])),
            (-1, np.flatnonzero(counted[-1] & ~counted[t])),
        ):
            if len(differing):
                more = _running(self.weights, self.ranking.columns[differing], lead=True)
                at = np.searchsorted(differing, positions, side="right")
                found += sign * _columns(more, at)
        return found


def _columns(values: Counts, columns: IntArray) -> Counts:
    """(r, N) some columns; none lies outside, and not to look for one is faster."""
    return values.take(columns, axis=1, mode="clip")


def _running(weights: Counts, columns: IntArray, *, lead: bool = False) -> Counts:
    """(r, N) running sums of the weights in some columns, or (r, N + 1) from a leading 0."""
    sums = np.zeros((len(weights), len(columns) + lead), np.int32)
    gathered = _columns(weights, columns)
    np.cumsum(gathered, axis=1, dtype=np.int32, out=sums[:, int(lead) :])
    return sums


def _interpolated(hits: Counts, seen: Counts, people: Float64Array) -> Float64Array:
    """(r, 101) highest precision at each recall or a higher one, 0 where it is not reached.

    Args:
        hits: (r, P) running sums at the P right detections.
        seen: (r, P) of all counted ones there.
        people: (r,) weight of the people, at least 1.
    """
    rows, points = hits.shape
    highest = np.zeros((rows, points + 1))
    np.divide(hits, seen + _EPSILON, out=highest[:, :points])
    flipped = highest[:, ::-1]
    np.maximum.accumulate(flipped, axis=1, out=flipped)
    at = _first_reaching(hits, people)
    return np.take_along_axis(highest, at, axis=1)


def _first_reaching(hits: Counts, people: Float64Array) -> IntArray:
    """(r, 101) position of the first right detection that reaches each recall, P if none."""
    needed = _hits_needed(people)
    rows, points = hits.shape
    step = int(max(hits.max(initial=0), needed.max(initial=0))) + 1
    lift = (np.arange(rows) * step)[:, None]
    lifted, wanted = hits + lift, needed + lift
    found = np.searchsorted(lifted.ravel(), wanted.ravel(), side="left").reshape(wanted.shape)
    return np.asarray(found - (np.arange(rows) * points)[:, None], np.int64)


def _hits_needed(people: Float64Array) -> IntArray:
    """(r, 101) fewest hits whose quotient by the people is not below each recall.

    The quotient is rounded, so the estimate is corrected by the very comparison that it is for.
    """
    total = np.maximum(people, 1.0)[:, None]
    needed = np.ceil(RECALLS * total)
    needed += needed / total < RECALLS
    needed -= (needed > 0) & ((needed - 1) / total >= RECALLS)
    return np.asarray(needed, np.int64)
