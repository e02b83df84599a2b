"""A person to be looked into, and how its picture is read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from rdpose.data.crop import Float32Array, Image, Region
from rdpose.errors import DatasetError
from rdpose.targets import labelled_center

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Person:
    """One person of a picture; coordinates in px of the picture.

    Attributes:
        image: Of the picture's file.
        image_id: Of the picture; its position in the file where pictures have no numbers.
        region: What the network sees.
        joints: (K, 2) float32 x, y; zeros where they are not labelled.
        visible: (K,) whether a joint is labelled.
        neighbours: (M, 2) float32 centres of the other annotated people of the picture, each the
            mean of its labelled joints.
        score: Of the box, 0..1; 1 for an annotated one.
    """

    image: Path
    image_id: int
    region: Region
    joints: Float32Array
    visible: BoolArray
    neighbours: Float32Array
    score: float = 1.0


def neighbouring_centers(joints: Float32Array, visible: BoolArray) -> list[Float32Array]:
    """For each of the N people of one picture, the (M, 2) centres of the others.

    Args:
        joints: (N, K, 2) px.
        visible: (N, K).
    """
    centers = [labelled_center(*person) for person in zip(joints, visible, strict=True)]
    return [
        np.array(
            [c for j, c in enumerate(centers) if j != i and c is not None], np.float32
        ).reshape(-1, 2)
        for i in range(len(centers))
    ]


def check_people(people: list[Person], source: Path) -> list[Person]:
    """The people, unless there is nobody or a picture is missing.

    Raises:
        DatasetError: There are none, or a picture does not exist.
    """
    if not people:
        raise DatasetError(f"{source}: nobody with a labelled keypoint in it.")
    check_pictures({person.image for person in people}, source)
    return people


def check_pictures(paths: Iterable[Path], source: Path) -> None:
    """Refuse a dataset whose pictures are not there.

    Raises:
        DatasetError: One of them does not exist.
    """
    missing = sorted(path for path in paths if not path.is_file())
    if missing:
        raise DatasetError(
            f"{source}: {len(missing)} of its pictures are missing, the first is {missing[0]}. "
            "Unpack the pictures into that folder."
        )


def read_image(path: Path) -> Image:
    """The (H, W, 3) uint8 RGB picture, not turned by its EXIF tag: annotations are not either.

    Raises:
        DatasetError: It cannot be read.
    """
    image = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None:
        raise DatasetError(f"{path}: not a readable image.")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
