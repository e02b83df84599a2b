from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import require_mmpose

from posebench.config import Preprocess, TopDown
from posebench.errors import InputError
from posebench.pipelines.heatmaps import decode_heatmaps
from posebench.types import Float32Array

CODECS: dict[str, dict[str, Any]] = {
    "quarter-shift": {"type": "MSRAHeatmap", "sigma": 2.0},
    "dark": {"type": "MSRAHeatmap", "sigma": 2.0, "unbiased": True},
    "udp-dark": {"type": "UDPHeatmap"},
    "udp-offset": {"type": "UDPHeatmap", "heatmap_type": "combined"},
}
DECODES = ["argmax", *CODECS]
# Height and width of the input and of the maps, and the kernel; the last ones have odd strides.
SHAPES = [
    ((256, 192), (64, 48), 11),
    ((384, 288), (96, 72), 17),
    ((192, 256), (48, 64), 3),
    ((96, 70), (13, 21), 11),
]
KINDS = ["people", "noise", "ties", "flat", "border", "negative"]


def drawn(kind: str, shape: tuple[int, ...], seed: int) -> Float32Array:
    """(M, C, h, w) maps as networks give them, or as no network should."""
    random = np.random.default_rng(seed)
    height, width = shape[2:]
    maps: npt.NDArray[Any] = random.normal(size=shape) * 0.02
    if kind in ("people", "border"):
        centres = random.uniform(-1, 1, (*shape[:2], 2, 1, 1))
        if kind == "border":
            centres = np.where(random.random(centres.shape) < 0.5, np.sign(centres), centres)
        rows, columns = np.mgrid[:height, :width]
        x = (centres[:, :, 0] + 1) * (width - 1) / 2
        y = (centres[:, :, 1] + 1) * (height - 1) / 2
        heights = random.uniform(0.05, 1, (*shape[:2], 1, 1))
        maps += heights * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 8)
    elif kind == "noise":
        maps *= 50
    elif kind == "ties":
        maps = random.integers(0, 3, shape)
    elif kind == "flat":
        maps = np.full(shape, 0.5)
    else:
        maps = -np.abs(maps)
    return maps.astype(np.float32)


def protocol(decode: str, kernel: int = 11) -> TopDown:
    return TopDown.model_validate({"decode": decode, "blur_kernel": kernel})


def preprocess(size: tuple[int, int]) -> Preprocess:
    return Preprocess(input_height=size[0], input_width=size[1])


def channels(decode: str) -> int:
    return 51 if decode == "udp-offset" else 17


@pytest.mark.mmpose
@pytest.mark.framework
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("size", "cells", "kernel"), SHAPES)
@pytest.mark.parametrize("decode", sorted(CODECS))
def test_keypoints_equal_those_of_mmpose(
    decode: str, size: tuple[int, int], cells: tuple[int, int], kernel: int, kind: str
) -> None:
    require_mmpose()
    from mmpose.registry import KEYPOINT_CODECS

    blur = {} if decode == "quarter-shift" else {"blur_kernel_size": kernel}
    sizes = {"input_size": size[::-1], "heatmap_size": cells[::-1]}
    codec = KEYPOINT_CODECS.build({**CODECS[decode], **sizes, **blur})
    maps = drawn(kind, (4, channels(decode), *cells), seed=sum(cells) + kernel)
    with np.errstate(all="ignore"):
        found = [codec.decode(person) for person in maps]
    keypoints, scores = decode_heatmaps(maps, preprocess(size), protocol(decode, kernel))
    np.testing.assert_array_equal(scores, np.concatenate([score for _, score in found]))
    if kind == "negative" and decode.startswith("udp"):
        # There mmpose goes on with cells beyond its arrays.
        last = np.array(size[::-1]) / (np.array(cells[::-1]) - 1)
        np.testing.assert_allclose(keypoints, np.broadcast_to(-last, keypoints.shape), rtol=1e-6)
        return
    expected = np.concatenate([points for points, _ in found])
    np.testing.assert_allclose(keypoints, expected, atol=2e-5, rtol=1e-6)


@pytest.mark.mmpose
@pytest.mark.framework
def test_the_maximum_is_that_of_mmpose() -> None:
    require_mmpose()
    from mmpose.codecs.utils import get_heatmap_maximum

    for kind in KINDS:
        maps = drawn(kind, (3, 17, 64, 48), seed=5)
        cells, values = get_heatmap_maximum(maps)
        keypoints, scores = decode_heatmaps(maps, preprocess((256, 192)), protocol("argmax"))
        np.testing.assert_array_equal(keypoints, cells * 4)
        np.testing.assert_array_equal(scores, values)


@given(
    st.sampled_from(DECODES),
    st.sampled_from([*KINDS, "zero", "huge"]),
    st.tuples(st.integers(2, 20), st.integers(2, 20)),
    st.sampled_from([1, 3, 11, 25]),
    st.integers(0, 1000),
)
def test_every_keypoint_is_finite_and_the_maps_stay_as_they_are(
    decode: str, kind: str, cells: tuple[int, int], kernel: int, seed: int
) -> None:
    shape = (2, 3, *cells)
    if kind in ("zero", "huge"):
        maps = np.full(shape, 0.0 if kind == "zero" else 1e30, np.float32)
    else:
        maps = drawn(kind, shape, seed)
    before = maps.copy()
    maps.flags.writeable = False
    keypoints, scores = decode_heatmaps(maps, preprocess((64, 64)), protocol(decode, kernel))
    assert keypoints.dtype == scores.dtype == np.float32
    assert keypoints.shape == (2, 1 if decode == "udp-offset" else 3, 2)
    assert scores.shape == keypoints.shape[:2]
    assert np.isfinite(keypoints).all()
    np.testing.assert_array_equal(maps, before)


@given(st.sampled_from(DECODES), st.integers(0, 1000))
def test_people_are_decoded_independently_of_each_other(decode: str, seed: int) -> None:
    maps = drawn("people", (3, 6, 16, 12), seed)
    size, plan = preprocess((64, 48)), protocol(decode)
    together = decode_heatmaps(maps, size, plan)
    alone = [decode_heatmaps(maps[i : i + 1], size, plan) for i in range(3)]
    for part in (0, 1):
        np.testing.assert_array_equal(together[part], np.concatenate([a[part] for a in alone]))


@given(st.integers(3, 12), st.integers(3, 8), st.floats(-0.9, 0.9), st.floats(-0.9, 0.9))
def test_offsets_move_the_peak_of_the_label(x: int, y: int, dx: float, dy: float) -> None:
    maps = np.zeros((1, 3, 12, 16), np.float32)
    maps[0, 0, y, x] = 1
    maps[0, 1, y, x], maps[0, 2, y, x] = dx, dy
    plan = TopDown(decode="udp-offset", blur_kernel=1, offset_radius=0.25)
    keypoints, _ = decode_heatmaps(maps, Preprocess(input_height=11, input_width=15), plan)
    # A quarter of the longer side is 4 cells; of 16 cells the last one lies at the whole width.
    np.testing.assert_allclose(keypoints[0, 0], [x + 4 * dx, y + 4 * dy], atol=1e-5)


@pytest.mark.parametrize("decode", DECODES)
def test_nobody_gives_nothing(decode: str) -> None:
    maps = np.zeros((0, channels(decode), 64, 48), np.float32)
    keypoints, scores = decode_heatmaps(maps, preprocess((256, 192)), protocol(decode))
    assert keypoints.shape == (0, 17, 2)
    assert scores.shape == (0, 17)


def test_an_even_kernel_is_refused_with_the_next_odd_one() -> None:
    maps = np.zeros((1, 3, 8, 8), np.float32)
    with pytest.raises(InputError, match=r"blur_kernel=10 is even.*blur_kernel=11"):
        decode_heatmaps(maps, Preprocess(), protocol("dark", 10))


def test_offsets_need_three_maps_a_keypoint() -> None:
    maps = np.zeros((1, 17, 8, 8), np.float32)
    with pytest.raises(InputError, match=r"three maps a keypoint, the network gives 17"):
        decode_heatmaps(maps, Preprocess(), protocol("udp-offset"))
