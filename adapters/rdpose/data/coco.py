"""People of COCO-keypoint files: annotated ones, and boxes that a detector found.

Which annotations count and how their boxes are cut at the picture's edge is HRNet's way
(Sun et al., CVPR 2019, lib/dataset/coco.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rdpose.config import ModelConfig
from rdpose.data.crop import Float32Array, region_around
from rdpose.data.json_files import load_json
from rdpose.data.layout import BOXES_SOURCE, COCO_SOURCE
from rdpose.data.samples import (
    Person,
    check_people,
    check_pictures,
    neighbouring_centers,
)
from rdpose.errors import DatasetError

_PERSON = 1
_NOBODY = np.zeros((0, 2), np.float32)


def read_people(annotations: Path, images: Path, config: ModelConfig) -> list[Person]:
    """The annotated people with keypoints, picture by picture in the order of the ids.

    Crowds, and people of whom no keypoint is labelled, whose area is 0 or whose box lies outside
    the picture, are left out.

    Args:
        annotations: A ``person_keypoints`` file.
        images: Folder of its pictures.
        config: Of the model.

    Raises:
        DatasetError: A file is missing or is not such a file, or there is nobody in it.
    """
    document = load_json(annotations, COCO_SOURCE)
    try:
        people = list(_annotated(document, images, config))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{annotations}: not a COCO-keypoint file: {error!r}.") from error
    return check_people(people, annotations)


def read_boxes(boxes: Path, annotations: Path, images: Path, config: ModelConfig) -> list[Person]:
    """The people that a detector found: COCO's results format, category 1, score 0 or above.

    Args:
        boxes: JSON list of ``image_id``, ``category_id``, ``bbox`` and ``score``.
        annotations: A ``person_keypoints`` or ``image_info`` file of the same pictures.
        images: Folder of the pictures.
        config: Of the model.

    Raises:
        DatasetError: A file is missing or is not such a file, a box is of another picture or
            empty, or there are no boxes of people.
    """
    rows = load_json(boxes, BOXES_SOURCE)
    document = load_json(annotations, COCO_SOURCE)
    try:
        names = {int(image["id"]): images / image["file_name"] for image in document["images"]}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{annotations}: not a COCO file: {error!r}.") from error
    try:
        rows = [row for row in rows if row["category_id"] == _PERSON and row["score"] >= 0]
        _check_boxes(rows, names, boxes, annotations)
        people = [_detected(row, names, config) for row in rows]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{boxes}: not boxes in COCO's results format: {error!r}.") from error
    check_pictures({person.image for person in people}, boxes)
    return people


def _annotated(document: Any, images: Path, config: ModelConfig) -> Iterator[Person]:
    by_image: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for annotation in document["annotations"]:
        if annotation["category_id"] == _PERSON and not annotation.get("iscrowd", 0):
            by_image[annotation["image_id"]].append(annotation)
    for image in sorted(document["images"], key=lambda image: int(image["id"])):
        yield from _people(image, by_image[image["id"]], images / image["file_name"], config)


def _people(
    image: Mapping[str, Any],
    annotations: Sequence[Mapping[str, Any]],
    path: Path,
    config: ModelConfig,
) -> Iterator[Person]:
    labelled = [a for a in annotations if max(a.get("keypoints") or [0]) > 0]
    boxed = [(a, _inside(a, image)) for a in labelled]
    found = [(a, corners) for a, corners in boxed if corners is not None]
    if not found:
        return
    keypoints = np.stack([_keypoints(a, config.joint_set.count) for a, _ in found])
    joints, visible = keypoints[..., :2].astype(np.float32), keypoints[..., 2] > 0
    neighbours = neighbouring_centers(joints, visible)
    for i, (_, corners) in enumerate(found):
        region = region_around(corners, config.input_size)
        yield Person(path, int(image["id"]), region, joints[i], visible[i], neighbours[i])


def _inside(
    annotation: Mapping[str, Any], image: Mapping[str, Any]
) -> tuple[float, float, float, float] | None:
    """Left, top, right, bottom within the picture's outermost pixel centres, None if empty."""
    x, y, width, height = (float(value) for value in annotation["bbox"])
    left, top = max(0.0, x), max(0.0, y)
    right = min(image["width"] - 1.0, left + max(0.0, width - 1))
    bottom = min(image["height"] - 1.0, top + max(0.0, height - 1))
    extended = min(right - left, bottom - top) >= 0 and max(right - left, bottom - top) > 0
    return (left, top, right, bottom) if annotation["area"] > 0 and extended else None


def _keypoints(annotation: Mapping[str, Any], count: int) -> Float32Array:
    """(K, 3) x, y, v; a keypoint that is not labelled is at (0, 0)."""
    values = np.array(annotation["keypoints"], np.float32)
    if len(values) != 3 * count:
        raise ValueError(
            f"annotation {annotation.get('id')} has {len(values)} keypoint numbers, {count} "
            f"keypoints have {3 * count}"
        )
    return np.asarray(values.reshape(count, 3), np.float32)


def _check_boxes(
    rows: Sequence[Mapping[str, Any]], names: Mapping[int, Path], boxes: Path, annotations: Path
) -> None:
    if not rows:
        raise DatasetError(f"{boxes}: no boxes of people in it.")
    others = [row["image_id"] for row in rows if row["image_id"] not in names]
    if others:
        raise DatasetError(
            f"{boxes}: {len(others)} of its {len(rows)} boxes are of pictures that are not in "
            f"{annotations.name}, the first of picture {others[0]}. Give the boxes of this split."
        )
    for row in rows:
        box = np.array(row["bbox"], np.float64)
        if not (box.shape == (4,) and np.isfinite(box).all() and box[2:].min() > 0):
            raise DatasetError(f"{boxes}: picture {row['image_id']} has the box {row['bbox']}.")


def _detected(row: Mapping[str, Any], names: Mapping[int, Path], config: ModelConfig) -> Person:
    x, y, width, height = (float(value) for value in row["bbox"])
    count = config.joint_set.count
    return Person(
        image=names[row["image_id"]],
        image_id=int(row["image_id"]),
        region=region_around((x, y, x + width, y + height), config.input_size),
        joints=np.zeros((count, 2), np.float32),
        visible=np.zeros(count, np.bool_),
        neighbours=_NOBODY,
        score=float(row["score"]),
    )
