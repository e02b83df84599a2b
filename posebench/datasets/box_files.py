"""Where a top-down model looks: boxes of people from a results file or the annotations."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from posebench.cache import collector_paused
from posebench.datasets.ids import positions
from posebench.datasets.images import read_size
from posebench.datasets.jsonfile import Entries, parse, read_bytes
from posebench.errors import InputError
from posebench.protocols import Dataset
from posebench.types import BoolArray, Float64Array, GroundTruth, IntArray, PersonBoxes

PERSON = 1
"""COCO's category id of people; boxes of others are left out."""

_FARTHEST_PX = 1e6
_ENTRY = "Each entry needs image_id, category_id, bbox as [x, y, width, height] and score."


@dataclass(frozen=True, eq=False)
class BoxFile:
    """Detected people of a dataset.

    Attributes:
        boxes: By image id, of every image of the dataset, in the file's order.
        sha256: Hex digest of the file.
        count: Number of boxes in ``boxes``.
        notes: What was left out and why, one sentence each.
    """

    boxes: Mapping[int, PersonBoxes]
    sha256: str
    count: int
    notes: tuple[str, ...] = ()


def read_box_file(path: Path, dataset: Dataset) -> BoxFile:
    """Read the results of a detector in the COCO format.

    A box that reaches over the edge of its picture stays as it is: published figures of top-down
    models were measured so.

    Args:
        path: JSON list of objects with image_id, category_id, bbox (x, y, width, height, px) and
            score, e.g. ``COCO_val2017_detections_AP_H_56_person.json``.
        dataset: Its image ids, and its pictures for their sizes.

    Returns:
        The boxes of people. Left out and counted in the notes are those of other categories and
        other images, those without an area, and those that lie outside their picture.

    Raises:
        InputError: Naming the file, the entry, the field and the remedy.
    """
    raw = read_bytes(path)
    with collector_paused():
        entries = Entries.of(path, "boxes", _list(parse(raw, path), path), "image_id")
        columns = _Columns.read(entries, dataset)
    kept, notes = _select(columns, path)
    boxes = _by_image(
        columns.corners[kept], columns.scores[kept], columns.images[kept], dataset.image_ids
    )
    return BoxFile(boxes, hashlib.sha256(raw).hexdigest(), int(kept.sum()), tuple(notes))


def ground_truth_boxes(ground_truth: GroundTruth, dataset: Dataset) -> dict[int, PersonBoxes]:
    """The annotated people as mmpose evaluates with annotated boxes.

    These are people of no crowd, with at least one labelled keypoint and a box that has an area
    after its corners were moved to x 0..width - 1 and y 0..height - 1. Their score is 1. Where
    people are scored by PCKh, all of them are looked for, in boxes that stay as they are, as in
    HRNet's code for MPII.

    Args:
        ground_truth: Annotations of the dataset.
        dataset: Its pictures, for their sizes.

    Returns:
        Boxes by image id, of every image, in the order of the annotations.
    """
    images, image_ids = ground_truth.image_index, ground_truth.image_ids.tolist()
    if ground_truth.head_sizes is not None:
        corners = _corners(ground_truth.boxes)
        return _by_image(corners, np.ones(len(corners)), images, image_ids)
    corners = np.clip(_corners(ground_truth.boxes), 0, _limits(dataset, image_ids)[images] - 1)
    labelled = ground_truth.num_keypoints > 0
    labelled &= ground_truth.keypoints[:, :, :2].max(axis=(1, 2)) > 0
    kept = labelled & ~ground_truth.is_crowd & _has_area(corners)
    return _by_image(corners[kept], np.ones(int(kept.sum())), images[kept], image_ids)


@dataclass(frozen=True, eq=False)
class _Columns:
    """The file, column by column: (D, ...) each."""

    corners: Float64Array
    scores: Float64Array
    images: IntArray
    categories: IntArray
    limits: Float64Array

    @classmethod
    def read(cls, entries: Entries, dataset: Dataset) -> _Columns:
        image_ids = np.array(dataset.image_ids, np.int64)
        images = positions(entries.integers("image_id", remedy=_ENTRY), image_ids)
        categories = entries.integers("category_id", remedy=_ENTRY)
        corners = _far_checked(_corners(entries.vectors("bbox", 4, _ENTRY)), entries)
        limits = np.full((len(corners), 4), np.inf)
        known = images >= 0
        if known.any():
            limits[known] = _limits(dataset, dataset.image_ids)[images[known]]
        return cls(corners, _scores(entries), images, categories, limits)


def _far_checked(corners: Float64Array, entries: Entries) -> Float64Array:
    far = (np.abs(corners) > _FARTHEST_PX).any(axis=1)
    if far.any():
        problem = f"bbox reaches farther than {_FARTHEST_PX:g} px"
        raise entries.error(int(np.argmax(far)), problem, _ENTRY)
    return corners


def _scores(entries: Entries) -> Float64Array:
    scores = entries.numbers("score", remedy=_ENTRY)
    outside = (scores < 0) | (scores > 1)
    if outside.any():
        row = int(np.argmax(outside))
        problem = f"score is {scores[row]}, not within 0 and 1"
        raise entries.error(row, problem, "Give probabilities.")
    return scores


def _list(value: object, path: Path) -> object:
    if isinstance(value, dict):
        looks = " It looks like an annotation file." if "annotations" in value else ""
        raise InputError(
            f"{path}: the boxes are an object, not a list.{looks}",
            remedy=f"Give a detector's results, a JSON list. {_ENTRY}",
        )
    return value


def _select(columns: _Columns, path: Path) -> tuple[BoolArray, list[str]]:
    """(D,) which boxes are used, and what to say of the others."""
    notes = []
    kept = np.ones(len(columns.scores), np.bool_)
    outside = (columns.corners[:, :2] >= columns.limits[:, :2]).any(axis=1)
    outside |= (columns.corners[:, 2:] <= 0).any(axis=1)
    faults = {
        "of another category than 1, person": columns.categories != PERSON,
        "of images that are not in the dataset": columns.images < 0,
        "without an area": ~_has_area(columns.corners),
        "outside their picture": outside,
    }
    for what, faulty in faults.items():
        count = int((kept & faulty).sum())
        kept &= ~faulty
        if count:
            notes.append(f"{count} boxes {what} were left out.")
    people = columns.categories == PERSON
    if people.any() and (columns.images[people] < 0).all():
        raise InputError(
            f"{path}: all of its {int(people.sum())} boxes of people are of images that are not "
            "in the dataset.",
            remedy="Give the detections of the dataset's own images.",
        )
    if not kept.any():
        notes.append("No boxes of people: nobody is looked for in any image.")
    return kept, notes


def _corners(boxes: Float64Array) -> Float64Array:
    """(N, 4) x, y, width, height to x1, y1, x2, y2."""
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def _has_area(corners: Float64Array) -> BoolArray:
    """(N,) whether a box is wider and higher than nothing, also in single precision."""
    single = corners.astype(np.float32)
    return np.asarray((single[:, 2:] > single[:, :2]).all(axis=1))


def _limits(dataset: Dataset, image_ids: Sequence[int]) -> Float64Array:
    """(I, 4) width, height, width, height of each picture, from the files' headers."""
    pairs = [_size(dataset, image_id) for image_id in image_ids]
    return np.array([(w, h, w, h) for h, w in pairs], np.float64).reshape(-1, 4)


def _size(dataset: Dataset, image_id: int) -> tuple[float, float]:
    """(height, width) in pixels; endless if the picture cannot be read, which its run will say."""
    try:
        return read_size(dataset.image_path(image_id))
    except InputError:
        return np.inf, np.inf


def _by_image(
    corners: Float64Array, scores: Float64Array, images: IntArray, image_ids: Sequence[int]
) -> dict[int, PersonBoxes]:
    """Boxes by image id; ``images`` are positions in ``image_ids``, the order within is kept."""
    order = np.argsort(images, kind="stable")
    starts = np.searchsorted(images[order], np.arange(len(image_ids) + 1))
    single, ranks = corners[order].astype(np.float32), scores[order].astype(np.float32)
    bounds = zip(image_ids, starts, starts[1:], strict=False)
    return {image_id: PersonBoxes(single[a:b], ranks[a:b]) for image_id, a, b in bounds}
