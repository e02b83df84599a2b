"""Predicted people as they are drawn: a results file or shards, without a dataset to check against.

The evaluator's reader knows from the annotations how many keypoints there must be and which
pictures there are. Here the predictions may be all that there is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from posebench.cache import collector_paused
from posebench.datasets.ids import positions
from posebench.datasets.jsonfile import Entries, parse, read_bytes
from posebench.datasets.wholebody import BODY, has_parts, read_parts
from posebench.errors import InputError
from posebench.predictions import PredictionSet, read_predictions, read_shard
from posebench.types import Detections, Float64Array, IntArray

_RESULTS = "Give a COCO results file: a JSON list of image_id, category_id, keypoints and score."


@dataclass(frozen=True, eq=False)
class People:
    """Predicted people of any number of pictures, in file order. D people of K keypoints.

    Attributes:
        image_ids: (D,) picture of each.
        keypoints: (D, K, 3) x and y in px of the picture, and a confidence, mostly 0..1.
        scores: (D,) of the person.
        class_ids: (D,) zero-based class, -1 for a category that is not annotated; all 0 where
            nothing says which categories there are.
    """

    image_ids: IntArray
    keypoints: Float64Array
    scores: Float64Array
    class_ids: IntArray

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, rows: IntArray) -> People:
        """Some of the people, in the order given."""
        return People(
            self.image_ids[rows], self.keypoints[rows], self.scores[rows], self.class_ids[rows]
        )

    def detections(self, image_ids: IntArray) -> Detections:
        """For the evaluator, which knows pictures by their position in ``image_ids``."""
        return Detections(
            image_index=positions(self.image_ids, image_ids),
            keypoints=np.ascontiguousarray(self.keypoints[:, :, :2]),
            scores=self.scores,
            class_ids=self.class_ids,
        )


def read_people(path: Path, category_ids: IntArray | None = None) -> People:
    """Read a results JSON, one shard, or a folder of shards.

    Args:
        path: ``.json``, ``.npz`` or a folder.
        category_ids: (C,) ids of the annotated categories, ascending, if they are known.

    Raises:
        InputError: Naming the file, the entry, the field and the remedy.
    """
    if path.is_dir() or path.suffix == ".npz":
        return _of_shards(path, read_predictions(path) if path.is_dir() else read_shard(path))
    with collector_paused():
        found = parse(read_bytes(path), path)
        if isinstance(found, dict):
            looks = " It looks like an annotation file." if "annotations" in found else ""
            raise InputError(f"{path}: an object, not a list.{looks}", remedy=_RESULTS)
        return _of_entries(Entries.of(path, "results", found, "image_id"), category_ids)


def _of_entries(entries: Entries, category_ids: IntArray | None) -> People:
    categories = entries.integers("category_id", remedy=_RESULTS)
    return People(
        image_ids=entries.integers("image_id", remedy=_RESULTS),
        keypoints=_keypoints(entries),
        scores=entries.numbers("score", remedy="Give each entry a finite score."),
        class_ids=_classes(categories, category_ids),
    )


def _classes(categories: IntArray, known: IntArray | None) -> IntArray:
    return np.zeros(len(categories), np.int64) if known is None else positions(categories, known)


def _keypoints(entries: Entries) -> Float64Array:
    """(D, K, 3), of the whole body where its parts have fields of their own."""
    if has_parts(entries):
        body = entries.vectors("keypoints", 3 * BODY).reshape(-1, BODY, 3)
        return np.concatenate([body, read_parts(entries)], axis=1)
    points = _count(entries)
    remedy = f"Give x, y and a confidence for each keypoint; the first entry has {points}."
    return entries.vectors("keypoints", 3 * points, remedy).reshape(-1, points, 3)


def _count(entries: Entries) -> int:
    """Number of keypoints of the first entry; the others must have as many."""
    first: Any = entries.rows[0].get("keypoints") if entries.rows else [0.0] * 3
    if not isinstance(first, list) or not first or len(first) % 3:
        wrong = f"has {len(first)} values" if isinstance(first, list) else "is not a list"
        problem = "is missing" if first is None else f"{wrong}, not x, y and a confidence of each"
        raise entries.error(0, f"keypoints {problem}", _RESULTS)
    return len(first) // 3


def _of_shards(path: Path, found: PredictionSet) -> People:
    points = np.concatenate([found.keypoints, found.keypoint_scores[:, :, None]], axis=2)
    if not (np.isfinite(points).all() and np.isfinite(found.scores).all()):
        raise InputError(f"{path}: a keypoint or score is NaN or infinite.")
    classes = found.class_ids
    return People(
        image_ids=np.repeat(found.image_ids, np.diff(found.offsets)),
        keypoints=points.astype(np.float64),
        scores=found.scores.astype(np.float64),
        class_ids=np.zeros(len(points), np.int64) if classes is None else classes,
    )
