"""Predictions on disk: shards of compressed-sparse-row arrays, one file for some 256 images.

A shard is an ``.npz`` without pickles. People of image i are the rows
``offsets[i]:offsets[i + 1]`` of every other array, in the order the model gave them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from posebench.cache import atomic_path, read_arrays
from posebench.errors import InputError
from posebench.types import Detections, Float32Array, IntArray, PersonBoxes, Prediction, Tensor

FORMAT_VERSION = 1


@dataclass(frozen=True, eq=False)
class PredictionSet:
    """The predictions of some images. I images, N people.

    Attributes:
        image_ids: (I,) int64.
        offsets: (I + 1,) int64, rows of image i are ``offsets[i]:offsets[i + 1]``.
        keypoints: (N, K, 2) float32 px.
        keypoint_scores: (N, K) float32.
        box_scores: (N,) float32.
        scores: (N,) float32.
        boxes: (N, 4) float32 x1, y1, x2, y2 px, or None.
        source_boxes: (N,) int64, or None.
        class_ids: (N,) int64, or None.
        input_offsets: (I + 1,) int64 as ``offsets``, of the boxes that were looked into, or None.
        input_boxes: (M, 4) float32 x1, y1, x2, y2 px, or None.
        input_box_scores: (M,) float32, or None.
    """

    image_ids: IntArray
    offsets: IntArray
    keypoints: Float32Array
    keypoint_scores: Float32Array
    box_scores: Float32Array
    scores: Float32Array
    boxes: Float32Array | None = None
    source_boxes: IntArray | None = None
    class_ids: IntArray | None = None
    input_offsets: IntArray | None = None
    input_boxes: Float32Array | None = None
    input_box_scores: Float32Array | None = None

    def boxes_looked_into(self) -> dict[int, PersonBoxes] | None:
        """By image id, what a top-down model was given; None for a model of whole pictures."""
        if self.input_boxes is None or self.input_box_scores is None or self.input_offsets is None:
            return None
        bounds = zip(self.input_offsets, self.input_offsets[1:], strict=False)
        return {
            int(image_id): PersonBoxes(self.input_boxes[a:b], self.input_box_scores[a:b])
            for image_id, (a, b) in zip(self.image_ids, bounds, strict=True)
        }


def collect(image_ids: Sequence[int], predictions: Sequence[Prediction]) -> PredictionSet:
    """Join the predictions of ``image_ids``, one a picture, in that order."""
    if len(image_ids) != len(predictions):
        raise ValueError(f"{len(image_ids)} image ids but {len(predictions)} predictions")
    counts = [len(prediction) for prediction in predictions]

    def joined(name: str) -> Tensor | None:
        parts = [getattr(prediction, name) for prediction in predictions]
        missing = [part is None for part in parts]
        return None if all(missing) else np.concatenate([p for p in parts if p is not None])

    def required(name: str) -> Tensor:
        array = joined(name)
        if array is None:
            raise ValueError("no predictions to join")
        return array

    return PredictionSet(
        image_ids=np.asarray(image_ids, np.int64),
        offsets=_offsets(counts),
        keypoints=required("keypoints"),
        keypoint_scores=required("keypoint_scores"),
        box_scores=required("box_scores"),
        scores=required("scores"),
        boxes=joined("boxes"),
        source_boxes=joined("source_boxes"),
        class_ids=joined("class_ids"),
        **_input_boxes(predictions),
    )


def _offsets(counts: Sequence[int]) -> IntArray:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)


def _input_boxes(predictions: Sequence[Prediction]) -> dict[str, Tensor]:
    """The boxes that were looked into; none in a picture that could not be read."""
    if all(prediction.input_boxes is None for prediction in predictions):
        return {}
    given = [prediction.input_boxes or PersonBoxes.none() for prediction in predictions]
    return {
        "input_offsets": _offsets([len(boxes) for boxes in given]),
        "input_boxes": np.concatenate([boxes.boxes for boxes in given]),
        "input_box_scores": np.concatenate([boxes.scores for boxes in given]),
    }


def write_shard(path: Path, shard: PredictionSet) -> None:
    """Write a shard, whole or not at all."""
    arrays = {k: v for k, v in vars(shard).items() if v is not None}
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, format_version=np.int64(FORMAT_VERSION), **arrays)


def read_shard(path: Path) -> PredictionSet:
    """Read a shard.

    Raises:
        InputError: Not a shard, damaged, or written by a newer posebench.
    """
    try:
        arrays = read_arrays(path)
    except (OSError, ValueError, BadZipFile, EOFError) as error:
        raise InputError(f"{path}: not a readable predictions shard ({error}).") from error
    version = int(arrays.pop("format_version", 0))
    if version != FORMAT_VERSION:
        raise InputError(
            f"{path}: predictions format {version}, this posebench reads {FORMAT_VERSION}."
        )
    try:
        return PredictionSet(**arrays)
    except TypeError as error:
        raise InputError(f"{path}: not a predictions shard ({error}).") from error


def read_predictions(folder: Path) -> PredictionSet:
    """Every shard of a folder, joined in the order of the file names.

    Raises:
        InputError: No shard in it, or a damaged one.
    """
    paths = sorted(folder.glob("shard-*.npz"))
    if not paths:
        raise InputError(f"{folder}: no shard-*.npz in it.")
    return concatenate([read_shard(path) for path in paths])


def concatenate(shards: Sequence[PredictionSet]) -> PredictionSet:
    """Join shards of disjoint images, in the order given."""

    def joined_offsets(parts: Sequence[IntArray]) -> IntArray:
        starts = np.cumsum([0, *(part[-1] for part in parts)])
        moved = [part[:-1] + start for part, start in zip(parts, starts, strict=False)]
        return np.asarray(np.concatenate([*moved, starts[-1:]]), np.int64)

    def optional(name: str) -> Tensor | None:
        """Nobody was found in a shard of unreadable pictures, so it may lack what others have."""
        found = [(getattr(shard, name), len(shard.scores)) for shard in shards]
        parts = [part for part, people in found if people or part is not None]
        return None if not parts or any(p is None for p in parts) else np.concatenate(parts)

    looked = any(shard.input_offsets is not None for shard in shards)
    inputs = [
        np.zeros(len(shard.image_ids) + 1, np.int64)
        if shard.input_offsets is None
        else shard.input_offsets
        for shard in shards
    ]

    return PredictionSet(
        image_ids=np.concatenate([shard.image_ids for shard in shards]),
        offsets=joined_offsets([shard.offsets for shard in shards]),
        keypoints=np.concatenate([shard.keypoints for shard in shards]),
        keypoint_scores=np.concatenate([shard.keypoint_scores for shard in shards]),
        box_scores=np.concatenate([shard.box_scores for shard in shards]),
        scores=np.concatenate([shard.scores for shard in shards]),
        boxes=optional("boxes"),
        source_boxes=optional("source_boxes"),
        class_ids=optional("class_ids"),
        input_offsets=joined_offsets(inputs) if looked else None,
        input_boxes=optional("input_boxes"),
        input_box_scores=optional("input_box_scores"),
    )


def to_detections(predictions: PredictionSet, image_ids: IntArray) -> Detections:
    """Rows for the evaluator, images in the order of ``image_ids``, file order within each.

    Raises:
        InputError: A prediction for an image that is not in ``image_ids``.
    """
    order = np.argsort(image_ids, kind="stable")
    position = np.searchsorted(image_ids[order], predictions.image_ids)
    position = np.minimum(position, len(image_ids) - 1)
    index = order[position]
    unknown = predictions.image_ids[image_ids[index] != predictions.image_ids]
    if len(unknown):
        raise InputError(f"predictions for unknown image id {int(unknown[0])}.")
    rows = np.repeat(index, np.diff(predictions.offsets))
    boxes = predictions.boxes
    if boxes is not None:
        boxes64 = boxes.astype(np.float64)
        boxes64[:, 2:] -= boxes64[:, :2]
    class_ids = predictions.class_ids
    return Detections(
        image_index=rows.astype(np.int64),
        keypoints=predictions.keypoints,
        scores=predictions.scores.astype(np.float64),
        class_ids=np.zeros(len(rows), np.int64) if class_ids is None else class_ids,
        boxes=None if boxes is None else boxes64,
    )
