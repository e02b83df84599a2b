"""Drawings: where there is colour and where there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from rfdetr_pose import COCO_SKELETON, draw_keypoints

pytestmark = pytest.mark.framework
SHAPE = (100, 140, 3)
WHITE = np.full(SHAPE, 255, np.uint8)


def person(**seen: tuple[float, float]) -> npt.NDArray[np.float32]:
    """(1, 17, 3) with keypoints ``k0``, ``k1`` ... visible and all others in a corner."""
    points = np.zeros((1, 17, 3), np.float32)
    for name, (x, y) in seen.items():
        points[0, int(name[1:])] = (x, y, 2)
    return points


def touched(drawing: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = (drawing != 255).any(-1)
    return found


def test_a_keypoint_is_drawn_where_it_is() -> None:
    drawing = draw_keypoints(WHITE, person(k0=(50, 30)))
    assert drawing.shape == SHAPE
    assert drawing.dtype == np.uint8
    assert drawing[30, 50].tolist() == [0, 255, 0]
    rows, columns = np.nonzero(touched(drawing))
    assert (rows.mean(), columns.mean()) == (30, 50)
    assert rows.max() - rows.min() <= 12


def test_people_are_drawn_each() -> None:
    both = np.concatenate([person(k0=(50, 30)), person(k9=(100, 60))])
    drawing = draw_keypoints(WHITE, both)
    assert drawing[30, 50].tolist() == drawing[60, 100].tolist() == [0, 255, 0]


def test_a_limb_joins_two_visible_keypoints() -> None:
    shoulders = person(k5=(30, 50), k6=(110, 50))
    middle = draw_keypoints(WHITE, shoulders)[50, 70]
    number = COCO_SKELETON.index((5, 6))
    assert middle.tolist() != [255, 255, 255]
    # Each limb has its colour: seven, in turn.
    other = draw_keypoints(WHITE, shoulders, skeleton=[(0, 1)] * (number % 7) + [(5, 6)])
    assert other[50, 70].tolist() == middle.tolist()
    assert draw_keypoints(WHITE, shoulders, skeleton=[(5, 6)])[50, 70].tolist() == [255, 0, 0]


def test_invisible_keypoints_and_their_limbs_are_left_out() -> None:
    points = person(k5=(30, 50), k6=(110, 50))
    points[0, 6, 2] = 0
    found = touched(draw_keypoints(WHITE, points))
    assert found[50, 30]
    assert not found[:, 45:].any()
    assert not found[:20].any()  # where the coordinates of the invisible ones are


@pytest.mark.parametrize(("threshold", "drawn"), [(0.3, False), (0.29, True), (0.0, True)])
def test_the_threshold_is_not_drawn_itself(threshold: float, drawn: bool) -> None:
    points = person(k0=(50, 30)).astype(np.float64)
    points[0, 0, 2] = 0.3
    assert touched(draw_keypoints(WHITE, points, threshold)).any() == drawn


def test_another_skeleton() -> None:
    hand = np.array([[[20, 20, 2], [120, 20, 2], [120, 80, 2]]], np.float32)
    joined = touched(draw_keypoints(WHITE, hand, skeleton=[[0, 1]]))
    assert joined[20, 70]
    assert not joined[50, 120]
    bare = touched(draw_keypoints(WHITE, hand, skeleton=[]))
    assert bare[20, 20]
    assert bare[80, 120]
    assert not bare[20, 70]


def read_only() -> npt.NDArray[np.uint8]:
    array = WHITE.copy()
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    "image",
    [
        WHITE.copy(),
        read_only(),
        WHITE.copy()[:, :, ::-1],
        Image.fromarray(WHITE),
        Image.fromarray(WHITE).convert("L"),
        Image.fromarray(WHITE).convert("RGBA"),
    ],
    ids=["array", "read only", "view", "PIL", "grey PIL", "RGBA PIL"],
)
def test_any_picture_and_it_is_not_changed(image: Any) -> None:
    before = np.array(image).copy()
    points = person(k5=(30, 50), k6=(110, 50))
    copy = points.copy()
    drawing = draw_keypoints(image, points)
    np.testing.assert_array_equal(drawing, draw_keypoints(WHITE, points))
    np.testing.assert_array_equal(np.array(image), before)
    np.testing.assert_array_equal(points, copy)


def test_nobody_and_keypoints_outside() -> None:
    nobody = draw_keypoints(WHITE, np.zeros((0, 17, 3), np.float32))
    np.testing.assert_array_equal(nobody, WHITE)
    assert nobody is not WHITE
    outside = draw_keypoints(WHITE, person(k5=(-500, 20), k6=(900, 20)))
    assert touched(outside)[20].all()  # the limb between them crosses the picture


def test_a_drawing_keeps_the_order_of_the_channels() -> None:
    frame = np.zeros(SHAPE, np.uint8)
    frame[..., 0] = 200
    assert draw_keypoints(frame, person(k0=(50, 30)))[90, 130].tolist() == [200, 0, 0]
