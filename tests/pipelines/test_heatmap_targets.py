from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import require_mmpose

from posebench.config import Preprocess, TopDown
from posebench.errors import InputError
from posebench.pipelines.crops import plan_crops, to_picture
from posebench.pipelines.heatmap_targets import encode_heatmaps
from posebench.pipelines.heatmaps import decode_heatmaps

CODECS: dict[str, dict[str, Any]] = {
    "argmax": {"type": "MSRAHeatmap"},
    "quarter-shift": {"type": "MSRAHeatmap"},
    "dark": {"type": "MSRAHeatmap", "unbiased": True},
    "udp-dark": {"type": "UDPHeatmap"},
}
SIZES = [((256, 192), (64, 48)), ((384, 288), (96, 72)), ((192, 256), (24, 32))]
# Furthest that a keypoint is found from where it was drawn, in cells.
BOUNDS = {"argmax": 0.501, "quarter-shift": 0.501, "dark": 0.002, "udp-dark": 0.002}
INTERIOR = 6  # cells from the border, 3 sigma: nearer, the Gaussian is cut off


def protocol(decode: str) -> TopDown:
    warp = "udp" if decode == "udp-dark" else "classic"
    return TopDown.model_validate({"decode": decode, "warp": warp})


@pytest.mark.mmpose
@pytest.mark.framework
@pytest.mark.parametrize("sigma", [1.0, 2.0, 3.0])
@pytest.mark.parametrize(("size", "cells"), SIZES)
@pytest.mark.parametrize("decode", sorted(CODECS))
def test_targets_equal_those_of_mmpose(
    decode: str, size: tuple[int, int], cells: tuple[int, int], sigma: float
) -> None:
    require_mmpose()
    from mmpose.registry import KEYPOINT_CODECS

    sizes = {"input_size": size[::-1], "heatmap_size": cells[::-1], "sigma": sigma}
    codec = KEYPOINT_CODECS.build({**CODECS[decode], **sizes})
    random = np.random.default_rng(int(sigma) + cells[0])
    # Inside, at the border, and so far outside that nothing of the Gaussian is left.
    keypoints = (random.uniform(-0.4, 1.4, (200, 2)) * size[::-1]).astype(np.float32)
    visible = random.choice([0, 0.4, 0.5, 1, 2], 200).astype(np.float32)
    expected = codec.encode(keypoints[None], visible[None])["heatmaps"]
    preprocess = Preprocess(input_height=size[0], input_width=size[1])
    found = encode_heatmaps(keypoints, visible, preprocess, cells, sigma, protocol(decode))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-6)


@given(
    st.sampled_from(sorted(CODECS)),
    st.sampled_from(SIZES[:2]),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(20, 900),
)
def test_a_point_of_the_picture_comes_back_through_its_heat_map(
    decode: str,
    size_and_cells: tuple[tuple[int, int], tuple[int, int]],
    u: float,
    v: float,
    side: float,
) -> None:
    size, cells = size_and_cells
    plan = protocol(decode)
    preprocess = Preprocess(input_height=size[0], input_width=size[1])
    crops = plan_crops(np.array([[50, 80, 50 + side, 80 + side]], np.float32), preprocess, plan)
    cell_px = crops.sizes[0] / cells[::-1]
    margin = INTERIOR * cell_px
    corner = crops.centers[0] - crops.sizes[0] / 2
    point = corner + margin + np.array([u, v]) * (crops.sizes[0] - 2 * margin)
    in_network = (crops.matrices[0] @ [*point, 1])[None].astype(np.float32)
    maps = encode_heatmaps(in_network, np.ones(1, np.float32), preprocess, cells, 2.0, plan)
    keypoints, scores = decode_heatmaps(maps[None], preprocess, plan)
    far = np.abs(to_picture(keypoints, crops)[0, 0] - point) / cell_px
    assert far.max() <= BOUNDS[decode]
    assert 0.88 < scores[0, 0] <= 1


def test_offsets_have_no_gaussian_targets() -> None:
    plan = TopDown(decode="udp-offset")
    one = np.ones((1, 2), np.float32)
    with pytest.raises(InputError, match="udp-offset"):
        encode_heatmaps(one, np.ones(1, np.float32), Preprocess(), (8, 8), 2.0, plan)
