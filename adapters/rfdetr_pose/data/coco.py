"""COCO-keypoint annotation files."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rfdetr_pose.config import ModelConfig
from rfdetr_pose.data.samples import Sample
from rfdetr_pose.errors import DatasetError


def read_coco(annotations: Path, images: Path, config: ModelConfig) -> list[Sample]:
    """The images of a COCO-keypoint file, in the order of their ids.

    Args:
        annotations: JSON with ``images``, ``annotations`` and ``categories``.
        images: Folder of the image files.
        config: Classes and keypoints that the model is to learn.

    Raises:
        DatasetError: It is not such a file, an image is missing, or its categories or its number
            of keypoints are not the model's.
    """
    document = _load(annotations)
    try:
        labels = _labels(document["categories"], annotations, config)
        by_image: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for annotation in document["annotations"]:
            if annotation["category_id"] in labels:
                by_image[annotation["image_id"]].append(annotation)
        return [
            _sample(image, by_image[image["id"]], images, labels, config.keypoints.count)
            for image in sorted(document["images"], key=lambda image: image["id"])
        ]
    except DatasetError as error:
        raise DatasetError(f"{annotations}: {error}") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{annotations}: not a COCO-keypoint file: {error!r}.") from error


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error}.") from error
    except ValueError as error:
        raise DatasetError(f"{path}: not JSON: {error}.") from error


def _labels(
    categories: Sequence[Mapping[str, Any]], path: Path, config: ModelConfig
) -> dict[int, int]:
    """Zero-based class of each category id; the categories must be those that the model has."""
    posed = [category for category in categories if category.get("keypoints")] or list(categories)
    names = {category["name"]: category for category in posed}
    if len(posed) == len(config.class_names) == 1:
        chosen = posed  # there is no doubt what is meant, however it is called
    elif set(config.class_names) <= set(names):
        chosen = [names[name] for name in config.class_names]
    else:
        raise DatasetError(
            f"its categories with keypoints are {sorted(names)}, the model's classes are "
            f"{list(config.class_names)}. Construct the model with class_names={sorted(names)}."
        )
    for category in chosen:
        found = len(category.get("keypoints", ())) or config.keypoints.count
        if found != config.keypoints.count:
            raise DatasetError(
                f"category {category['name']!r} has {found} keypoints, the model has "
                f"{config.keypoints.count}. Construct the model with num_keypoints={found}."
            )
    return {category["id"]: label for label, category in enumerate(chosen)}


def _sample(
    image: Mapping[str, Any],
    annotations: Sequence[Mapping[str, Any]],
    folder: Path,
    labels: Mapping[int, int],
    count: int,
) -> Sample:
    path = folder / image["file_name"]
    if not path.is_file():
        raise DatasetError(f"image {image['id']}: {path} does not exist.")
    boxes = np.array([a["bbox"] for a in annotations], np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return Sample(
        path=path,
        width=int(image["width"]),
        height=int(image["height"]),
        boxes=boxes,
        keypoints=np.stack([_keypoints(a, count) for a in annotations])
        if annotations
        else np.zeros((0, count, 3), np.float32),
        areas=np.array([a["area"] for a in annotations], np.float32),
        labels=np.array([labels[a["category_id"]] for a in annotations], np.int64),
        crowd=np.array([bool(a.get("iscrowd", 0)) for a in annotations], np.bool_),
    )


def _keypoints(annotation: Mapping[str, Any], count: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    values = annotation.get("keypoints") or [0] * (3 * count)
    if len(values) != 3 * count:
        raise DatasetError(
            f"annotation {annotation.get('id')}: {len(values)} keypoint numbers, {count} "
            f"keypoints have {3 * count}."
        )
    return np.array(values, np.float32).reshape(count, 3)
