"""YOLO-pose datasets: a ``data.yaml``, images, and a file of labels beside each image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from rfdetr_pose.config import ModelConfig
from rfdetr_pose.data.samples import Float32Array, Sample
from rfdetr_pose.errors import DatasetError
from rfdetr_pose.inputs import UNREADABLE

_KEYS = {"train": ("train",), "val": ("val", "valid")}
_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
_BOX_COLUMNS = 5  # class, centre x, centre y, width, height

# Labels have no outline to take the area from. This is what Ultralytics' own validation of pose
# models takes for it, as xtcocotools does.
_AREA_PER_BOX_AREA = 0.53
_TOLERANCE = 0.01  # converters round; Ultralytics lets as much pass
_ORIENTATION = 0x0112  # EXIF


@dataclass(frozen=True)
class _Layout:
    """What the columns of a row mean.

    Attributes:
        labels: The model's class for each class of the rows.
        count: K.
        dims: Numbers a keypoint: 2 for x, y or 3 for x, y, v.
    """

    labels: tuple[int, ...]
    count: int
    dims: int

    @property
    def columns(self) -> int:
        """Numbers a row."""
        return _BOX_COLUMNS + self.count * self.dims


def names_part(description: Path, part: str) -> bool:
    """Whether a ``data.yaml`` says where the images of a part are.

    Args:
        description: The ``data.yaml``.
        part: ``train`` or ``val``.

    Raises:
        DatasetError: It is not such a file.
    """
    return bool(_places(_load(description), part))


def read_yolo(description: Path, part: str, config: ModelConfig) -> list[Sample]:
    """The images of one part of a YOLO-pose dataset, those of a folder sorted by their paths.

    Images are taken as they are stored, so one that is to be turned for display is refused: its
    labels were made on the turned image.

    Args:
        description: The ``data.yaml``; ``path`` in it is relative to its folder.
        part: ``train`` or ``val``, which the file may also call ``valid``.
        config: Classes and keypoints that the model is to learn.

    Raises:
        DatasetError: The file, an image or a row of labels is not as it should be, or the classes
            or keypoints are not the model's.
    """
    document = _load(description)
    try:
        layout = _layout(document, config)
        images = _images(document, part, description.parent)
    except DatasetError as error:
        raise DatasetError(f"{description}: {error}") from error
    if images and not any(_label_file(image).is_file() for image in images):
        raise DatasetError(
            f"{description}: no image of {part!r} has labels. Those of {images[0]} would be "
            f"{_label_file(images[0])}."
        )
    return [_sample(image, layout) for image in images]


def _load(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: not YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(document, dict):
        raise DatasetError(f"{path}: not a mapping with train, val, names and kpt_shape.")
    return document


def _layout(document: Mapping[str, Any], config: ModelConfig) -> _Layout:
    count, dims = _keypoint_shape(document)
    if count != config.keypoints.count:
        raise DatasetError(
            f"kpt_shape says {count} keypoints, the model has {config.keypoints.count}. Construct "
            f"the model with num_keypoints={count}."
        )
    _check_mirror(document.get("flip_idx"), config.keypoints.flip_order)
    return _Layout(_labels(_class_names(document), config), count, dims)


def _keypoint_shape(document: Mapping[str, Any]) -> tuple[int, int]:
    match document.get("kpt_shape"):
        case [int(count), (2 | 3) as dims]:
            return count, dims
        case shape:
            raise DatasetError(
                f"kpt_shape is {shape!r:.60}, not [keypoints, 2 or 3]. Add e.g. kpt_shape: [17, 3]."
            )


def _check_mirror(flip_idx: Any, flip_order: list[int]) -> None:
    # Otherwise every second image would teach the wrong side, and nothing would say so.
    if flip_idx and flip_idx != flip_order:
        raise DatasetError(
            f"flip_idx is {flip_idx}, by the model's flip_pairs it is {flip_order}. Correct "
            "flip_idx, or construct the model with the flip_pairs that it means."
        )


def _class_names(document: Mapping[str, Any]) -> list[str]:
    names = document.get("names")
    if isinstance(names, dict) and set(names) == set(range(len(names))):
        names = [names[number] for number in range(len(names))]
    if not isinstance(names, list) or not names:
        raise DatasetError(f"names is {names!r:.60}, not a list. Add e.g. names: [person].")
    return [str(name) for name in names]


def _labels(names: Sequence[str], config: ModelConfig) -> tuple[int, ...]:
    if len(names) == len(config.class_names) == 1:
        return (0,)  # there is no doubt what is meant, however it is called
    if sorted(names) != sorted(config.class_names):
        raise DatasetError(
            f"its names are {list(names)}, the model's classes are {list(config.class_names)}. "
            f"Construct the model with class_names={list(names)}."
        )
    return tuple(config.class_names.index(name) for name in names)


def _places(document: Mapping[str, Any], part: str) -> list[str]:
    """What the file says of a part: folders, or lists of images; empty if it says nothing."""
    value: Any = next((document[key] for key in _KEYS[part] if document.get(key)), [])
    return [str(place) for place in (value if isinstance(value, list) else [value])]


def _images(document: Mapping[str, Any], part: str, folder: Path) -> list[Path]:
    root = folder / str(document.get("path") or ".")
    return [image for place in _places(document, part) for image in _images_at(root, place)]


def _images_at(root: Path, place: str) -> list[Path]:
    found = root / place
    if not found.exists() and place.startswith("../"):
        # Roboflow's exports say ../train/images for train/images, and Ultralytics reads them so.
        found = root / place.removeprefix("../")
    if found.is_dir():
        return sorted(path for path in found.rglob("*") if path.suffix.lower() in _SUFFIXES)
    if found.is_file() and found.suffix == ".txt":
        lines = found.read_text(encoding="utf-8-sig").splitlines()
        return [found.parent / line.strip() for line in lines if line.strip()]
    raise DatasetError(
        f"{root / place} is neither a folder nor a .txt list of images. Correct path, which is "
        "relative to the file, or what is relative to path, or take the part out."
    )


def _label_file(image: Path) -> Path:
    """The last folder ``images`` of the path becomes ``labels``, as Ultralytics looks for it."""
    *folders, name = image.parts
    if "images" in folders:
        folders[len(folders) - 1 - folders[::-1].index("images")] = "labels"
    return Path(*folders, name).with_suffix(".txt")


def _sample(image: Path, layout: _Layout) -> Sample:
    width, height = _size(image)
    rows = _rows(_label_file(image), layout)
    size = np.array([width, height], np.float32)
    centres, sides = rows[:, 1:3] * size, rows[:, 3:5] * size
    return Sample(
        path=image,
        width=width,
        height=height,
        boxes=np.concatenate([centres - sides / 2, centres + sides / 2], axis=1),
        keypoints=_keypoints(rows[:, _BOX_COLUMNS:], layout, size),
        areas=_AREA_PER_BOX_AREA * sides.prod(1),
        labels=np.array([layout.labels[int(row[0])] for row in rows], np.int64),
        crowd=np.zeros(len(rows), np.bool_),
    )


def _size(path: Path) -> tuple[int, int]:
    try:
        with Image.open(path) as image:
            # getexif() would decode a PNG that has none.
            turned = "exif" in image.info and image.getexif().get(_ORIENTATION) in range(2, 9)
            size: tuple[int, int] = image.size
    except UNREADABLE as error:
        raise DatasetError(f"{path}: cannot be read as an image: {error}.") from error
    if turned:
        raise DatasetError(
            f"{path}: its EXIF orientation turns or mirrors it, which training does not follow. "
            "Store it upright."
        )
    return size


def _keypoints(numbers: Float32Array, layout: _Layout, size: Float32Array) -> Float32Array:
    """(T, K, 3) in pixels of (T, K · D) columns."""
    points = numbers.reshape(-1, layout.count, layout.dims)
    if layout.dims == 2:
        labelled = (points != 0).any(2, keepdims=True)
        points = np.concatenate([points, 2 * labelled.astype(np.float32)], axis=2)
    return points * np.array([*size, 1], np.float32)


def _rows(path: Path, layout: _Layout) -> Float32Array:
    """(T, columns) of a label file; none without one, which means an image without objects."""
    try:
        text = path.read_text(encoding="utf-8-sig") if path.is_file() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read: {error}.") from error
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            rows += [_row(line.split(), layout)] if line.strip() else []
        except DatasetError as error:
            raise DatasetError(f"{path}, line {number}: {error}") from error
    return np.array(rows, np.float32).reshape(-1, layout.columns)


def _row(fields: Sequence[str], layout: _Layout) -> Float32Array:
    if len(fields) != layout.columns:
        raise DatasetError(
            f"{len(fields)} columns. With kpt_shape [{layout.count}, {layout.dims}] write "
            f"{layout.columns}: class, 4 of the box, {layout.dims} a keypoint."
        )
    row = _numbers(fields)
    if row[0] not in range(len(layout.labels)):
        raise DatasetError(
            f"class {row[0]:g}, but names has only 0 to {len(layout.labels) - 1}. Correct the "
            "class, or names."
        )
    _check_values(row, layout)
    return row


def _numbers(fields: Sequence[str]) -> Float32Array:
    try:
        numbers = np.array([float(field) for field in fields], np.float32)
    except ValueError as error:
        raise DatasetError(f"{error}. Write numbers separated by spaces.") from error
    if not np.isfinite(numbers).all():
        column = int(np.argmin(np.isfinite(numbers)))
        raise DatasetError(f"column {column + 1} is {fields[column]}. Write a finite number.")
    return numbers


def _check_values(row: Float32Array, layout: _Layout) -> None:
    box = row[1:_BOX_COLUMNS]
    if box.min() < -_TOLERANCE or box.max() > 1 + _TOLERANCE:
        raise DatasetError(
            f"the box is {box.tolist()}. Divide it by the image's sides, to lie in 0..1."
        )
    visibility = row[_BOX_COLUMNS + 2 :: 3] if layout.dims == 3 else row[:0]
    if not np.isin(visibility, (0, 1, 2)).all():
        raise DatasetError(
            f"visibilities are {np.unique(visibility).tolist()}. Write 0 for not labelled, 1 for "
            "occluded, 2 for visible."
        )
