"""Predictions of any origin, checked against a ground truth: results JSON or our own shards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from posebench.cache import collector_paused
from posebench.datasets.annotations import positions
from posebench.datasets.coco import CocoDataset
from posebench.datasets.jsonfile import Entries, parse, read_bytes
from posebench.errors import InputError
from posebench.predictions import PredictionSet, read_predictions, read_shard, to_detections
from posebench.types import Detections, Float64Array, GroundTruth, IntArray

_RESULTS = "Each entry needs image_id, category_id, keypoints and score."


@dataclass(frozen=True, eq=False)
class Results:
    """Detections and what to say about how they were read.

    Attributes:
        detections: In file order.
        areas: (D,) px² that pycocotools would take from the boxes; None: keypoint extents.
        notes: One sentence each.
    """

    detections: Detections
    areas: Float64Array | None = None
    notes: Sequence[str] = ()


def load_predictions(
    path: Path, dataset: CocoDataset, ground_truth: GroundTruth, *, compat: bool = False
) -> Results:
    """Read a results JSON, one shard, or a folder of shards.

    Args:
        path: ``.json``, ``.npz`` or a folder.
        dataset: Says which categories the file may name.
        ground_truth: Says which images it may name, and how many keypoints there are.
        compat: As in ``load_results``.

    Raises:
        InputError: Naming the file, the entry, the field and the remedy.
    """
    if path.is_dir() or path.suffix == ".npz":
        return load_shards(path, ground_truth)
    return load_results(path, dataset, ground_truth, compat=compat)


def load_results(
    path: Path, dataset: CocoDataset, ground_truth: GroundTruth, *, compat: bool = False
) -> Results:
    """Read a results file in the COCO format.

    Args:
        path: JSON list of objects with image_id, category_id, keypoints and score.
        dataset: Says which categories the file may name.
        ground_truth: Says which images it may name, and how many keypoints there are.
        compat: As pycocotools does, take areas from ``bbox`` if the first entry has one, and
            leave out entries of an unknown category.

    Raises:
        InputError: Naming the file, the entry, the field and the remedy.
    """
    with collector_paused():
        found = _list(parse(read_bytes(path), path), path)
        entries = Entries.of(path, "results", found, "image_id")
        return _Reader(entries, dataset, ground_truth, compat).read()


def _list(value: object, path: Path) -> object:
    if isinstance(value, dict):
        looks = " It looks like an annotation file." if "annotations" in value else ""
        raise InputError(
            f"{path}: the results are an object, not a list.{looks}",
            remedy=f"Give a JSON list. {_RESULTS}",
        )
    return value


@dataclass(frozen=True, eq=False)
class _Reader:
    entries: Entries
    dataset: CocoDataset
    ground_truth: GroundTruth
    compat: bool

    def read(self) -> Results:
        entries, points = self.entries, len(self.ground_truth.skeleton.keypoints)
        notes: list[str] = []
        images = self._images()
        classes = self._classes(notes)
        scores = entries.numbers("score", remedy="Give each entry a finite score to rank it by.")
        remedy = f"Give x, y and a confidence for each of the {points} keypoints."
        keypoints = entries.vectors("keypoints", 3 * points, remedy)
        boxes, areas = self._boxes(notes)
        detections = Detections(
            image_index=images,
            keypoints=keypoints.reshape(-1, points, 3)[:, :, :2],
            scores=scores,
            class_ids=classes,
            boxes=boxes,
        )
        return _only(Results(detections, areas, notes), np.flatnonzero(classes >= 0))

    def _images(self) -> IntArray:
        remedy = "Score against the annotations that these results were made for."
        ids = self.entries.integers("image_id", remedy=remedy)
        index = positions(ids, self.ground_truth.image_ids)
        if (index < 0).any():
            row = int(np.argmax(index < 0))
            raise self.entries.error(row, f"image_id {ids[row]} is not in the annotations", remedy)
        return index

    def _classes(self, notes: list[str]) -> IntArray:
        """Zero-based classes, -1 for entries to leave out."""
        content = self.dataset.annotations
        remedy = f"The categories with keypoints are {content.category_ids.tolist()}."
        ids = self.entries.integers("category_id", remedy=remedy)
        classes = positions(ids, content.category_ids)
        unknown = (classes < 0) & ~np.isin(ids, content.other_category_ids)
        if unknown.any() and not self.compat:
            row = int(np.argmax(unknown))
            problem = f"category_id {ids[row]} is not in the annotations"
            raise self.entries.error(row, problem, remedy)
        if (classes < 0).any():
            notes.append(
                f"{int((classes < 0).sum())} entries of categories without keypoints were left out."
            )
        return classes

    def _boxes(self, notes: list[str]) -> tuple[Float64Array | None, Float64Array | None]:
        """Boxes, if every entry has one, and the areas that pycocotools takes from them."""
        rows = self.entries.rows
        if self.compat and rows and rows[0].get("bbox", []) != []:
            boxes = self.entries.vectors("bbox", 4, "pycocotools needs it, the first entry has it.")
            notes.append("Areas of detections are those of bbox, as in pycocotools.")
            return boxes, boxes[:, 2] * boxes[:, 3]
        if self.compat and rows and "segmentation" in rows[0]:
            raise self.entries.error(
                0, "segmentation is present, and pycocotools would take areas from it", "Remove it."
            )
        count = sum("bbox" in row for row in rows)
        if not count:
            return None, None
        notes.append(
            f"bbox of {count} entries is not used for keypoints: a detection's area is the extent "
            "of its keypoints (--compat pycocotools takes it from bbox)."
        )
        try:
            return self.entries.vectors("bbox", 4), None
        except InputError as error:
            notes.append(f"Box AP is not scored: {error}")
            return None, None


def _only(results: Results, rows: IntArray) -> Results:
    detections, areas = results.detections, results.areas
    if len(rows) == len(detections.scores):
        return results
    kept = Detections(
        image_index=detections.image_index[rows],
        keypoints=detections.keypoints[rows],
        scores=detections.scores[rows],
        class_ids=detections.class_ids[rows],
        boxes=None if detections.boxes is None else detections.boxes[rows],
    )
    return replace(results, detections=kept, areas=None if areas is None else areas[rows])


def load_shards(path: Path, ground_truth: GroundTruth) -> Results:
    """Read predictions as posebench writes them: one shard, or a folder of them.

    Raises:
        InputError: Damaged, for other images or another skeleton, or a number is not finite.
    """
    predictions = read_predictions(path) if path.is_dir() else read_shard(path)
    _check(path, predictions, ground_truth)
    try:
        detections = to_detections(predictions, ground_truth.image_ids)
    except InputError as error:
        raise InputError(
            f"{path}: {error}",
            remedy="Score against the annotations that these predictions were made for.",
        ) from error
    covered, images = len(predictions.image_ids), len(ground_truth.image_ids)
    partial = (
        f"predictions cover {covered} of {images} images, on the others nobody counts as found"
    )
    return Results(detections, notes=[partial] if covered < images else [])


def _check(path: Path, predictions: PredictionSet, ground_truth: GroundTruth) -> None:
    points, found = len(ground_truth.skeleton.keypoints), predictions.keypoints.shape[1]
    if found != points:
        raise InputError(f"{path}: {found} keypoints a person, the annotations have {points}.")
    if len(np.unique(predictions.image_ids)) < len(predictions.image_ids):
        raise InputError(f"{path}: an image is in it twice.", remedy="Remove one of the shards.")
    if len(predictions.image_ids) and not len(ground_truth.image_ids):
        raise InputError(f"{path}: predictions, but the annotations have no images.")
    for name in ("keypoints", "scores", "boxes"):
        values = getattr(predictions, name)
        if values is not None and not np.isfinite(values).all():
            row = int(np.argmax(~np.isfinite(values.reshape(len(values), -1)).all(axis=1)))
            raise InputError(f"{path}: person {row}: {name} has a NaN or infinite value.")
