"""One YOLO-pose label file: `class cx cy w h x y [v] ...` a line, everything but class 0..1."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from posebench.errors import InputError
from posebench.types import Float64Array, IntArray

# Converters round, so that a box at the edge may reach a little beyond it.
_TOLERANCE = 1e-3
_BOX = ("class", "cx", "cy", "w", "h")


@dataclass(frozen=True)
class LabelFormat:
    """What a line must look like.

    Attributes:
        keypoints: K.
        dims: 2: ``x y``, a point at 0, 0 is not labelled; 3: ``x y v``.
        classes: Number of classes.
    """

    keypoints: int
    dims: int
    classes: int

    @property
    def columns(self) -> int:
        """Numbers a line."""
        return len(_BOX) + self.keypoints * self.dims

    def field(self, column: int) -> str:
        """Name of a column, e.g. ``cx`` or ``x of keypoint 3``."""
        if column < len(_BOX):
            return _BOX[column]
        keypoint, axis = divmod(column - len(_BOX), self.dims)
        return f"{'xyv'[axis]} of keypoint {keypoint}"


@dataclass(frozen=True, eq=False)
class Labels:
    """People of one picture.

    Attributes:
        class_ids: (G,) int64, zero-based.
        boxes: (G, 4) float64 centre x, centre y, width, height, normalised.
        keypoints: (G, K, 3) float64 x, y, normalised, and v.
    """

    class_ids: IntArray
    boxes: Float64Array
    keypoints: Float64Array


def parse_labels(data: bytes, layout: LabelFormat, path: Path) -> Labels:
    """The people in a label file; none in an empty one.

    Raises:
        InputError: A line does not fit; names the file, the line and the field.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file ({error}).") from error
    lines = [(n, line.split()) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    rows = [_parse_line(fields, layout, f"{path}, line {number}") for number, fields in lines]
    table = np.asarray(rows, np.float64).reshape(-1, layout.columns)
    return Labels(
        class_ids=table[:, 0].astype(np.int64),
        boxes=table[:, 1:5],
        keypoints=_keypoints(table[:, 5:], layout),
    )


def _keypoints(values: Float64Array, layout: LabelFormat) -> Float64Array:
    points = values.reshape(-1, layout.keypoints, layout.dims)
    if layout.dims == 3:
        return points
    labelled = (points != 0).any(axis=2, keepdims=True)
    return np.concatenate([points, np.where(labelled, 2.0, 0.0)], axis=2)


def _parse_line(fields: list[str], layout: LabelFormat, where: str) -> list[float]:
    if len(fields) != layout.columns:
        raise InputError(
            f"{where}: {len(fields)} columns instead of {layout.columns}.",
            remedy=f"kpt_shape [{layout.keypoints}, {layout.dims}] asks for class, 4 box values "
            f"and {layout.keypoints} times {layout.dims}.",
        )
    values = [_number(text, layout.field(c), where) for c, text in enumerate(fields)]
    _check_class(values[0], layout, where)
    for column, value in enumerate(values[1:], 1):
        _check_value(value, layout.field(column), where)
    return values


def _number(text: str, field: str, where: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"{where}: {field} is {text!r}, not a number.") from error


def _check_class(value: float, layout: LabelFormat, where: str) -> None:
    if value not in range(layout.classes):
        raise InputError(
            f"{where}: unknown class {value:g}.",
            remedy=f"`names` in the data file has classes 0 to {layout.classes - 1}.",
        )


def _check_value(value: float, field: str, where: str) -> None:
    """Coordinates lie within the picture, a box has a size, a visibility is 0, 1 or 2."""
    if field.startswith("v "):
        if value not in (0, 1, 2):
            raise InputError(f"{where}: {field} is {value:g}.", remedy="It must be 0, 1 or 2.")
    elif not -_TOLERANCE <= value <= 1 + _TOLERANCE:
        raise InputError(
            f"{where}: {field} is {value:g}.",
            remedy="It must be divided by the picture's width or height, to lie in 0..1.",
        )
    elif field in ("w", "h") and value <= 0:
        raise InputError(f"{where}: {field} is {value:g}.", remedy="A box must have a size.")
