"""Predictions of any origin, checked against a ground truth: results JSON or our own shards."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from posebench.cache import collector_paused
from posebench.datasets.coco import CocoDataset
from posebench.datasets.detected import Results
from posebench.datasets.ids import positions
from posebench.datasets.jsonfile import Entries, parse, read_bytes
from posebench.datasets.wholebody import WHOLE, has_parts, read_part_scores, read_parts
from posebench.errors import InputError
from posebench.predictions import PredictionSet, read_predictions, read_shard, to_detections
from posebench.types import Detections, Float64Array, GroundTruth, IntArray

_BODY_ONLY = (
    "the annotations have the whole body, the predictions its 17 body keypoints: only those are "
    "scored"
)
_RESULTS = "Each entry needs image_id, category_id, keypoints and score."


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
        return load_shards(path, dataset, ground_truth)
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
        entries = self.entries
        notes: list[str] = []
        images = self._images()
        classes = self._classes(notes)
        scores = entries.numbers("score", remedy="Give each entry a finite score to rank it by.")
        keypoints = self._keypoints(notes)
        boxes, areas = self._boxes(notes)
        whole_body = keypoints.shape[1] == WHOLE
        detections = Detections(
            image_index=images,
            keypoints=keypoints[:, :, :2],
            scores=scores,
            class_ids=classes,
            boxes=boxes,
        )
        results = Results(
            detections,
            keypoint_scores=keypoints[:, :, 2],
            box_scores=scores,
            areas=areas,
            part_scores=read_part_scores(entries) if whole_body else {},
            notes=notes,
        )
        return results if (classes >= 0).all() else results.take(np.flatnonzero(classes >= 0))

    def _keypoints(self, notes: list[str]) -> Float64Array:
        """(D, K, 3), of the whole body if the annotations have it and the results too."""
        entries, points = self.entries, len(self.ground_truth.skeleton.keypoints)
        remedy = f"Give x, y and a confidence for each of the {points} keypoints."
        if self.dataset.annotations.part_keypoints.shape[1]:
            if has_parts(entries):
                body = entries.vectors("keypoints", 3 * points, remedy).reshape(-1, points, 3)
                return np.concatenate([body, read_parts(entries)], axis=1)
            if _first_length(entries) not in (0, 3 * points):
                remedy = f"Give x, y and a confidence for {points} keypoints, or for all {WHOLE}."
                points = WHOLE
            else:
                notes.append(_BODY_ONLY)
        return entries.vectors("keypoints", 3 * points, remedy).reshape(-1, points, 3)

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
            "of its keypoints (--compat pycocotools and --protocol mmpose take it from bbox)."
        )
        try:
            return self.entries.vectors("bbox", 4), None
        except InputError as error:
            notes.append(f"Box AP is not scored: {error}")
            return None, None


def _first_length(entries: Entries) -> int:
    """Numbers that the first entry has in ``keypoints``, 0 if it has no such list."""
    first = entries.rows[0].get("keypoints") if entries.rows else None
    return len(first) if isinstance(first, list) else 0


def load_shards(path: Path, dataset: CocoDataset, ground_truth: GroundTruth) -> Results:
    """Read predictions as posebench writes them: one shard, or a folder of them.

    Raises:
        InputError: Damaged, for other images or another skeleton, or a number is not finite.
    """
    predictions = read_predictions(path) if path.is_dir() else read_shard(path)
    whole = dataset.for_keypoints(predictions.keypoints.shape[1])
    _check(path, predictions, len(whole.skeleton.keypoints), ground_truth)
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
    return Results(
        detections,
        keypoint_scores=predictions.keypoint_scores,
        box_scores=predictions.box_scores.astype(np.float64),
        has_box_scores=True,
        notes=[partial] if covered < images else [],
    )


def _check(path: Path, predictions: PredictionSet, points: int, ground_truth: GroundTruth) -> None:
    found = predictions.keypoints.shape[1]
    if found != points:
        raise InputError(f"{path}: {found} keypoints a person, the annotations have {points}.")
    if len(np.unique(predictions.image_ids)) < len(predictions.image_ids):
        raise InputError(f"{path}: an image is in it twice.", remedy="Remove one of the shards.")
    if len(predictions.image_ids) and not len(ground_truth.image_ids):
        raise InputError(f"{path}: predictions, but the annotations have no images.")
    for name in ("keypoints", "keypoint_scores", "box_scores", "scores", "boxes"):
        values = getattr(predictions, name)
        if values is not None and not np.isfinite(values).all():
            row = int(np.argmax(~np.isfinite(values.reshape(len(values), -1)).all(axis=1)))
            raise InputError(f"{path}: person {row}: {name} has a NaN or infinite value.")
