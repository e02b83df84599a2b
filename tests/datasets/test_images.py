from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from posebench.datasets.images import MAX_PIXELS, ImageError, read_image, read_size
from posebench.errors import InputError

PICTURE = np.random.default_rng(1).integers(0, 255, (40, 30, 3), np.uint8)


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.fixture
def jpeg(coco_mini: Path) -> bytes:
    return (coco_mini / "images" / "000000000785.jpg").read_bytes()


def test_real_pictures_are_what_opencv_decodes(coco_mini: Path) -> None:
    for path in sorted((coco_mini / "images").glob("*.jpg"))[:10]:
        image = read_image(path)
        assert image.dtype == np.uint8
        assert image.flags.c_contiguous
        expected = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        np.testing.assert_array_equal(image, expected[:, :, ::-1])


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".webp"])
def test_channels_are_rgb(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"red{suffix}"
    cv2.imwrite(str(path), np.full((8, 8, 3), (0, 0, 255), np.uint8))
    red, green, blue = read_image(path).mean(axis=(0, 1))
    assert red > 245
    assert max(green, blue) < 10


def test_grey_and_transparent_pictures_get_three_channels(tmp_path: Path) -> None:
    for name, picture in (("grey", PICTURE[:, :, 0]), ("alpha", np.dstack([PICTURE] * 2)[..., :4])):
        path = tmp_path / f"{name}.png"
        cv2.imwrite(str(path), picture)
        assert read_image(path).shape == (40, 30, 3)


def test_orientation_is_not_applied(tmp_path: Path, jpeg: bytes) -> None:
    # EXIF with one entry: orientation 6, turned by 90 degrees.
    tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    exif = b"Exif\0\0" + tiff
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    path = write(tmp_path / "turned.jpg", jpeg[:2] + segment + jpeg[2:])
    turned = cv2.imread(str(path), cv2.IMREAD_COLOR)
    height, width = read_size(path)
    assert turned.shape[:2] == (width, height) != (height, width)
    assert read_image(path).shape[:2] == (height, width)


def test_long_metadata_before_the_size(tmp_path: Path, jpeg: bytes) -> None:
    segment = b"\xff\xe2\xff\xff" + bytes(65_533)
    path = write(tmp_path / "long.jpg", jpeg[:2] + 2 * segment + jpeg[2:])
    assert read_size(path) == read_image(path).shape[:2]


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9, 0.999])
def test_truncated_jpeg(tmp_path: Path, jpeg: bytes, share: float) -> None:
    path = write(tmp_path / "cut.jpg", jpeg[: int(len(jpeg) * share)])
    with pytest.raises(ImageError, match=r"cut\.jpg: (truncated|not a readable)"):
        read_image(path)


def test_jpeg_without_its_last_byte_decodes_in_opencv_but_not_here(
    tmp_path: Path, jpeg: bytes
) -> None:
    path = write(tmp_path / "cut.jpg", jpeg[:-1])
    assert cv2.imread(str(path)) is not None
    with pytest.raises(ImageError, match="truncated"):
        read_image(path)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".webp"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_truncated_other_formats(tmp_path: Path, suffix: str, share: float) -> None:
    data = cv2.imencode(suffix, PICTURE)[1].tobytes()
    path = write(tmp_path / f"cut{suffix}", data[: int(len(data) * share)])
    with pytest.raises(ImageError):
        read_image(path)


def test_damaged_inside(tmp_path: Path) -> None:
    data = bytearray(cv2.imencode(".png", PICTURE)[1].tobytes())
    data[60:400] = bytes(340)
    path = write(tmp_path / "damaged.png", bytes(data))
    with pytest.raises(ImageError, match="damaged"):
        read_image(path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"<html>not found</html>", "not a readable"),
        (b"\xff\xd8\xff\xd9", "not a readable"),
        (b"\x89PNG\r\n\x1a\n", "not a readable"),
    ],
)
def test_not_a_picture(tmp_path: Path, data: bytes, message: str) -> None:
    path = write(tmp_path / "picture.jpg", data)
    for read in (read_image, read_size):
        with pytest.raises(ImageError, match=f"picture.jpg: .*{message}"):
            read(path)


def test_missing_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"gone\.jpg: cannot be read \(No such file"):
        read_image(tmp_path / "gone.jpg")
    with pytest.raises(ImageError, match="cannot be read"):
        read_image(tmp_path)


def test_decompression_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    data = bytearray(cv2.imencode(".png", PICTURE)[1].tobytes())
    data[16:24] = (30_000).to_bytes(4, "big") * 2
    path = write(tmp_path / "bomb.png", bytes(data))
    assert MAX_PIXELS < 30_000**2
    for read in (read_image, read_size):
        with pytest.raises(ImageError, match="30000 x 30000 px is more than 179 megapixels"):
            read(path)


def test_image_error_is_an_input_error() -> None:
    assert issubclass(ImageError, InputError)
