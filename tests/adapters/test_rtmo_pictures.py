"""The affine letterbox against mmpose's own resize."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from support import pictures, require_mmpose

from posebench.config import Preprocess
from posebench.pipelines.letterbox import fit, plan, to_source
from posebench.types import Image


def odd_sizes() -> list[Image]:
    random = np.random.default_rng(0)
    sizes = [(1, 1), (7, 900), (333, 17), (641, 641), (1080, 1919), (640, 640)]
    return [random.integers(0, 256, (h, w, 3), dtype=np.uint8) for h, w in sizes]


@pytest.mark.mmpose
@pytest.mark.framework
@pytest.mark.data
@pytest.mark.parametrize("side", [416, 640])
def test_pictures_are_warped_as_by_mmpose_and_points_go_back_the_same(
    coco_mini: Path, side: int
) -> None:
    require_mmpose()
    from mmpose.datasets.transforms import BottomupResize

    wanted = Preprocess(input_height=side, input_width=side, resize="letterbox-affine")
    resize = BottomupResize((side, side), pad_val=(114, 114, 114))
    points = np.array([[0, 0], [side / 3, side], [side - 1, 7.25]], np.float32)
    for image in [*pictures(coco_mini, 12), *odd_sizes()]:
        height, width = image.shape[:2]
        expected = resize.transform({"img": image.copy(), "ori_shape": (height, width)})
        geometry = plan(height, width, wanted)
        np.testing.assert_array_equal(fit(image, geometry, 114), expected["img"])
        center, scale = expected["input_center"], expected["input_scale"]
        # mmpose's BottomupPoseEstimator, add_pred_to_datasample
        theirs = points / expected["input_size"] * scale + center - 0.5 * scale
        mine = to_source(points, geometry, clip=False)
        np.testing.assert_allclose(mine, theirs, atol=1e-3 * max(1, 1 / geometry.scale_x))


def test_the_usual_letterbox_is_another(coco_mini: Path) -> None:
    """Why the affine one exists: whole pixels and pixel edges give other grey levels."""
    image = pictures(coco_mini, 1)[0]
    height, width = image.shape[:2]
    usual = fit(image, plan(height, width, Preprocess()), 114)
    affine = fit(image, plan(height, width, Preprocess(resize="letterbox-affine")), 114)
    assert cv2.absdiff(usual, affine).max() > 8
