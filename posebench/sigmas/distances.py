"""How far two placements of the same keypoint lie apart: what every estimate is made of."""

from __future__ import annotations

from dataclasses import dataclass

from posebench.types import Float64Array, IntArray


@dataclass(frozen=True, eq=False)
class Distances:
    """Pairs of placements of one person's K keypoints. P pairs on I pictures.

    Attributes:
        squared: (P, K) d² / s²: squared distance over the person's area; NaN where a keypoint is
            not labelled in both.
        weights: (P, K) number of independent deviations that a distance stands for: 1 between two
            placements, 2 / n between any two of n.
        image_index: (P,) picture of each, 0..I - 1; every picture has a pair.
        images: I.
        errors: How many placement errors a distance contains: 2 between two annotators, 1 between
            a model and its labels, whose errors are not told apart.
    """

    squared: Float64Array
    weights: Float64Array
    image_index: IntArray
    images: int
    errors: int
