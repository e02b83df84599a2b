"""Distances of predicted joints in heads, enough to compute every PCKh again."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from posebench.cache import atomic_path, read_arrays
from posebench.errors import InputError
from posebench.types import BoolArray, Float64Array, FloatArray, IntArray

FORMAT_VERSION = 1


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
        arrays: dict[str, Any] = dict(vars(self))
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(stream, format_version=np.int64(FORMAT_VERSION), **arrays)

    @classmethod
    def load(cls, path: Path) -> HeadDistances:
        """Read what ``save`` wrote.

        Raises:
            InputError: Not such a file, damaged, or written by another format version.
        """
        try:
            arrays = read_arrays(path)
        except (OSError, ValueError, BadZipFile, EOFError) as error:
            raise InputError(f"{path}: not a readable file of distances ({error}).") from error
        version = int(arrays.pop("format_version", np.int64(0)))
        if version != FORMAT_VERSION or {field.name for field in fields(cls)} != set(arrays):
            raise InputError(
                f"{path}: distances of format {version}, this posebench reads {FORMAT_VERSION}.",
                remedy="Evaluate the predictions again.",
            )
        return cls(**arrays)


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
