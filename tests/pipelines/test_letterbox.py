from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import require

from posebench.config import Preprocess
from posebench.pipelines.letterbox import (
    fit,
    normalise,
    plan,
    preprocess_image,
    to_network,
    to_source,
)

SIZES = st.integers(1, 3000)
PROTOCOLS = st.builds(
    Preprocess,
    input_height=st.sampled_from([64, 320, 384, 640, 1280]),
    input_width=st.sampled_from([64, 288, 640, 1280]),
    resize=st.sampled_from(["letterbox", "letterbox-rect", "stretch"]),
    pad_position=st.sampled_from(["center", "top-left"]),
    coordinates=st.sampled_from(["pixel-edges", "pixel-centers"]),
    gain=st.sampled_from(["nominal", "exact"]),
)


@settings(deadline=None)
@given(SIZES, SIZES, PROTOCOLS)
def test_the_resized_picture_fits_and_padding_fills_the_rest(
    height: int, width: int, preprocess: Preprocess
) -> None:
    geometry = plan(height, width, preprocess)
    assert 1 <= geometry.resized_height <= geometry.height
    assert 1 <= geometry.resized_width <= geometry.width
    assert geometry.height <= preprocess.input_height
    assert geometry.width <= preprocess.input_width
    below = geometry.height - geometry.resized_height - geometry.top
    right = geometry.width - geometry.resized_width - geometry.left
    assert geometry.top >= 0
    assert geometry.left >= 0
    if preprocess.pad_position == "center":
        assert 0 <= below - geometry.top <= 1
        assert 0 <= right - geometry.left <= 1
    else:
        assert (geometry.top, geometry.left) == (0, 0)


@settings(deadline=None)
@given(SIZES, SIZES, PROTOCOLS, st.floats(0, 1), st.floats(0, 1))
def test_points_survive_the_round_trip(
    height: int, width: int, preprocess: Preprocess, u: float, v: float
) -> None:
    geometry = plan(height, width, preprocess)
    points = np.array([[u * width, v * height]], np.float32)
    back = to_source(to_network(points, geometry), geometry, clip=False)
    # float32 network coordinates hold about 1e-4 px, which one network pixel magnifies.
    np.testing.assert_allclose(back[0, 0], points[0, 0], atol=2e-3 / min(geometry.scale_x, 1))
    np.testing.assert_allclose(back[0, 1], points[0, 1], atol=2e-3 / min(geometry.scale_y, 1))


@settings(deadline=None)
@given(SIZES, SIZES, PROTOCOLS)
def test_exact_corners_land_on_the_corners_of_the_resized_picture(
    height: int, width: int, preprocess: Preprocess
) -> None:
    exact = preprocess.model_copy(update={"gain": "exact", "coordinates": "pixel-edges"})
    geometry = plan(height, width, exact)
    corners = to_network(np.array([[0, 0], [width, height]], np.float32), geometry)
    far = [geometry.left + geometry.resized_width, geometry.top + geometry.resized_height]
    np.testing.assert_allclose(corners, [[geometry.left, geometry.top], far], rtol=1e-5)


def test_clipping_moves_points_to_the_edge() -> None:
    geometry = plan(100, 200, Preprocess(input_height=64, input_width=64))
    outside = np.array([[-5.0, -5.0], [70.0, 70.0]], np.float32)
    np.testing.assert_array_equal(to_source(outside, geometry, clip=True), [[0, 0], [200, 100]])
    assert to_source(outside, geometry, clip=False)[0, 0] < 0


def test_half_pixels_shift_the_centre_of_the_first_pixel() -> None:
    preprocess = Preprocess(input_height=50, input_width=50, coordinates="pixel-centers")
    geometry = plan(100, 100, preprocess)
    # The centre of the first network pixel lies between the first two original ones.
    np.testing.assert_allclose(to_source(np.zeros((1, 2), np.float32), geometry, clip=False), 0.5)


def test_a_sliver_keeps_one_row() -> None:
    geometry = plan(1, 3000, Preprocess())
    assert geometry.resized_height == 1
    fitted = fit(np.zeros((1, 3000, 3), np.uint8), geometry, 114)
    assert fitted.shape == (640, 640, 3)


def test_normalising_is_scale_mean_and_std_in_the_order_of_the_colours() -> None:
    image = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    preprocess = Preprocess(color="bgr", scale=0.5, mean=(1.0, 2.0, 3.0), std=(2.0, 4.0, 8.0))
    expected = (image[..., ::-1] * 0.5 - [1, 2, 3]) / [2, 4, 8]
    tensor = normalise(image, preprocess)
    assert tensor.shape == (1, 3, 16, 24)
    assert tensor.dtype == np.float32
    np.testing.assert_allclose(tensor[0].transpose(1, 2, 0), expected, rtol=1e-6)


def test_every_pixel_value_is_divided_by_255_as_float32_division_does() -> None:
    image = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    expected = image.astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(normalise(image, Preprocess())[0].transpose(1, 2, 0), expected)


@pytest.mark.framework
@pytest.mark.parametrize("resize", ["letterbox", "letterbox-rect", "stretch"])
@pytest.mark.parametrize(
    "size", [(480, 640), (427, 640), (640, 425), (1, 900), (33, 57), (1280, 719), (500, 333)]
)
def test_pictures_equal_those_of_ultralytics(resize: str, size: tuple[int, int]) -> None:
    require("ultralytics")
    from posebench_adapters._ultralytics_network import import_ultralytics

    import_ultralytics()
    from ultralytics.data.augment import LetterBox

    image = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    theirs = LetterBox(
        (640, 640), auto=resize == "letterbox-rect", scale_fill=resize == "stretch", stride=32
    )(image=image)
    preprocess = Preprocess.model_validate({"resize": resize})
    tensor, geometry = preprocess_image(image, preprocess)
    assert tensor.shape[2:] == (geometry.height, geometry.width)
    np.testing.assert_array_equal(fit(image, geometry, 114), theirs)
