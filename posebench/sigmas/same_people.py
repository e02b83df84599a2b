"""Which annotations of several files are the same person. Boxes alone decide.

A keypoint must not decide whether it is counted, or far deviations would be left out. Links between
the files run from the highest IoU down; each joins two annotations, and whom they are joined to
already, unless one file would then have the person twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from posebench.metrics.boxes import IouPairs
from posebench.metrics.matching import candidates, rank
from posebench.metrics.ordering import falling
from posebench.sigmas.same_pictures import Annotator, SharedPictures
from posebench.types import Float64Array, IntArray

LEAST_IOU = 0.5
"""Of two boxes of one person, as PASCAL VOC has it for a detection."""


@dataclass(frozen=True, eq=False)
class _Drawn:
    """The annotations of one file that may be somebody's.

    Attributes:
        rows: (N,) rows in the file: on shared pictures, no crowds.
        groups: (N,) picture and class; only within one can two be the same person.
        boxes: (N, 4) x, y, width, height, px.
    """

    rows: IntArray
    groups: IntArray
    boxes: Float64Array


def same_people(annotators: Sequence[Annotator], pictures: SharedPictures) -> IntArray:
    """Join the annotations of F files.

    Returns:
        (P, F) row of each person in each file, or -1 where it is not; everybody is in at least
        two files.
    """
    drawn = [
        _drawn(annotator, index, pictures.count)
        for annotator, index in zip(annotators, pictures.image_index, strict=True)
    ]
    starts = np.cumsum([0, *(len(one.rows) for one in drawn)])
    file_of = np.repeat(np.arange(len(drawn)), np.diff(starts))
    clusters = _joined(_links(drawn, starts), file_of.tolist())
    rows = np.concatenate([one.rows for one in drawn])
    members = np.full((len(clusters), len(drawn)), -1, np.int64)
    for person, cluster in enumerate(clusters):
        members[person, file_of[cluster]] = rows[cluster]
    return members


def _drawn(annotator: Annotator, index: IntArray, count: int) -> _Drawn:
    content = annotator.content
    rows = np.flatnonzero((index >= 0) & ~content.is_crowd)
    groups = content.class_ids[rows] * count + index[rows]
    return _Drawn(rows, groups, content.boxes[rows])


def _links(drawn: Sequence[_Drawn], starts: IntArray) -> list[tuple[int, int]]:
    """Pairs of annotations of different files whose boxes overlap enough, the highest IoU first."""
    ones, others, overlaps = [], [], []
    for a, b in combinations(range(len(drawn)), 2):
        one, other = drawn[a], drawn[b]
        count = len(one.rows)
        ranking = rank(one.groups, np.zeros(count), other.groups, limit=count)
        nobody = np.zeros(len(other.rows), np.bool_)
        found = candidates(ranking, IouPairs(one.boxes, other.boxes, nobody), LEAST_IOU)
        ones.append(ranking.rows[found.detections] + starts[a])
        others.append(found.people + starts[b])
        overlaps.append(found.similarity)
    order = falling(np.concatenate(overlaps))
    pairs = np.concatenate(ones)[order].tolist(), np.concatenate(others)[order].tolist()
    return list(zip(*pairs, strict=True))


def _joined(links: Sequence[tuple[int, int]], file_of: Sequence[int]) -> list[list[int]]:
    """Clusters of at least two annotations, none with two of one file."""
    cluster_of = [[index] for index in range(len(file_of))]
    for one, other in links:
        first, second = cluster_of[one], cluster_of[other]
        if first is second or {file_of[i] for i in first} & {file_of[i] for i in second}:
            continue
        first += second
        for index in second:
            cluster_of[index] = first
    distinct = {id(cluster): cluster for cluster in cluster_of if len(cluster) > 1}
    return list(distinct.values())
