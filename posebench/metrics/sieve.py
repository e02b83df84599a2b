"""Cheap tests that tell which detections cannot be similar to which people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posebench.metrics.threads import in_two_threads
from posebench.types import BoolArray, Float32Array, Float64Array, FloatArray, IntArray

_PEOPLE_AT_ONCE = 1024
"""Few enough for a block of coordinates to stay in the processor's second cache."""


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
    def of(cls, keypoints: FloatArray) -> Extents:
        """Bounds of (N, K, 2) keypoints."""
        bounds = cls(np.empty((2, len(keypoints))), np.empty((2, len(keypoints))))

        def fill(start: int) -> None:
            rows = slice(start, start + _PEOPLE_AT_ONCE)
            # Reducing along the first axis is several times faster than along a short last one.
            xy = np.ascontiguousarray(keypoints[rows].transpose(1, 2, 0))
            xy.min(axis=0, out=bounds.low[:, rows])
            xy.max(axis=0, out=bounds.high[:, rows])

        in_two_threads(fill, range(0, len(keypoints), _PEOPLE_AT_ONCE))
        return bounds

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
        xy: (G, K, 2) annotated coordinates in the skeleton's order, px.
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
        count = np.count_nonzero(labelled, axis=1)[:, None]
        fits = ((inverse > 1e-30) & (inverse < 1e30)).all(axis=1)
        return cls(
            xy=np.stack([points[:, :, 0], points[:, :, 1]], axis=2),
            inverse=inverse32,
            weight=labelled * (1 / np.maximum(count, 1)).astype(np.float32),
            usable=fits & (count[:, 0] > 0),
        )

    def below(
        self,
        detected: FloatArray,
        detections: IntArray,
        people: IntArray,
        floor: float,
    ) -> BoolArray:
        """(P,) whether the OKS of a pair is certainly below ``floor``."""
        difference = np.subtract(detected.take(detections, axis=0), self.xy.take(people, axis=0))
        single = difference.astype(np.float32)
        single *= single
        squared = single[:, :, 0] + single[:, :, 1]
        squared *= self.inverse.take(people, axis=0)
        np.negative(squared, out=squared)
        np.exp(squared, out=squared)
        oks = np.einsum("ij,ij->i", squared, self.weight.take(people, axis=0))
        return np.asarray((oks < floor - 1e-4) & self.usable.take(people))
