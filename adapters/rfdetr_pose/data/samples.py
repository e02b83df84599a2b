"""An annotated image, and the checks that every reader's images pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rfdetr_pose.errors import DatasetError

Float32Array = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

_TOLERANCE_PX = 1.0  # a keypoint on the far edge of the last pixel still counts as inside


@dataclass(frozen=True, eq=False)
class Sample:
    """One image and its T annotated objects; coordinates in its pixels.

    Attributes:
        path: Of the image file.
        width: Pixels.
        height: Pixels.
        boxes: (T, 4) left, top, right, bottom.
        keypoints: (T, K, 3) x, y, v; v is 0 not labelled, 1 occluded, 2 visible.
        areas: (T,) square pixels.
        labels: (T,) zero-based class.
        crowd: (T,) bool, a region of many objects that is neither right nor wrong to predict.
    """

    path: Path
    width: int
    height: int
    boxes: Float32Array
    keypoints: Float32Array
    areas: Float32Array
    labels: IntArray
    crowd: BoolArray


def check_samples(samples: Sequence[Sample], source: Path) -> None:
    """Refuse what cannot be trained on.

    Args:
        samples: Of one part of a dataset.
        source: Where they were read, for messages.

    Raises:
        DatasetError: There are no images, no object has a labelled keypoint, a box or an area is
            not finite, or a labelled keypoint lies outside its image.
    """
    if not samples:
        raise DatasetError(f"{source}: no images.")
    if not any((sample.keypoints[..., 2] > 0).any() for sample in samples):
        raise DatasetError(
            f"{source}: none of the {len(samples)} images has an object with a labelled keypoint."
        )
    for sample in samples:
        _check_finite(sample, source)
        _check_inside(sample, source)


def _check_finite(sample: Sample, source: Path) -> None:
    # JSON has NaN and null; one such area makes the loss, and then every weight, NaN.
    wrong = np.flatnonzero(~np.isfinite(np.c_[sample.boxes, sample.areas]).all(1))
    if len(wrong):
        raise DatasetError(
            f"{source}: object {wrong[0]} of {sample.path.name} has the box "
            f"{sample.boxes[wrong[0]].tolist()} and the area {sample.areas[wrong[0]]:g}. Write "
            "finite numbers."
        )


def _check_inside(sample: Sample, source: Path) -> None:
    x, y, v = np.moveaxis(sample.keypoints, -1, 0)
    low, high_x, high_y = -_TOLERANCE_PX, sample.width, sample.height
    inside = (x >= low) & (y >= low) & (x <= high_x) & (y <= high_y)
    wrong = np.argwhere((v > 0) & ~inside)
    if len(wrong):
        person, keypoint = (int(index) for index in wrong[0])
        raise DatasetError(
            f"{source}: keypoint {keypoint} of object {person} of {sample.path.name} is at "
            f"({x[person, keypoint]:g}, {y[person, keypoint]:g}), outside the image of "
            f"{sample.width} x {sample.height} px. Give it v = 0, or correct it."
        )
