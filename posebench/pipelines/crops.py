"""The crops that a top-down network sees of people's boxes, and the way back to the picture.

A box is enlarged, one of its sides is lengthened until it has the aspect of the network's input,
and what it holds is warped onto the input. There are two ways to lay pixels onto each other: the
``classic`` one maps the edges of the box to the edges of the input (Xiao et al., Simple Baselines,
ECCV 2018), ``udp`` the centres of the outermost pixels to each other (Huang et al., The Devil is in
the Details, CVPR 2020). Both equal GetBBoxCenterScale and TopdownAffine of mmpose 1.3 to the pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from posebench.config import Preprocess, TopDown
from posebench.pipelines.letterbox import normalise
from posebench.types import BoolArray, Float32Array, Float64Array, Image


@dataclass(frozen=True, eq=False)
class Crops:
    """Where M people are looked for in one picture.

    Attributes:
        centers: (M, 2) float32 x and y of the boxes' centres, px of the original picture.
        sizes: (M, 2) float32 width and height of the enlarged boxes, which have the aspect of the
            network's input, px of the original picture.
        matrices: (M, 2, 3) float64, affine, original px to network px.
        input_size: Width and height of the network's input, px.
    """

    centers: Float32Array
    sizes: Float32Array
    matrices: Float64Array
    input_size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.centers)


def usable(boxes: Float32Array) -> BoolArray:
    """(M,) whether a box can be cropped: its corners are finite, width and height positive.

    Args:
        boxes: (M, 4) x1, y1, x2, y2 in px.
    """
    finite: BoolArray = np.isfinite(boxes).all(axis=1)
    with np.errstate(invalid="ignore", over="ignore"):
        extended: BoolArray = (boxes[:, 2:] - boxes[:, :2] > 0).all(axis=1)
    return finite & extended


def plan_crops(boxes: Float32Array, preprocess: Preprocess, top_down: TopDown) -> Crops:
    """How the boxes of one picture are fitted into the network's input.

    Args:
        boxes: (M, 4) x1, y1, x2, y2 in px of the original picture, all of them :func:`usable`.
            They may reach outside the picture.
        preprocess: Its input size.
        top_down: Its padding and its warp.
    """
    boxes = np.asarray(boxes, np.float32)
    centers = (boxes[:, 2:] + boxes[:, :2]) * np.float32(0.5)
    padded = (boxes[:, 2:] - boxes[:, :2]) * np.float32(top_down.box_padding)
    input_size = (preprocess.input_width, preprocess.input_height)
    sizes = _fix_aspect(padded, np.float32(input_size[0] / input_size[1]))
    warp = _udp_matrices if top_down.warp == "udp" else _classic_matrices
    return Crops(centers, sizes, warp(centers, sizes, input_size), input_size)


def crop_people(image: Image, crops: Crops, preprocess: Preprocess) -> Float32Array:
    """The (M, 3, H, W) float32 network input of the people of one picture.

    Args:
        image: (H0, W0, 3) uint8 RGB; it is not changed.
        crops: Of this picture.
        preprocess: What lies outside the picture (``pad_value``) and how pixels are normalised.
    """
    width, height = crops.input_size
    border = (preprocess.pad_value,) * 3
    warped = np.empty((height, width, 3), np.uint8)
    tensors = np.empty((len(crops), 3, height, width), np.float32)
    for matrix, tensor in zip(crops.matrices, tensors, strict=True):
        cv2.warpAffine(image, matrix, crops.input_size, dst=warped, borderValue=border)
        tensor[:] = normalise(warped, preprocess)[0]
    return tensors


def to_picture(keypoints: Float32Array, crops: Crops) -> Float32Array:
    """Decoded network px to px of the original picture, (M, K, 2) x and y.

    The input's sides stand for the sides of the enlarged box, whichever way it was warped: that is
    the convention of what :func:`posebench.pipelines.heatmaps.decode_heatmaps` gives.
    """
    share = np.asarray(keypoints, np.float64) / crops.input_size
    corners = crops.centers - 0.5 * crops.sizes.astype(np.float64)
    mapped = share * crops.sizes[:, None] + corners[:, None]
    return np.asarray(mapped, np.float32)


def padded_areas(crops: Crops) -> Float32Array:
    """(M,) areas of the enlarged boxes, px²: what mmpose's CocoMetric gives its OKS-NMS."""
    return np.asarray(np.prod(crops.sizes, axis=1), np.float32)


def _fix_aspect(sizes: Float32Array, aspect: np.float32) -> Float32Array:
    """(M, 2) widths and heights, the shorter side lengthened to width = aspect · height."""
    width, height = sizes[:, :1], sizes[:, 1:]
    wide = np.concatenate([width, width / aspect], axis=1)
    tall = np.concatenate([height * aspect, height], axis=1)
    return np.asarray(np.where(width > height * aspect, wide, tall), np.float32)


def _udp_matrices(
    centers: Float32Array, sizes: Float32Array, input_size: tuple[int, int]
) -> Float64Array:
    """Size - 1 network px a box, so that the outermost pixel centres are at its sides."""
    scales = (np.array(input_size) - 1) / sizes.astype(np.float64)
    matrices = np.zeros((len(centers), 2, 3))
    matrices[:, 0, 0], matrices[:, 1, 1] = scales[:, 0], scales[:, 1]
    matrices[:, :, 2] = scales * (0.5 * sizes.astype(np.float64) - centers)
    # mmpose rounds the matrix, which moves some pixels by a grey level.
    return matrices.astype(np.float32).astype(np.float64)


def _classic_matrices(
    centers: Float32Array, sizes: Float32Array, input_size: tuple[int, int]
) -> Float64Array:
    """Centre to centre, the middle of the left side to that of the left side, without shear.

    The matrix is solved for from three points by OpenCV because its rounding decides pixels.
    """
    width, height = input_size
    left = (centers[:, 0] - 0.5 * sizes[:, 0].astype(np.float64)).astype(np.float32)
    source = np.empty((len(centers), 3, 2), np.float32)
    source[:, 0] = centers
    source[:, 1:, 0] = left[:, None]
    source[:, 1, 1] = centers[:, 1]
    source[:, 2, 1] = centers[:, 1] + (centers[:, 0] - left)
    middle = height * 0.5
    target = np.array([[width * 0.5, middle], [0, middle], [0, middle + width * 0.5]], np.float32)
    matrices = np.empty((len(centers), 2, 3))
    for matrix, points in zip(matrices, source, strict=True):
        matrix[:] = cv2.getAffineTransform(points, target)
    return matrices
