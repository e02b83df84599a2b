"""Whatever a user calls an image, as an RGB array."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

# Once ultralytics is imported, PIL asks a reader of HEIF for whatever it does not know itself, and
# where there is none that is an ImportError.
UNREADABLE = (OSError, ImportError)

ImageInput: TypeAlias = str | Path | PILImage.Image | npt.NDArray[np.uint8]


def to_rgb(image: ImageInput) -> npt.NDArray[np.uint8]:
    """The (H, W, 3) uint8 RGB picture.

    Args:
        image: Path of an image file, PIL image of any mode, or (H, W, 3) uint8 RGB array; an array
            may be a view with negative strides, such as ``frame[:, :, ::-1]``.

    Raises:
        ValueError: A file is not an image, or an array has another shape or type.
        FileNotFoundError: No such file.
        TypeError: None of these.
    """
    if isinstance(image, (str, Path)):
        try:
            with PILImage.open(image) as opened:
                return np.array(opened.convert("RGB"))
        except FileNotFoundError:
            raise
        except UNREADABLE as error:  # also of a picture that ends too early
            raise ValueError(f"{image}: not a readable image: {error}.") from error
    if isinstance(image, PILImage.Image):
        return np.array(image.convert("RGB"))
    if not isinstance(image, np.ndarray):
        raise TypeError(f"an image is a path, a PIL image or an array, not {type(image).__name__}.")
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise ValueError(
            f"an array must be (height, width, 3) uint8 RGB, not {image.shape} {image.dtype}."
        )
    return np.ascontiguousarray(image)


def to_square(image: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    """The whole picture as (side, side, 3), stretched, bilinear without antialiasing."""
    return np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)
