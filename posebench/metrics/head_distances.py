"""Distances of predicted joints in heads, enough to compute every PCKh again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from posebench.errors import InputError
from posebench.metrics.arrays_file import ArraysFormat
from posebench.types import BoolArray, Float64Array, FloatArray, IntArray

_FORMAT = ArraysFormat(1, file="file of distances", name="distances of format")


@dataclass(frozen=True, eq=False)
class HeadDistances:
    """How far each joint of G annotated people was predicted from its place. K joints, U units.

    Attributes:
        distances: (G, K) float64, distance / head size; infinite for a person whom nobody
            predicted, 0 where the joint is not visible or not predicted by the model at all.
        visible: (G, K) whether the joint is annotated.
        predicted: (K,) whether the model predicts the joint at all.
        unit_index: (G,) int64 position of each person's unit in ``unit_ids``.
        unit_ids: (U,) int64 ids of what the bootstrap draws: pictures, or people where it is not
            known who shares a picture.
    """

    distances: Float64Array
    visible: BoolArray
    predicted: BoolArray
    unit_index: IntArray
    unit_ids: IntArray

    def save(self, path: Path) -> None:
        """Write to an ``.npz`` without pickles, whole or not at all."""
        _FORMAT.save(self, path)

    @classmethod
    def load(cls, path: Path) -> HeadDistances:
        """Read what ``save`` wrote.

        Raises:
            InputError: Not such a file, damaged, or written by another format version.
        """
        return _FORMAT.load(cls, path)


def head_distances(
    predicted: FloatArray,
    annotated: Float64Array,
    visible: BoolArray,
    head_sizes: Float64Array,
) -> Float64Array:
    """(G, K) Euclidean distances in heads, 0 where a joint is not visible.

    Args:
        predicted: (G, K, 2) px, in the coordinates of ``annotated``; the rows of people whom
            nobody predicted are infinite.
        annotated: (G, K, 2) px; not looked at where the joint is not visible.
        visible: (G, K).
        head_sizes: (G,) px, positive.

    Raises:
        InputError: A NaN, or a person of whom only some coordinates are infinite.
    """
    known = np.isfinite(predicted)
    absent = np.isinf(predicted).all(axis=(1, 2))
    if not (known.all(axis=(1, 2)) | absent).all():
        person = int(np.argmin(known.all(axis=(1, 2)) | absent))
        raise InputError(f"predictions: person {person} has a NaN or infinite coordinate.")
    here = visible & ~absent[:, None]
    offsets = np.where(here[..., None], np.where(known, predicted, 0) - annotated, 0)
    distances = np.linalg.norm(offsets, axis=2) / head_sizes[:, None]
    return np.where(visible & absent[:, None], np.inf, distances)
