from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import require_mmpose

from posebench.config import Preprocess, TopDown
from posebench.datasets.skeletons import COCO17
from posebench.errors import InputError
from posebench.pipelines.flip_test import average_flipped, mirror
from posebench.pipelines.heatmaps import decode_heatmaps
from posebench.types import Float32Array

DECODES = ["quarter-shift", "dark", "udp-dark", "udp-offset"]


def protocol(decode: str, *, shift: bool) -> TopDown:
    return TopDown.model_validate({"decode": decode, "shift_flipped": shift})


def maps_of(decode: str, seed: int, people: int = 3) -> Float32Array:
    channels = 51 if decode == "udp-offset" else 17
    random = np.random.default_rng(seed)
    return random.uniform(0, 1, (people, channels, 64, 48)).astype(np.float32)


def flip_indices() -> list[int]:
    indices = list(range(17))
    for left, right in COCO17.flip_pairs:
        indices[left], indices[right] = right, left
    return indices


def head_of_mmpose(decode: str) -> Any:
    """The head with no layers, so that features are heat maps."""
    from mmpose.models.heads import HeatmapHead

    codec: dict[str, Any] = {"input_size": (192, 256), "heatmap_size": (48, 64)}
    if decode.startswith("udp"):
        codec["type"] = "UDPHeatmap"
        codec["heatmap_type"] = "combined" if decode == "udp-offset" else "gaussian"
    else:
        codec.update(type="MSRAHeatmap", sigma=2, unbiased=decode == "dark")
    channels = 51 if decode == "udp-offset" else 17
    return HeatmapHead(
        channels, channels, deconv_out_channels=None, final_layer=None, decoder=codec
    )


@pytest.mark.mmpose
@pytest.mark.framework
@pytest.mark.parametrize("shift", [True, False])
@pytest.mark.parametrize("decode", DECODES)
def test_maps_and_keypoints_equal_those_of_the_head_of_mmpose(decode: str, shift: bool) -> None:
    require_mmpose()
    import torch
    from mmpose.structures import PoseDataSample

    heatmaps, flipped = maps_of(decode, 0), maps_of(decode, 1)
    sample = PoseDataSample(metainfo={"flip_indices": flip_indices()})
    config = {
        "flip_test": True,
        "flip_mode": "udp_combined" if decode == "udp-offset" else "heatmap",
        "shift_heatmap": shift,
        "output_heatmaps": True,
    }
    # Copies, because mmpose turns offsets round in place.
    features = [(torch.from_numpy(maps.copy()),) for maps in (heatmaps, flipped)]
    found, fields = head_of_mmpose(decode).predict(features, [sample], test_cfg=config)

    plan = protocol(decode, shift=shift)
    averaged = average_flipped(heatmaps, flipped, COCO17.flip_pairs, plan)
    expected = np.stack([field.heatmaps.numpy() for field in fields])
    np.testing.assert_array_equal(averaged, expected)
    preprocess = Preprocess(input_height=256, input_width=192)
    keypoints, scores = decode_heatmaps(averaged, preprocess, plan)
    theirs = np.concatenate([person.keypoints for person in found])
    np.testing.assert_allclose(keypoints, theirs, atol=2e-5, rtol=1e-6)
    np.testing.assert_array_equal(scores, np.concatenate([p.keypoint_scores for p in found]))


@pytest.mark.mmpose
@pytest.mark.framework
@given(st.sampled_from(DECODES), st.booleans(), st.integers(0, 1000))
def test_turning_back_equals_that_of_mmpose(decode: str, shift: bool, seed: int) -> None:
    require_mmpose()
    import torch
    from mmpose.models.utils.tta import flip_heatmaps

    heatmaps, flipped = maps_of(decode, seed, 1), maps_of(decode, seed + 1, 1)
    before = flipped.copy()
    mode = "udp_combined" if decode == "udp-offset" else "heatmap"
    turned = flip_heatmaps(torch.from_numpy(flipped.copy()), flip_indices(), mode, shift)
    averaged = average_flipped(heatmaps, flipped, COCO17.flip_pairs, protocol(decode, shift=shift))
    np.testing.assert_array_equal(averaged, (heatmaps + turned.numpy()) * np.float32(0.5))
    np.testing.assert_array_equal(flipped, before)


@given(st.sampled_from(DECODES), st.integers(0, 1000))
def test_a_network_that_sees_mirrors_alike_gives_its_own_maps(decode: str, seed: int) -> None:
    """Without the shift, averaging maps with their own mirror images changes nothing."""
    heatmaps = maps_of(decode, seed, 1)
    per_keypoint = 3 if decode == "udp-offset" else 1
    split = heatmaps.reshape(1, 17, per_keypoint, 64, 48)[:, flip_indices(), :, :, ::-1].copy()
    if per_keypoint == 3:
        split[:, :, 1] *= -1
    plan = protocol(decode, shift=False)
    same = average_flipped(heatmaps, split.reshape(heatmaps.shape), COCO17.flip_pairs, plan)
    np.testing.assert_array_equal(same, heatmaps)


def test_the_mirror_image_is_in_memory_of_its_own_and_mirrors_back() -> None:
    tensor = np.random.default_rng(0).normal(size=(2, 3, 8, 6)).astype(np.float32)
    mirrored = mirror(tensor)
    assert mirrored.flags.c_contiguous
    np.testing.assert_array_equal(mirrored[..., 0], tensor[..., -1])
    np.testing.assert_array_equal(mirror(mirrored), tensor)


def test_a_flip_pair_without_a_map_is_refused() -> None:
    maps = np.zeros((1, 14, 8, 8), np.float32)
    with pytest.raises(InputError, match=r"flip pair \(13, 14\).*it has 14"):
        average_flipped(maps, maps, COCO17.flip_pairs, TopDown())
