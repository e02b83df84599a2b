from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import pictures, require_mmpose

from posebench.config import Preprocess, TopDown
from posebench.pipelines.crops import (
    Crops,
    crop_people,
    padded_areas,
    plan_crops,
    to_picture,
    usable,
)
from posebench.types import Float32Array, Image

INPUTS = [(256, 192), (384, 288), (256, 256), (192, 256)]
WARPS = ["classic", "udp"]
RAW = Preprocess(input_height=256, input_width=192, pad_value=0, scale=1.0)


def top_down(warp: str, padding: float = 1.25) -> TopDown:
    return TopDown.model_validate({"warp": warp, "box_padding": padding})


def boxes_of(image: Image, seed: int, count: int = 12) -> Float32Array:
    """Boxes all over a picture and beyond its border, of a few pixels up to its whole size."""
    random = np.random.default_rng(seed)
    size = np.array([image.shape[1], image.shape[0]])
    corners = random.uniform(-0.3, 1.0, (count, 2)) * size
    sides = random.uniform(0.005, 1.2, (count, 2)) * size
    return np.asarray(np.concatenate([corners, corners + sides], axis=1), np.float32)


def theirs(image: Image, box: Float32Array, preprocess: Preprocess, plan: TopDown) -> Any:
    """mmpose's transforms on one box; it takes BGR and gives a dictionary."""
    from mmpose.datasets.transforms import GetBBoxCenterScale, TopdownAffine

    results = {"img": np.ascontiguousarray(image[..., ::-1]), "bbox": box[None].copy()}
    size = (preprocess.input_width, preprocess.input_height)
    results = GetBBoxCenterScale(padding=plan.box_padding).transform(results)
    return TopdownAffine(size, use_udp=plan.warp == "udp").transform(results)


@pytest.mark.mmpose
@pytest.mark.framework
@pytest.mark.data
@pytest.mark.parametrize("warp", WARPS)
@pytest.mark.parametrize("size", INPUTS)
def test_crops_equal_those_of_mmpose_to_the_pixel(
    coco_mini: Path, size: tuple[int, int], warp: str
) -> None:
    require_mmpose()
    preprocess = RAW.model_copy(update={"input_height": size[0], "input_width": size[1]})
    plan = top_down(warp)
    for seed, image in enumerate(pictures(coco_mini, 3)):
        boxes = boxes_of(image, seed)
        crops = plan_crops(boxes, preprocess, plan)
        tensor = crop_people(image, crops, preprocess)
        assert tensor.shape == (len(boxes), 3, *size)
        for box, center, sides, ours in zip(boxes, crops.centers, crops.sizes, tensor, strict=True):
            expected = theirs(image, box, preprocess, plan)
            np.testing.assert_array_equal(center, expected["input_center"])
            np.testing.assert_array_equal(sides, expected["input_scale"])
            np.testing.assert_array_equal(ours.transpose(1, 2, 0), expected["img"][..., ::-1])


@pytest.mark.mmpose
@pytest.mark.framework
@pytest.mark.parametrize("warp", WARPS)
def test_keypoints_come_back_as_mmpose_maps_them(warp: str) -> None:
    require_mmpose()
    import torch
    from mmengine.structures import InstanceData
    from mmpose.models.pose_estimators import TopdownPoseEstimator
    from mmpose.structures import PoseDataSample

    random = np.random.default_rng(1)
    boxes = boxes_of(np.zeros((480, 640, 3), np.uint8), 2)
    keypoints = random.uniform(-5, 260, (len(boxes), 17, 2)).astype(np.float32)
    crops = plan_crops(boxes, RAW, top_down(warp))
    samples, found = [], []
    for row, box in enumerate(boxes):
        meta = {
            "input_center": crops.centers[row],
            "input_scale": crops.sizes[row],
            "input_size": crops.input_size,
        }
        sample = PoseDataSample(metainfo=meta)
        sample.gt_instances = InstanceData(bboxes=box[None], bbox_scores=np.ones(1))
        samples.append(sample)
        found.append(
            InstanceData(
                keypoints=keypoints[row : row + 1].copy(), keypoint_scores=np.ones((1, 17))
            )
        )
    network = TopdownPoseEstimator.__new__(TopdownPoseEstimator)
    torch.nn.Module.__init__(network)
    network.test_cfg = {}
    mapped = network.add_pred_to_datasample(found, None, samples)
    expected = np.concatenate([sample.pred_instances.keypoints for sample in mapped])
    np.testing.assert_array_equal(to_picture(keypoints, crops), expected)


def mapped(points: Float32Array, crops: Crops) -> Float32Array:
    """Original px to network px, (M, K, 2), by the matrices of the crops."""
    turned = np.einsum("mij,mkj->mki", crops.matrices[:, :, :2], points)
    return np.asarray(turned + crops.matrices[:, None, :, 2], np.float32)


BOXES = st.tuples(
    st.floats(-2000, 2000, width=32),
    st.floats(-2000, 2000, width=32),
    st.floats(1, 1500, width=32),
    st.floats(1, 1500, width=32),
)


@given(BOXES, st.sampled_from(INPUTS), st.sampled_from(WARPS), st.floats(1, 2))
def test_the_corners_of_the_box_go_where_the_warp_says(
    box: tuple[float, float, float, float], size: tuple[int, int], warp: str, padding: float
) -> None:
    left, top, width, height = box
    boxes = np.array([[left, top, left + width, top + height]], np.float32)
    preprocess = Preprocess(input_height=size[0], input_width=size[1])
    crops = plan_crops(boxes, preprocess, top_down(warp, padding))
    corners = crops.centers[:, None] + crops.sizes[:, None] * [[-0.5, -0.5], [0.5, 0.5]]
    far = np.array(crops.input_size, np.float64) - (warp == "udp")
    in_network = mapped(corners.astype(np.float32), crops)
    # float32 centres of 2000 px hold 1e-4 px, which the smallest box magnifies.
    atol = 2e-3 * max(1.0, float((far / crops.sizes[0]).max()))
    np.testing.assert_allclose(in_network[0], np.stack([0 * far, far]), atol=atol)
    assert crops.sizes[0, 0] / crops.sizes[0, 1] == pytest.approx(size[1] / size[0], rel=1e-5)
    assert (crops.sizes[0] >= (boxes[0, 2:] - boxes[0, :2]) * padding * (1 - 1e-5)).all()
    assert padded_areas(crops)[0] == pytest.approx(float(crops.sizes[0].prod()), rel=1e-6)


@given(BOXES, st.sampled_from(INPUTS), st.sampled_from(WARPS), st.floats(0, 1), st.floats(0, 1))
def test_points_survive_the_round_trip(
    box: tuple[float, float, float, float], size: tuple[int, int], warp: str, u: float, v: float
) -> None:
    left, top, width, height = box
    boxes = np.array([[left, top, left + width, top + height]], np.float32)
    point = np.array([[[left + u * width, top + v * height]]], np.float32)
    preprocess = Preprocess(input_height=size[0], input_width=size[1])
    crops = plan_crops(boxes, preprocess, top_down(warp))
    in_network = mapped(point, crops)
    if warp == "udp":  # what the heat maps of udp are decoded to
        in_network = in_network * (np.array(crops.input_size) / (np.array(crops.input_size) - 1))
    np.testing.assert_allclose(to_picture(in_network, crops), point, atol=2e-3)


@given(
    st.lists(
        st.tuples(*[st.floats(allow_nan=True, allow_infinity=True, width=32)] * 4),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(WARPS),
)
def test_any_box_is_refused_or_cropped(
    corners: list[tuple[float, float, float, float]], warp: str
) -> None:
    boxes = np.array(corners, np.float32)
    image = np.full((9, 13, 3), 255, np.uint8)
    fine = usable(boxes)
    for box, is_usable in zip(corners, fine, strict=True):
        x1, y1, x2, y2 = box
        assert is_usable == (np.isfinite(box).all() and x2 > x1 and y2 > y1)
    small = RAW.model_copy(update={"input_height": 16, "input_width": 12})
    with np.errstate(all="ignore"):
        crops = plan_crops(boxes[fine], small, top_down(warp))
    tensor = crop_people(image, crops, small)
    assert tensor.shape == (int(fine.sum()), 3, 16, 12)
    assert np.isfinite(tensor).all()


def test_what_lies_outside_is_the_pad_value_and_the_picture_stays_as_it_is() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    image.flags.writeable = False
    preprocess = RAW.model_copy(update={"pad_value": 114})
    boxes = np.array([[200, 200, 240, 260], [0, 0, 60, 40]], np.float32)
    tensor = crop_people(image, plan_crops(boxes, preprocess, top_down("classic")), preprocess)
    np.testing.assert_array_equal(tensor[0], 114)
    assert len(np.unique(tensor[1])) > 100


def test_crops_are_normalised_in_the_order_of_the_colours() -> None:
    image = np.empty((64, 64, 3), np.uint8)
    image[:] = (10, 20, 30)
    preprocess = Preprocess(
        input_height=32, input_width=32, color="bgr", scale=1, mean=(1, 2, 3), std=(2, 4, 8)
    )
    box = np.array([[24, 24, 40, 40]], np.float32)
    tensor = crop_people(image, plan_crops(box, preprocess, top_down("udp")), preprocess)
    np.testing.assert_allclose(tensor[0, :, 16, 16], [(30 - 1) / 2, (20 - 2) / 4, (10 - 3) / 8])


def test_nobody_gives_an_empty_batch() -> None:
    crops = plan_crops(np.zeros((0, 4), np.float32), RAW, TopDown())
    tensor = crop_people(np.zeros((8, 8, 3), np.uint8), crops, RAW)
    assert tensor.shape == (0, 3, 256, 192)
    assert tensor.dtype == np.float32
    assert to_picture(np.zeros((0, 17, 2), np.float32), crops).shape == (0, 17, 2)
    assert padded_areas(crops).shape == (0,)
