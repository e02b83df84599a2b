"""The part of a picture that the network sees of a person, and the way back.

A box is enlarged by 1.25, one of its sides is lengthened to the aspect of the network's input, and
what it holds is warped onto the input by an affine map that takes the edges of the one to the edges
of the other (Xiao et al., Simple Baselines, ECCV 2018).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.int64]
Image = npt.NDArray[np.uint8]

BOX_PADDING = 1.25


@dataclass(frozen=True, eq=False)
class Region:
    """What is cut out.

    Attributes:
        center: (2,) float32 x and y, px of the picture.
        size: (2,) float32 width and height, px of the picture; padded, with the input's aspect.
    """

    center: Float32Array
    size: Float32Array

    @property
    def area(self) -> float:
        """Square px: the scale of a person in the suppression of people found twice."""
        return float(np.prod(self.size))


def region_around(
    corners: npt.ArrayLike, input_size: tuple[int, int], padding: float = BOX_PADDING
) -> Region:
    """The region of a box.

    Args:
        corners: (4,) left, top, right, bottom, px.
        input_size: Height and width of the network's input, px.
        padding: By how much both sides are enlarged.
    """
    box = np.asarray(corners, np.float32)
    center = (box[2:] + box[:2]) * np.float32(0.5)
    width, height = (box[2:] - box[:2]) * np.float32(padding)
    aspect = np.float32(input_size[1] / input_size[0])
    if width > height * aspect:
        height = width / aspect
    else:
        width = height * aspect
    return Region(center, np.array([width, height], np.float32))


def crop_matrix(region: Region, input_size: tuple[int, int], rotation: float = 0.0) -> Float64Array:
    """(2, 3) affine map from px of the picture to px of the network's input.

    It keeps the centre and the middle of the left side, and knows no shear; OpenCV solves for it
    from three points, because its rounding decides pixels.

    Args:
        region: To be shown.
        input_size: Height and width of the network's input, px.
        rotation: Degrees by which the region is turned, clockwise as it is seen.
    """
    height, width = input_size
    angle = np.deg2rad(rotation)
    half = -0.5 * float(region.size[0]) * np.array([np.cos(angle), np.sin(angle)])
    source = np.empty((3, 2), np.float32)
    source[0] = region.center
    source[1] = region.center.astype(np.float64) + half
    across = source[0] - source[1]
    source[2] = source[1] + np.array([-across[1], across[0]], np.float32)
    middle = height * 0.5
    target = np.array([[width * 0.5, middle], [0, middle], [0, middle + width * 0.5]], np.float32)
    return np.asarray(cv2.getAffineTransform(source, target), np.float64)


def cut_out(image: Image, matrix: Float64Array, input_size: tuple[int, int]) -> Image:
    """The (height, width, 3) crop, bilinear, black outside the picture."""
    height, width = input_size
    return np.asarray(cv2.warpAffine(image, matrix, (width, height)), np.uint8)


def map_points(points: npt.ArrayLike, matrix: Float64Array) -> Float32Array:
    """(N, 2) px of the network's input of (N, 2) px of the picture."""
    places = np.asarray(points, np.float64)
    return np.asarray(places @ matrix[:, :2].T + matrix[:, 2], np.float32)


def to_picture(points: Float32Array, region: Region, input_size: tuple[int, int]) -> Float32Array:
    """(K, 2) px of the picture of (K, 2) px of the input that shows an unturned region."""
    share = np.asarray(points, np.float64) / np.array(input_size[::-1])
    size = region.size.astype(np.float64)
    return np.asarray(share * size + (region.center - 0.5 * size), np.float32)
