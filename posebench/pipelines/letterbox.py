"""From a decoded picture to the network's input, and from network pixels back to the picture.

The geometry is a value (:class:`Geometry`) computed from two sizes and the protocol; the image
operation and both coordinate maps follow from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from posebench.config import Preprocess
from posebench.types import Float32Array, Image


@dataclass(frozen=True)
class Geometry:
    """Where a picture lies in the network's input. Sizes in pixels.

    Attributes:
        source_height: Of the original picture.
        source_width: Of the original picture.
        height: Of the network's input.
        width: Of the network's input.
        resized_height: Of the resized picture inside the input.
        resized_width: Of the resized picture inside the input.
        top: Rows of padding above it.
        left: Columns of padding left of it.
        scale_x: Network pixels per original pixel, for mapping coordinates.
        scale_y: Likewise for rows.
        offset_x: Network x of original x = 0.
        offset_y: Network y of original y = 0.
        affine: The picture is warped by scale and offset themselves; the whole pixels of size and
            padding are only nearly those that it covers.
    """

    source_height: int
    source_width: int
    height: int
    width: int
    resized_height: int
    resized_width: int
    top: int
    left: int
    scale_x: float
    scale_y: float
    offset_x: float
    offset_y: float
    affine: bool = False


def plan(height: int, width: int, preprocess: Preprocess) -> Geometry:
    """How a picture of ``height`` x ``width`` pixels is fitted into the network's input.

    Sides are rounded to whole pixels, half to even, and never vanish. Centred padding that is odd
    puts the extra row or column below or right, as Ultralytics' letterbox does.
    ``letterbox-affine`` maps pixel centres with neither rounding, as mmpose's BottomupResize does.
    """
    target_h, target_w = preprocess.input_height, preprocess.input_width
    ratio = min(target_h / height, target_w / width)
    if preprocess.resize == "stretch":
        resized_h, resized_w = target_h, target_w
    else:
        resized_h, resized_w = max(round(height * ratio), 1), max(round(width * ratio), 1)
    if preprocess.resize == "letterbox-rect":
        target_h = resized_h + (target_h - resized_h) % preprocess.pad_stride
        target_w = resized_w + (target_w - resized_w) % preprocess.pad_stride
    centred = preprocess.pad_position == "center"
    top = round((target_h - resized_h) / 2 - 0.1) if centred else 0
    left = round((target_w - resized_w) / 2 - 0.1) if centred else 0
    affine = preprocess.resize == "letterbox-affine"
    exact = preprocess.resize == "stretch" or (preprocess.gain == "exact" and not affine)
    scale_x = resized_w / width if exact else ratio
    scale_y = resized_h / height if exact else ratio
    pad_x, pad_y = (float(left), float(top))
    if affine and centred:
        pad_x, pad_y = (target_w - width * ratio) / 2, (target_h - height * ratio) / 2
    half_pixel = 0.5 if preprocess.coordinates == "pixel-centers" else 0.0
    return Geometry(
        source_height=height,
        source_width=width,
        height=target_h,
        width=target_w,
        resized_height=resized_h,
        resized_width=resized_w,
        top=top,
        left=left,
        scale_x=scale_x,
        scale_y=scale_y,
        offset_x=pad_x + half_pixel * (scale_x - 1),
        offset_y=pad_y + half_pixel * (scale_y - 1),
        affine=affine,
    )


def fit(image: Image, geometry: Geometry, pad_value: int) -> Image:
    """Resize bilinearly and pad: (H, W, 3) uint8 to (height, width, 3) uint8."""
    if geometry.affine:
        return _warp(image, geometry, pad_value)
    size = (geometry.resized_width, geometry.resized_height)
    if (image.shape[1], image.shape[0]) != size:
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    bottom = geometry.height - geometry.resized_height - geometry.top
    right = geometry.width - geometry.resized_width - geometry.left
    if not (geometry.top or geometry.left or bottom or right):
        return image
    border = (geometry.top, bottom, geometry.left, right)
    padded = cv2.copyMakeBorder(image, *border, cv2.BORDER_CONSTANT, value=(pad_value,) * 3)
    return np.asarray(padded, np.uint8)


def _warp(image: Image, geometry: Geometry, pad_value: int) -> Image:
    matrix = np.array(
        [[geometry.scale_x, 0, geometry.offset_x], [0, geometry.scale_y, geometry.offset_y]]
    )
    size = (geometry.width, geometry.height)
    border = (pad_value,) * 3
    warped = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderValue=border)
    return np.asarray(warped, np.uint8)


def normalise(image: Image, preprocess: Preprocess) -> Float32Array:
    """(H, W, 3) uint8 RGB to (1, 3, H, W) float32, ``(pixel * scale - mean) / std``."""
    height, width = image.shape[:2]
    tensor = np.empty((1, 3, height, width), np.float32)
    planes = cv2.split(image)
    if preprocess.color == "bgr":
        planes = planes[::-1]
    # A table of the 256 values costs a lookup a pixel instead of three float operations, and
    # rounds once.
    values = np.arange(256) * preprocess.scale
    for channel, plane in enumerate(planes):
        table = (values - preprocess.mean[channel]) / preprocess.std[channel]
        cv2.LUT(plane, table.astype(np.float32), dst=tensor[0, channel])
    return tensor


def preprocess_image(image: Image, preprocess: Preprocess) -> tuple[Float32Array, Geometry]:
    """The (1, 3, H, W) network input of a picture, and where the picture lies in it."""
    geometry = plan(image.shape[0], image.shape[1], preprocess)
    return normalise(fit(image, geometry, preprocess.pad_value), preprocess), geometry


def to_network(points: Float32Array, geometry: Geometry) -> Float32Array:
    """Original pixels to network pixels, (..., 2) x and y."""
    mapped = np.asarray(points, np.float32).copy()
    mapped[..., 0] = mapped[..., 0] * geometry.scale_x + geometry.offset_x
    mapped[..., 1] = mapped[..., 1] * geometry.scale_y + geometry.offset_y
    return mapped


def to_source(points: Float32Array, geometry: Geometry, *, clip: bool) -> Float32Array:
    """Network pixels to original pixels, (..., 2) x and y.

    Args:
        points: (..., 2) in network pixels.
        geometry: Of the picture.
        clip: Move points outside the picture to its edge, 0..width and 0..height.
    """
    mapped = np.asarray(points, np.float32).copy()
    mapped[..., 0] = (mapped[..., 0] - geometry.offset_x) / geometry.scale_x
    mapped[..., 1] = (mapped[..., 1] - geometry.offset_y) / geometry.scale_y
    if clip:
        np.clip(mapped[..., 0], 0, geometry.source_width, out=mapped[..., 0])
        np.clip(mapped[..., 1], 0, geometry.source_height, out=mapped[..., 1])
    return mapped
