from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posebench.datasets.image_size import is_complete, parse_size

PICTURE = np.random.default_rng(0).integers(0, 255, (37, 61, 3), np.uint8)
ENCODINGS = {
    "jpg": (".jpg", []),
    "progressive": (".jpg", [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]),
    "restart markers": (".jpg", [cv2.IMWRITE_JPEG_RST_INTERVAL, 2]),
    "png": (".png", []),
    "bmp": (".bmp", []),
    "webp lossy": (".webp", [cv2.IMWRITE_WEBP_QUALITY, 80]),
    "webp lossless": (".webp", [cv2.IMWRITE_WEBP_QUALITY, 101]),
}


def encoded(kind: str) -> bytes:
    suffix, options = ENCODINGS[kind]
    done, data = cv2.imencode(suffix, PICTURE, options)
    assert done
    return data.tobytes()


@pytest.mark.parametrize("kind", ENCODINGS)
def test_size_is_that_of_the_decoded_picture(kind: str) -> None:
    assert parse_size(encoded(kind)) == (37, 61)


@pytest.mark.parametrize("kind", ENCODINGS)
def test_whole_file_is_complete(kind: str) -> None:
    data = encoded(kind)
    assert is_complete(data)
    assert is_complete(data + b"trailing bytes of a camera")


@pytest.mark.parametrize("kind", ENCODINGS)
def test_no_truncation_passes_for_complete(kind: str) -> None:
    data = encoded(kind)
    assert [length for length in range(len(data)) if is_complete(data[:length])] == []


def test_real_pictures(coco_mini: Path) -> None:
    paths = sorted((coco_mini / "images").glob("*.jpg"))
    assert len(paths) == 102
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    for path in paths:
        assert parse_size(path.read_bytes()) == cv2.imread(str(path), flags).shape[:2]


def test_thumbnail_of_a_truncated_jpeg_is_not_its_end() -> None:
    thumbnail = encoded("jpg")
    segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    data = encoded("jpg")
    with_thumbnail = data[:2] + segment + data[2:]
    assert parse_size(with_thumbnail) == (37, 61)
    assert is_complete(with_thumbnail)
    assert not is_complete(with_thumbnail[:-2])


def test_webp_with_extended_header() -> None:
    header = b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0"
    assert parse_size(header + (60).to_bytes(3, "little") + (36).to_bytes(3, "little")) == (37, 61)


def test_bmp_with_rows_from_the_top() -> None:
    data = bytearray(encoded("bmp"))
    data[22:26] = (-37).to_bytes(4, "little", signed=True)
    assert parse_size(bytes(data)) == (37, 61)
    assert is_complete(bytes(data))


@given(
    st.sampled_from(
        [b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"BM", b"RIFF\0\0\0\0WEBP"]
    ),
    st.binary(max_size=64),
)
def test_no_bytes_raise(start: bytes, rest: bytes) -> None:
    size = parse_size(start + rest)
    assert size is None or len(size) == 2
    assert is_complete(start + rest) in (True, False)
