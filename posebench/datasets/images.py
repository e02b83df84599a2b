"""Pictures from disk. What cannot be decoded whole is an error, never a grey half."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from posebench.datasets.image_size import Size, is_complete, parse_size
from posebench.errors import InputError
from posebench.types import Image

MAX_PIXELS = 179_000_000
"""A larger picture is taken for a decompression bomb."""

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".webp"})
"""Lower-case suffixes of the formats that can be read."""

# Most JPEGs tell their size within so many bytes.
_HEADER_BYTES = 65_536


class ImageError(InputError):
    """A picture is missing, damaged, too large or not a picture."""


def read_image(path: Path) -> Image:
    """Decode a picture as stored: an EXIF orientation is not applied, as annotations expect.

    A file that ends before its picture does (a JPEG without an end-of-image marker behind its
    first scan, a PNG without IEND, a BMP or WebP shorter than its header says) is undecodable,
    although OpenCV would fill the missing part.

    Returns:
        (H, W, 3) uint8, RGB.

    Raises:
        ImageError: The file is missing, empty, truncated, not a JPEG, PNG, BMP or WebP picture,
            or has more than ``MAX_PIXELS``.
    """
    return decode_image(path, _read(path))


def decode_image(path: Path, data: bytes) -> Image:
    """Decode a picture as ``read_image`` does, from its bytes; ``path`` is for the messages.

    Raises:
        ImageError: As ``read_image``.
    """
    size = _checked_size(path, data)
    if not is_complete(data):
        raise ImageError(f"{path}: truncated: the file ends before the picture does.")
    image = _decode(path, data)
    if image.shape[:2] != size:
        raise ImageError(f"{path}: damaged: decodes to {image.shape[:2]}, its header says {size}.")
    return image


def read_size(path: Path) -> Size:
    """(height, width) in pixels of a picture, from its header.

    Raises:
        ImageError: The file is missing, empty, not a picture that can be read, or too large.
    """
    data = _read(path, _HEADER_BYTES)
    if parse_size(data) is None and len(data) == _HEADER_BYTES:
        data = _read(path)
    return _checked_size(path, data)


def _read(path: Path, limit: int = -1) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(limit)
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror}).") from error


def _checked_size(path: Path, data: bytes) -> Size:
    if not data:
        raise ImageError(f"{path}: the file is empty.")
    size = parse_size(data)
    if size is None or min(size) <= 0:
        raise ImageError(f"{path}: not a readable JPEG, PNG, BMP or WebP picture.")
    height, width = size
    if height * width > MAX_PIXELS:
        raise ImageError(
            f"{path}: {width} x {height} px is more than {MAX_PIXELS // 10**6} megapixels."
        )
    return size


def _decode(path: Path, data: bytes) -> Image:
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise ImageError(f"{path}: OpenCV cannot decode it ({error.err}).") from error
    if decoded is None:
        raise ImageError(f"{path}: damaged: OpenCV cannot decode it.")
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)
