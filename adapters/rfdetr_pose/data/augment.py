"""Augmentation: a random window of the image, mirrored or not, in other colours.

Everything geometric is one :class:`View`; pixels are resampled once, boxes and keypoints follow
from the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from rfdetr_pose.data.samples import Float32Array, Sample

Image = npt.NDArray[np.uint8]

_FILL = (124, 116, 104)  # the mean of ImageNet: zero after normalisation
_LEAST_BOX_SHARE = 0.1  # an object of which less is in view is no longer asked for
_LEAST_BOX_PX = 2.0
_GRAY = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class View:
    """The part of an image that the network is shown, in pixels of the image.

    Attributes:
        left: Of the window; may be negative.
        top: Likewise.
        width: Of the window.
        height: Of the window.
        mirrored: Whether left and right are exchanged.
    """

    left: float
    top: float
    width: float
    height: float
    mirrored: bool = False


@dataclass(frozen=True)
class AugmentConfig:
    """How far images are changed.

    Attributes:
        mirror: Probability.
        zoom: Least and greatest side of the window, as a share of the image's side.
        aspect: Greatest factor by which the window's aspect differs from the image's.
        brightness: Greatest change, in shares of 255.
        contrast: Greatest relative change.
        saturation: Greatest relative change.
        tint: Greatest relative change of one colour channel.
        gray: Probability of a picture without colour.
    """

    mirror: float = 0.5
    zoom: tuple[float, float] = (0.55, 1.25)
    aspect: float = 1.2
    brightness: float = 0.12
    contrast: float = 0.3
    saturation: float = 0.4
    tint: float = 0.08
    gray: float = 0.05


def whole(sample: Sample) -> View:
    """The view that shows the image as it is."""
    return View(0.0, 0.0, float(sample.width), float(sample.height))


def random_view(sample: Sample, config: AugmentConfig, random: np.random.Generator) -> View:
    """A window anywhere in the image, or around it where it is larger."""
    zoom = np.exp(random.uniform(*np.log(config.zoom)))
    aspect = np.exp(random.uniform(-1, 1) * np.log(config.aspect) / 2)
    width, height = sample.width * zoom * aspect, sample.height * zoom / aspect
    return View(
        left=float(random.uniform(0, 1) * (sample.width - width)),
        top=float(random.uniform(0, 1) * (sample.height - height)),
        width=float(width),
        height=float(height),
        mirrored=bool(random.random() < config.mirror),
    )


def render_view(image: Image, view: View, side: int) -> Image:
    """The window as a (side, side, 3) picture, bilinear, the outside filled with grey."""
    scale_x, scale_y = view.width / side, view.height / side
    # warpAffine counts from pixel centres, a view from pixel edges.
    matrix = np.array(
        [
            [scale_x, 0, view.left + scale_x / 2 - 0.5],
            [0, scale_y, view.top + scale_y / 2 - 0.5],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    shown = cv2.warpAffine(
        image, matrix, (side, side), flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=_FILL
    )
    return np.ascontiguousarray(shown[:, ::-1] if view.mirrored else shown, np.uint8)


def objects_in_view(sample: Sample, view: View, flip_order: Sequence[int]) -> Sample:
    """The objects as the view shows them, still in pixels of the image's size.

    Boxes are cut at the window, keypoints outside it become unlabelled, objects that are hardly
    in view or that are crowds are left out. Areas stay those of the whole object: they are its
    scale, not what is seen of it.

    Args:
        sample: Annotations.
        view: What is shown.
        flip_order: Where each keypoint of a mirrored image comes from.
    """
    limits = np.array([view.width, view.height] * 2, np.float32)
    origin = np.array([view.left, view.top] * 2, np.float32)
    shifted = sample.boxes - origin
    boxes = np.clip(shifted, 0, limits)
    keypoints = sample.keypoints.copy()
    keypoints[..., :2] -= origin[:2]
    outside = (keypoints[..., :2] < 0).any(-1) | (keypoints[..., :2] > limits[:2]).any(-1)
    keypoints[outside] = 0
    if view.mirrored:
        boxes, keypoints = _mirror(boxes, keypoints, view.width, flip_order)
    sides = boxes[:, 2:] - boxes[:, :2]
    full = np.maximum((shifted[:, 2:] - shifted[:, :2]).prod(1), 1e-6)
    kept = ~sample.crowd & (sides.min(1, initial=np.inf) >= _LEAST_BOX_PX)
    kept &= sides.prod(1) / full >= _LEAST_BOX_SHARE
    return replace(
        sample,
        boxes=boxes[kept],
        keypoints=keypoints[kept],
        areas=sample.areas[kept],
        labels=sample.labels[kept],
        crowd=sample.crowd[kept],
    )


def recolour(image: Image, config: AugmentConfig, random: np.random.Generator) -> Image:
    """Other brightness, contrast, saturation and tint, as one affine map of the colours."""
    gray = random.random() < config.gray
    saturation = 0.0 if gray else 1 + random.uniform(-1, 1) * config.saturation
    contrast = 1 + random.uniform(-1, 1) * config.contrast
    tint = 1 + random.uniform(-1, 1, 3) * (0 if gray else config.tint)
    mix = saturation * np.eye(3) + (1 - saturation) * _GRAY
    mix = contrast * tint[:, None] * mix
    brightness = 127.5 * (1 - contrast) + 255 * random.uniform(-1, 1) * config.brightness
    matrix = np.concatenate([mix, np.full((3, 1), brightness)], axis=1)
    return np.asarray(cv2.transform(image, matrix), np.uint8)


def _mirror(
    boxes: Float32Array, keypoints: Float32Array, width: float, flip_order: Sequence[int]
) -> tuple[Float32Array, Float32Array]:
    mirrored = boxes.copy()
    mirrored[:, 0], mirrored[:, 2] = width - boxes[:, 2], width - boxes[:, 0]
    keypoints = keypoints[:, list(flip_order)]
    labelled = keypoints[..., 2] > 0
    keypoints[..., 0] = np.where(labelled, width - keypoints[..., 0], 0)
    return mirrored, keypoints
