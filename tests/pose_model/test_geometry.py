"""Similarities and overlaps against independent computations of the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pose_networks import SIGMAS
from rfdetr_pose.geometry import (
    box_overlap,
    keypoint_similarity,
    masked_mean,
    to_centres,
    to_corners,
)
from support import require

from posebench.datasets.skeletons import COCO17
from posebench.metrics.oks import OksPairs, Targets
from posebench.metrics.sieve import Extents
from posebench.types import Float64Array, GroundTruth

pytestmark = pytest.mark.framework
CORNERS = st.tuples(*[st.integers(0, 9)] * 4)
ZERO = np.zeros(1, np.int64)


def people(
    seed: int, size: tuple[int, int], count: int = 1
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """(T, K, 3) annotated and (T, K, 2) detected people in px, and their areas."""
    rng = np.random.default_rng(seed)
    points = np.empty((count, 17, 3))
    points[..., :2] = rng.uniform(0, 1, (count, 17, 2)) * size
    points[..., 2] = rng.integers(0, 3, (count, 17))
    points[:, rng.integers(0, 17), 2] = 1
    detected = points[..., :2] + rng.normal(0, 10 ** rng.uniform(-1, 2), (count, 17, 2))
    return points, detected, rng.uniform(0.01, 0.6, count) * size[0] * size[1]


def posebench_oks(points: Float64Array, detected: Float64Array, area: float) -> float:
    person = GroundTruth(
        image_ids=np.array([1]),
        image_index=ZERO,
        annotation_ids=np.array([1]),
        keypoints=points[None],
        boxes=np.array([[0.0, 0.0, 1.0, 1.0]]),
        areas=np.array([area]),
        is_crowd=np.zeros(1, np.bool_),
        num_keypoints=np.array([np.count_nonzero(points[:, 2])]),
        skeleton=COCO17,
        class_ids=ZERO,
    )
    targets = Targets.of(person, np.array(COCO17.sigmas))
    pairs = OksPairs(detected[None], Extents.of(detected[None]), targets, floor=1e-9)
    return float(pairs(ZERO, ZERO)[0])


def similarity(points: Any, detected: Any, areas: Any) -> Any:
    """Ours, from fractions of the image's sides as the network has them."""
    size = points[..., :2].reshape(-1, 2).max(0) + 1
    fractions = (torch.from_numpy(part[..., :2] / size) for part in (detected, points))
    found, wanted = (part * torch.from_numpy(size) for part in fractions)
    labelled = torch.from_numpy(points[..., 2] > 0)
    sigmas = torch.tensor(SIGMAS, dtype=torch.float64)
    return keypoint_similarity(found, wanted, labelled, torch.from_numpy(areas), sigmas)


def test_sigmas_are_those_of_posebench() -> None:
    assert pytest.approx(COCO17.sigmas, rel=1e-15) == SIGMAS


@given(seed=st.integers(0, 2**31), size=st.tuples(*[st.integers(50, 4000)] * 2))
def test_similarity_is_the_oks_that_posebench_measures(seed: int, size: tuple[int, int]) -> None:
    points, detected, areas = people(seed, size, count=2)
    found = similarity(points, detected, areas).tolist()
    expected = [posebench_oks(*each) for each in zip(points, detected, areas, strict=True)]
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("size", [(640, 480), (300, 1100)])
def test_similarity_is_the_oks_of_pycocotools(size: tuple[int, int]) -> None:
    require("pycocotools")
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    points, detected, areas = people(5, size, count=3)
    truth = COCO()
    truth.dataset = {
        "images": [{"id": 1, "width": size[0], "height": size[1]}],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": [
            {"id": i + 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "area": areas[i],
             "bbox": [0, 0, 1, 1], "keypoints": points[i].ravel().tolist(),
             "num_keypoints": int((points[i, :, 2] > 0).sum())}
            for i in range(3)
        ],
    }  # fmt: skip
    truth.createIndex()
    results = [
        {"image_id": 1, "category_id": 1, "score": 1 - i / 10,
         "keypoints": np.insert(detected[i], 2, 1, axis=1).ravel().tolist()}
        for i in range(3)
    ]  # fmt: skip
    evaluation = COCOeval(truth, truth.loadRes(results), "keypoints")
    evaluation.params.imgIds = [1]
    evaluation._prepare()
    expected = evaluation.computeOks(1, 1)
    repeated = [np.repeat(part[None], 3, 0) for part in (points, areas)]
    found = similarity(repeated[0], np.repeat(detected[:, None], 3, 1), repeated[1])
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9)


def test_similarity_without_labelled_keypoints_is_zero() -> None:
    points, detected, areas = people(0, (100, 100))
    points[..., 2] = 0
    assert similarity(points, detected, areas).tolist() == [0.0]


@given(seed=st.integers(0, 2**31), count=st.integers(1, 6))
def test_masked_mean(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    numbers, mask = rng.normal(size=(3, count)), rng.random((3, count)) < 0.5
    mask[0] = False
    found = masked_mean(torch.from_numpy(numbers), torch.from_numpy(mask)).tolist()
    kept = [
        [n for n, m in zip(row, use, strict=True) if m]
        for row, use in zip(numbers, mask, strict=True)
    ]
    assert found == pytest.approx([sum(row) / len(row) if row else 0.0 for row in kept])


@pytest.mark.parametrize("outside", [float("inf"), float("nan")])
def test_masked_mean_does_not_see_what_is_left_out(outside: float) -> None:
    numbers = torch.tensor([[1.0, outside, 3.0], [outside, outside, outside]], requires_grad=True)
    mean = masked_mean(numbers, torch.tensor([[True, False, True], [False] * 3]))
    assert mean.tolist() == [2.0, 0.0]
    mean.sum().backward()
    assert numbers.grad is not None
    assert numbers.grad.tolist() == [[0.5, 0.0, 0.5], [0.0, 0.0, 0.0]]


def cells(box: tuple[int, int, int, int]) -> set[tuple[int, int]]:
    left, top, right, bottom = box
    return {(x, y) for x in range(left, right) for y in range(top, bottom)}


def ordered(corners: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    a, b, c, d = corners
    return min(a, c), min(b, d), max(a, c), max(b, d)


@given(first=CORNERS, second=CORNERS)
def test_overlap_is_the_count_of_common_cells(
    first: tuple[int, int, int, int], second: tuple[int, int, int, int]
) -> None:
    a, b = ordered(first), ordered(second)
    hull = (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))
    common, union, around = len(cells(a) & cells(b)), len(cells(a) | cells(b)), len(cells(hull))
    boxes = to_centres(torch.tensor([a, b], dtype=torch.float64))
    iou, giou = (float(value) for value in box_overlap(*boxes))
    assert iou == pytest.approx(common / union if union else 0.0)
    assert giou == pytest.approx(iou - ((around - union) / around if around else 0.0))
    assert -1 <= giou <= iou <= 1
    backwards = [float(value) for value in box_overlap(boxes[1], boxes[0])]
    assert backwards == pytest.approx([iou, giou])


@given(seed=st.integers(0, 2**31))
def test_overlap_is_bounded_and_its_gradient_finite(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    boxes = torch.rand(2, 20, 4, dtype=torch.float64, generator=generator) ** 4 + 1e-6
    boxes[:, :5, 2:] = 0
    boxes.requires_grad_()
    iou, giou = box_overlap(*boxes)
    assert bool(((iou >= 0) & (iou <= 1 + 1e-6)).all())
    assert bool(((giou >= -1 - 1e-6) & (giou <= iou + 1e-6)).all())
    giou.sum().backward()
    assert boxes.grad is not None
    assert bool(boxes.grad.isfinite().all())
    same, _ = box_overlap(boxes[0, 5:], boxes[0, 5:])
    torch.testing.assert_close(same, torch.ones(15).double())


@given(seed=st.integers(0, 2**31))
def test_corners_and_centres_are_each_others_inverse(seed: int) -> None:
    boxes = torch.rand(4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(to_centres(to_corners(boxes)), boxes)
    left, top, right, bottom = to_corners(torch.tensor([0.5, 0.4, 0.2, 0.6])).tolist()
    assert [left, top, right, bottom] == pytest.approx([0.4, 0.1, 0.6, 0.7])
