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

from posebench.types import BoolArray, Float32Array, Float64Array, GroundTruth, IntArray

_EPSILON = float(np.spacing(1))


@dataclass(frozen=True, eq=False)
class Extents:
    """Axis-parallel bounds of N sets of points.

    Attributes:
        low: (2, N) smallest x and y, px.
        high: (2, N) largest x and y, px.
    """

    low: Float64Array
    high: Float64Array

    @classmethod
    def of(cls, keypoints: Float64Array) -> Extents:
        """Bounds of (N, K, 2) keypoints."""
        xy = np.ascontiguousarray(keypoints.transpose(1, 2, 0))
        return cls(xy.min(axis=0), xy.max(axis=0))

    @property
    def areas(self) -> Float64Array:
        """(N,) width times height, px²."""
        with np.errstate(over="ignore"):
            width, height = self.high - self.low
            return np.asarray(width * height)


@dataclass(frozen=True, eq=False)
class Sieve:
    """A single-precision OKS that throws out pairs which are far from similar enough.

    Differences are taken in double precision, so its error stays below 1e-5 for any coordinates.

    Attributes:
        xy: (2, G, K) annotated coordinates in the skeleton's order, px.
        inverse: (G, K) 1 / (2 (2 · sigma)² s²).
        weight: (G, K) 1 / count where labelled, 0 elsewhere.
        usable: (G,) the numbers fit single precision and there is a labelled keypoint.
    """

    xy: Float64Array
    inverse: Float32Array
    weight: Float32Array
    usable: BoolArray

    @classmethod
    def of(
        cls,
        points: Float64Array,
        labelled: BoolArray,
        variances: Float64Array,
        scale: Float64Array,
    ) -> Sieve:
        """Prepare (G, K, 3) points with K variances and G scales."""
        with np.errstate(over="ignore", under="ignore", divide="ignore"):
            inverse = 1 / (2 * variances * scale[:, None])
            inverse32 = inverse.astype(np.float32)
        count = labelled.sum(axis=1, keepdims=True)
        fits = ((inverse > 1e-30) & (inverse < 1e30)).all(axis=1)
        return cls(
            xy=np.ascontiguousarray(points[:, :, :2].transpose(2, 0, 1)),
            inverse=inverse32,
            weight=(labelled / np.maximum(count, 1)).astype(np.float32),
            usable=fits & (count[:, 0] > 0),
        )

    def below(
        self, detected: Float64Array, detections: IntArray, people: IntArray, floor: float
    ) -> BoolArray:
        """(P,) whether the OKS of a pair is certainly below ``floor``."""
        squared = np.zeros((len(people), self.inverse.shape[1]), np.float32)
        for axis in (0, 1):
            difference = detected[axis].take(detections, axis=0)
            difference -= self.xy[axis].take(people, axis=0)
            single = difference.astype(np.float32)
            single *= single
            squared += single
        squared *= self.inverse.take(people, axis=0)
        np.negative(squared, out=squared)
        np.exp(squared, out=squared)
        oks = np.einsum("ij,ij->i", squared, self.weight.take(people, axis=0))
        return np.asarray((oks < floor - 1e-4) & self.usable.take(people))


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
        xy = np.stack([np.take_along_axis(points[:, :, i], order, axis=1) for i in (0, 1)])
        return cls(
            count=np.count_nonzero(labelled, axis=1),
            order=order,
            xy=xy,
            variances=variances[order],
            scale=ground_truth.areas + _EPSILON,
            extents=_target_extents(points, labelled, ground_truth.boxes),
            sieve=Sieve.of(points, labelled, variances, ground_truth.areas + _EPSILON),
        )


def _target_extents(points: Float64Array, labelled: BoolArray, boxes: Float64Array) -> Extents:
    # Reducing along the first axis is several times faster than along a short last one.
    xy = np.ascontiguousarray(points[:, :, :2].transpose(1, 2, 0))
    hidden = ~np.ascontiguousarray(labelled.T)[:, None, :]
    low = np.where(hidden, np.inf, xy).min(axis=0)
    high = np.where(hidden, -np.inf, xy).max(axis=0)
    corner, size = boxes[:, :2].T, boxes[:, 2:].T
    none = ~labelled.any(axis=1)
    return Extents(np.where(none, corner - size, low), np.where(none, corner + size * 2, high))


@dataclass(frozen=True, eq=False)
class OksPairs:
    """OKS of pairs of a detection and a person, computed only where it can reach a floor.

    Attributes:
        xy: (2, D, K) contiguous detected coordinates, px.
        detected: Bounds of the D detections.
        targets: The annotated people.
        floor: Pairs that cannot reach this OKS are given 0 without computing it.
    """

    xy: Float64Array
    detected: Extents
    targets: Targets
    floor: float

    def __call__(self, detections: IntArray, people: IntArray) -> Float64Array:
        """(P,) OKS of P pairs, 0 where it is certainly below the floor."""
        similarity = np.zeros(len(detections))
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            near = np.flatnonzero(self._may_reach_floor(detections, people))
            inside = self._inside_doubled_box(detections[near], people[near])
            similarity[near[inside]] = 1.0
            near = near[~inside]
            below = self.targets.sieve.below(self.xy, detections[near], people[near], self.floor)
            near = near[~below]
            counts = self.targets.count[people[near]]
            for count in np.unique(counts):
                rows = near[counts == count]
                terms = self.similarities(detections[rows], people[rows], int(count))
                similarity[rows] = np.sum(terms, axis=1) / terms.shape[1]
        return similarity

    def similarities(self, detections: IntArray, people: IntArray, count: int) -> Float64Array:
        """(P, count) similarity of each labelled keypoint, in the order of ``Targets.order``.

        Args:
            detections: (P,) rows of the detections.
            people: (P,) rows of the people, each with ``count`` labelled keypoints.
            count: Number of labelled keypoints; with 0 all K are measured to the doubled box.
        """
        targets = self.targets
        columns = count or self.xy.shape[2]
        dx, dy = self._distances(detections, people, count)
        with np.errstate(over="ignore", under="ignore"):  # Far away is infinitely far.
            error = dx**2 + dy**2
            error /= targets.variances[people, :columns]
            error /= targets.scale[people, None]
            error /= 2
            similarity: Float64Array = np.exp(-error)
        return similarity

    def _distances(
        self, detections: IntArray, people: IntArray, count: int
    ) -> tuple[Float64Array, Float64Array]:
        targets = self.targets
        points = self.xy.shape[2]
        columns = targets.order[people, : count or points]
        flat = detections[:, None] * points + columns
        x, y = (self.xy[axis].ravel().take(flat) for axis in (0, 1))
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
        low_fits = self.detected.low[:, detections] >= targets.extents.low[:, people]
        high_fits = self.detected.high[:, detections] <= targets.extents.high[:, people]
        inside[rows] = (low_fits & high_fits).all(axis=0)
        return np.asarray(inside)


def _outside(value: Float64Array, low: Float64Array, high: Float64Array) -> Float64Array:
    """Distance of ``value`` to the interval, 0 inside."""
    distance: Float64Array = np.maximum(0.0, low - value) + np.maximum(0.0, value - high)
    return distance
