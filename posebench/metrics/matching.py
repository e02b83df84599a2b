"""Greedy matching of detections to annotations, at all thresholds and areas at once.

In each image and class the best-scored detection chooses first. At every threshold it takes the
most similar annotation that is still free, the later one of equals, and prefers any annotation
that counts to any that is ignored; a crowd is never used up. Each (area range, threshold) is one
bit of a 64-bit word, and the k-th best detections of all images choose in the same step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from posebench.metrics.matches import Bits
from posebench.metrics.ordering import falling, rising
from posebench.metrics.threads import in_two_threads
from posebench.types import BoolArray, Float64Array, IntArray

_PAIRS_AT_ONCE = 1 << 14


class Similarity(Protocol):
    """How well a detection fits an annotation. Both methods take P rows of each, as pairs."""

    def plausible(self, detections: IntArray, people: IntArray) -> BoolArray:
        """(P,) whether a pair needs to be looked at; False only where it cannot match."""

    def __call__(self, detections: IntArray, people: IntArray) -> Float64Array:
        """(P,) similarity."""


@dataclass(frozen=True, eq=False)
class Ranking:
    """Detections in scoring order and the people each of them meets.

    Attributes:
        rows: (D,) rows of the detections, by group, then falling score, then file order.
        ranks: (D,) zero-based rank in the group.
        people: (G,) rows of the people, by group, then file order.
        first: (D,) position in ``people`` of the first one in the detection's group.
        count: (D,) number of people in the detection's group.
    """

    rows: IntArray
    ranks: IntArray
    people: IntArray
    first: IntArray
    count: IntArray


def rank(groups: IntArray, scores: Float64Array, people_groups: IntArray, limit: int) -> Ranking:
    """Order detections in their groups (image and class) and drop those past ``limit``.

    Args:
        groups: (N,) group of each detection; groups are ranked in ascending order.
        scores: (N,) finite scores.
        people_groups: (G,) group of each annotation.
        limit: Detections kept a group.
    """
    rows = falling(scores)
    rows = rows[rising(groups[rows])]
    ordered = groups[rows]
    ranks = np.arange(len(rows)) - np.searchsorted(ordered, ordered, side="left")
    kept = ranks < limit
    rows, ranks, ordered = rows[kept], ranks[kept], ordered[kept]
    people = rising(people_groups)
    sorted_groups = people_groups[people]
    first = np.searchsorted(sorted_groups, ordered, side="left")
    last = np.searchsorted(sorted_groups, ordered, side="right")
    return Ranking(rows, ranks, people, first, last - first)


@dataclass(frozen=True, eq=False)
class Candidates:
    """Pairs similar enough to match, best first for each detection. P pairs.

    Attributes:
        detections: (P,) position in the ranking.
        people: (P,) row of the annotation.
        similarity: (P,) at least the lowest threshold.
    """

    detections: IntArray
    people: IntArray
    similarity: Float64Array


def candidates(ranking: Ranking, similarity: Similarity, lowest: float) -> Candidates:
    """Every pair of one group whose similarity reaches ``lowest``."""

    def near(block: tuple[int, int]) -> tuple[IntArray, IntArray]:
        positions, people = _pairs(ranking, *block)
        kept = np.flatnonzero(similarity.plausible(ranking.rows[positions], people))
        return positions[kept], people[kept]

    found = in_two_threads(near, _blocks(ranking))
    positions, people = (np.concatenate([pair[i] for pair in found]) for i in (0, 1))
    value = similarity(ranking.rows[positions], people)
    enough = np.flatnonzero(~(value < lowest))
    positions, people, value = positions[enough], people[enough], value[enough]
    # Of equals the annotation later in the file, here also the later one, is the better one.
    order = np.arange(len(value))[::-1]
    order = order[falling(value[order])]
    order = order[rising(positions[order])]
    return Candidates(positions[order], people[order], value[order])


def _blocks(ranking: Ranking) -> Iterator[tuple[int, int]]:
    """Ranges of detections with some ten thousand pairs each, at least one range."""
    ends = np.cumsum(ranking.count)
    total = int(ends[-1]) if len(ends) else 0
    cuts = np.searchsorted(ends, np.arange(_PAIRS_AT_ONCE, total, _PAIRS_AT_ONCE), side="left")
    edges = [*np.unique([0, *(cuts + 1)]).tolist(), len(ends)]
    return pairwise(edges)


def _pairs(ranking: Ranking, start: int, stop: int) -> tuple[IntArray, IntArray]:
    """All pairs of one group: position in the ranking, row of the annotation."""
    count = ranking.count[start:stop]
    positions = np.repeat(np.arange(start, stop), count)
    before = np.cumsum(count) - count
    places = np.arange(len(positions)) + np.repeat(ranking.first[start:stop] - before, count)
    return positions, ranking.people[places]


@dataclass(frozen=True, eq=False)
class Assignment:
    """Result of the greedy choice.

    Attributes:
        taken: (P,) bits in which a candidate pair was matched.
        candidates: The P pairs.
    """

    taken: Bits
    candidates: Candidates


def assign(
    ranks: IntArray,
    pairs: Candidates,
    allowed: Bits,
    ignored: Bits,
    is_crowd: BoolArray,
) -> Assignment:
    """Let detections choose among their candidates, in the order of their ranks.

    Args:
        ranks: (D,) rank of each detection in its group.
        pairs: P candidates, best first for each detection.
        allowed: (P,) bits at whose threshold a pair is similar enough.
        ignored: (G,) bits in which an annotation does not count.
        is_crowd: (G,) annotations that any number of detections may match.
    """
    taken = np.zeros(len(allowed), np.uint64)
    free = np.full(len(ignored), ~np.uint64(0))
    undecided = np.full(len(ranks), ~np.uint64(0))
    usable = allowed & ~ignored[pairs.people], allowed & ignored[pairs.people]
    used_up = np.where(is_crowd, np.uint64(0), ~np.uint64(0))[pairs.people]
    for choices in _rounds(ranks, pairs.detections):
        for bits in usable:
            for rows in choices:
                detections, people = pairs.detections[rows], pairs.people[rows]
                won = bits[rows] & free[people] & undecided[detections]
                undecided[detections] &= ~won
                free[people] &= ~(won & used_up[rows])
                taken[rows] |= won
    return Assignment(taken, pairs)


def _rounds(ranks: IntArray, detections: IntArray) -> Iterator[list[IntArray]]:
    """Candidates by the rank of their detection, in each by their place in its list.

    The candidates of one element belong to different groups and so cannot compete.
    """
    if not len(detections):
        return
    place = np.arange(len(detections)) - np.searchsorted(detections, detections, side="left")
    rank_of = ranks[detections]
    order = rising(rank_of * len(detections) + place)
    new_rank = np.diff(rank_of[order], prepend=-1) != 0
    new_place = new_rank | (np.diff(place[order], prepend=-1) != 0)
    steps = np.split(order, np.flatnonzero(new_place)[1:])
    starts = np.flatnonzero(new_rank[new_place])
    for start, stop in zip(starts, [*starts[1:], len(steps)], strict=True):
        yield steps[start:stop]
