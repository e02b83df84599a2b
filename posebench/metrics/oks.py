"""Object keypoint similarity (OKS), to the last bit as pycocotools computes it.

The formula is that of the COCO keypoint challenge (https://cocodataset.org/#keypoints-eval). With
d_i the distance in pixels between the detected and the annotated keypoint i, s² the annotation's
area and sigma_i the keypoint's standard deviation::

    similarity_i = exp(-d_i² / (2 · s² · (2 · sigma_i)²))
    OKS          = mean of similarity_i over the labelled keypoints (v > 0)

A person without a labelled keypoint has no distances; d_i is then the distance of the detected
keypoint to the annotation's box, doubled about its centre, and the mean runs over all K.
Floating-point sums depend on their order, so the labelled keypoints are summed as one contiguous
row and every division stands where pycocotools has it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posebench.metrics.sieve import Extents, Sieve
from posebench.metrics.threads import in_two_threads
from posebench.types import BoolArray, Float64Array, FloatArray, GroundTruth, IntArray

_PAIRS_AT_ONCE = 4096
"""So many give both threads equal work, in memory that is used again."""
_EPSILON = float(np.spacing(1))


@dataclass(frozen=True, eq=False)
class Targets:
    """Annotated people prepared for the OKS. G people.

    Attributes:
        count: (G,) labelled keypoints of each.
        order: (G, K) keypoint indices, the labelled ones first, each part ascending.
        xy: (2, G, K) coordinates in that order, px.
        variances: (G, K) (2 · sigma)² in that order.
        scale: (G,) area plus the spacing of 1, px².
        extents: Bounds of the labelled keypoints, or the doubled box where there are none.
        sieve: What the single-precision test needs.
    """

    count: IntArray
    order: IntArray
    xy: Float64Array
    variances: Float64Array
    scale: Float64Array
    extents: Extents
    sieve: Sieve

    @classmethod
    def of(cls, ground_truth: GroundTruth, sigmas: Float64Array) -> Targets:
        """Prepare the people of ``ground_truth`` with K ``sigmas``."""
        points = ground_truth.keypoints
        labelled = points[:, :, 2] > 0
        order = np.argsort(~labelled, axis=1, kind="stable")
        variances = (sigmas * 2) ** 2
        count = np.count_nonzero(labelled, axis=1)
        flat = (np.arange(len(order))[:, None] * order.shape[1] + order) * 3
        xy = np.stack([points.ravel().take(flat + axis) for axis in (0, 1)])
        return cls(
            count=count,
            order=order,
            xy=xy,
            variances=variances[order],
            scale=ground_truth.areas + _EPSILON,
            extents=_target_extents(xy, count, ground_truth.boxes),
            sieve=Sieve.of(points, labelled, variances, ground_truth.areas + _EPSILON),
        )


def _target_extents(xy: Float64Array, count: IntArray, boxes: Float64Array) -> Extents:
    """Bounds of the first ``count`` of (2, G, K) points, or of the doubled box where it is 0."""
    labelled = np.arange(xy.shape[2]) < count[:, None]
    points = Extents.of(np.where(labelled, xy, xy[:, :, :1]).transpose(1, 2, 0))
    corner, size = boxes[:, :2].T, boxes[:, 2:].T
    low = np.where(count == 0, corner - size, points.low)
    return Extents(low, np.where(count == 0, corner + size * 2, points.high))


@dataclass(frozen=True, eq=False)
class OksPairs:
    """OKS of pairs of a detection and a person.

    Attributes:
        keypoints: (D, K, 2) contiguous detected coordinates, px.
        detected: Bounds of the D detections.
        targets: The annotated people.
        floor: Pairs that cannot reach this OKS are not plausible.
    """

    keypoints: FloatArray
    detected: Extents
    targets: Targets
    floor: float

    def plausible(self, detections: IntArray, people: IntArray) -> BoolArray:
        """(P,) whether the OKS of a pair may reach the floor."""
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            may_reach = self._may_reach_floor(detections, people)
            near = np.flatnonzero(may_reach)
            may_reach[near] = ~self.targets.sieve.below(
                self.keypoints, detections[near], people[near], self.floor
            )
        return may_reach

    def __call__(self, detections: IntArray, people: IntArray) -> Float64Array:
        """(P,) OKS of P pairs."""
        similarity = np.ones(len(detections))
        rest = np.flatnonzero(~self._inside_doubled_box(detections, people))

        def fill(rows: IntArray) -> None:
            terms = self.similarities(detections[rows], people[rows])
            similarity[rows] = np.sum(terms, axis=1) / terms.shape[1]

        groups = self.by_count(people, rest)
        in_two_threads(
            fill,
            [g[i : i + _PAIRS_AT_ONCE] for g in groups for i in range(0, len(g), _PAIRS_AT_ONCE)],
        )
        return similarity

    def by_count(self, people: IntArray, pairs: IntArray) -> list[IntArray]:
        """Split pairs by the number of labelled keypoints of their ``people``."""
        counts = self.targets.count[people[pairs]].astype(np.uint16)
        order = np.argsort(counts, kind="stable")
        groups = np.split(pairs[order], np.flatnonzero(np.diff(counts[order])) + 1)
        return [group for group in groups if len(group)]

    def similarities(self, detections: IntArray, people: IntArray) -> Float64Array:
        """(P, count) similarity of each labelled keypoint, in the order of ``Targets.order``.

        Args:
            detections: (P,) rows of the detections.
            people: (P,) rows of the people, all with the same number of labelled keypoints; if
                that is 0, all K are measured to the doubled box.
        """
        targets = self.targets
        count = int(targets.count[people[0]])
        columns = count or self.keypoints.shape[1]
        dx, dy = self._distances(detections, people, count)
        with np.errstate(over="ignore", under="ignore"):  # Far away is infinitely far.
            error = dx**2 + dy**2
            error /= targets.variances[people, :columns]
            error /= targets.scale[people, None]
            error /= 2
            similarity: Float64Array = np.exp(-error)
        return similarity

    def by_keypoint(self, detections: IntArray, people: IntArray) -> Float64Array:
        """(P, K) similarity of each keypoint in P pairs, -1 where it is not labelled."""
        targets = self.targets
        found = np.full((len(people), self.keypoints.shape[1]), -1.0)
        for chosen in self.by_count(people, np.flatnonzero(targets.count[people] > 0)):
            terms = self.similarities(detections[chosen], people[chosen])
            found[chosen[:, None], targets.order[people[chosen], : terms.shape[1]]] = terms
        return found

    def _distances(
        self, detections: IntArray, people: IntArray, count: int
    ) -> tuple[Float64Array, Float64Array]:
        targets = self.targets
        points = self.keypoints.shape[1]
        columns = targets.order[people, : count or points]
        flat = (detections[:, None] * points + columns) * 2
        x, y = (self.keypoints.ravel().take(flat + axis) for axis in (0, 1))
        if count:
            return x - targets.xy[0, people, :count], y - targets.xy[1, people, :count]
        low, high = targets.extents.low[:, people, None], targets.extents.high[:, people, None]
        return _outside(x, low[0], high[0]), _outside(y, low[1], high[1])

    def _may_reach_floor(self, detections: IntArray, people: IntArray) -> BoolArray:
        """Whether at least one keypoint can be similar enough, judged by the bounds alone.

        A mean of at least ``floor`` needs one similarity of at least ``floor``, and no keypoint
        is nearer than the gap between the two bounds.
        """
        targets = self.targets
        largest = targets.variances.max(initial=0.0)
        reach = -np.log(self.floor) * 2 * largest * targets.scale * (1 + 1e-6)
        gap = np.zeros(len(detections))
        for axis in (0, 1):
            one = targets.extents.low[axis].take(people)
            one -= self.detected.high[axis].take(detections)
            other = self.detected.low[axis].take(detections)
            other -= targets.extents.high[axis].take(people)
            np.maximum(one, other, out=one)
            np.maximum(one, 0, out=one)
            gap += one * one
        return np.asarray(~(gap > reach.take(people)))

    def _inside_doubled_box(self, detections: IntArray, people: IntArray) -> BoolArray:
        """Whether every distance is 0, because nothing is labelled and all lies in the box."""
        targets = self.targets
        inside = targets.count.take(people) == 0
        rows = np.flatnonzero(inside)
        detections, people = detections[rows], people[rows]
        one, other = self.detected, targets.extents
        low_fits = one.low.take(detections, axis=1) >= other.low.take(people, axis=1)
        high_fits = one.high.take(detections, axis=1) <= other.high.take(people, axis=1)
        inside[rows] = (low_fits & high_fits).all(axis=0)
        return np.asarray(inside)


def _outside(value: FloatArray, low: Float64Array, high: Float64Array) -> Float64Array:
    """Distance of ``value`` to the interval, 0 inside."""
    distance: Float64Array = np.maximum(0.0, low - value) + np.maximum(0.0, value - high)
    return distance
