"""Keypoints and limbs drawn on a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from rfdetr_pose.keypoints import COCO_SKELETON

_LIMBS = (
    (255, 0, 0),
    (255, 127, 0),
    (255, 255, 0),
    (0, 255, 0),
    (0, 255, 255),
    (0, 0, 255),
    (127, 0, 255),
)
_JOINT, _RIM = (0, 255, 0), (0, 0, 0)


def draw_keypoints(
    image: Any,
    keypoints: npt.NDArray[Any],
    threshold: float = 0.3,
    skeleton: Sequence[Sequence[int]] = COCO_SKELETON,
) -> npt.NDArray[np.uint8]:
    """Draw people's keypoints and limbs.

    Args:
        image: PIL image or (H, W, 3) uint8 array. It is not changed.
        keypoints: (N, K, 3) x, y in pixels and visibility, as in ``detections.data["keypoints"]``.
        threshold: Keypoints of a visibility not above this are left out.
        skeleton: Zero-based pairs of keypoints joined by a limb.

    Returns:
        The (H, W, 3) uint8 drawing, its channels in the order of the picture's.
    """
    canvas = np.array(image.convert("RGB") if hasattr(image, "convert") else image, np.uint8)
    for person in np.asarray(keypoints):
        points = [_pixel(x, y) if v > threshold else None for x, y, v in person]
        for number, (a, b) in enumerate(skeleton):
            start, end = points[a], points[b]
            if start is not None and end is not None:
                cv2.line(canvas, start, end, _LIMBS[number % len(_LIMBS)], 2, cv2.LINE_AA)
        for point in points:
            if point is not None:
                cv2.circle(canvas, point, 4, _JOINT, -1, cv2.LINE_AA)
                cv2.circle(canvas, point, 4, _RIM, 1, cv2.LINE_AA)
    return canvas


def _pixel(x: float, y: float) -> tuple[int, int]:
    return int(x), int(y)
