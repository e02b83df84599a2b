"""Decoding heat maps, beside mmpose's codecs: the ratio of the times on the same maps.

Both decode the same crops on one thread; mmpose's codecs take them one by one. Rounds alternate in
order; the figure is the geometric mean of the ratios with a paired 95 % interval (Student's t on
the log ratios).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from scipy import stats
from support import require_mmpose

from posebench.config import Preprocess, TopDown
from posebench.pipelines.heatmap_targets import encode_heatmaps
from posebench.pipelines.heatmaps import decode_heatmaps
from posebench.types import Float32Array

ROUNDS = 15
PEOPLE = 32
MOST = 1.0  # upper end of the interval
SIZES = [((256, 192), (64, 48), 11), ((384, 288), (96, 72), 17)]
CODECS: dict[str, dict[str, Any]] = {
    "quarter-shift": {"type": "MSRAHeatmap", "sigma": 2.0},
    "dark": {"type": "MSRAHeatmap", "sigma": 2.0, "unbiased": True},
    "udp-dark": {"type": "UDPHeatmap"},
    "udp-offset": {"type": "UDPHeatmap", "heatmap_type": "combined"},
}


@pytest.mark.parametrize(("size", "cells", "kernel"), SIZES, ids=["256x192", "384x288"])
@pytest.mark.parametrize("decode", sorted(CODECS))
def test_decode(
    benchmark: Any, decode: str, size: tuple[int, int], cells: tuple[int, int], kernel: int
) -> None:
    require_mmpose()
    from mmpose.registry import KEYPOINT_CODECS

    cv2.setNumThreads(1)
    blur = {} if decode == "quarter-shift" else {"blur_kernel_size": kernel}
    sizes = {"input_size": size[::-1], "heatmap_size": cells[::-1]}
    codec = KEYPOINT_CODECS.build({**CODECS[decode], **sizes, **blur})
    preprocess = Preprocess(input_height=size[0], input_width=size[1])
    plan = TopDown.model_validate({"decode": decode, "blur_kernel": kernel})
    maps = _maps(preprocess, cells, 51 if decode == "udp-offset" else 17)

    def ours() -> Any:
        return decode_heatmaps(maps, preprocess, plan)

    def theirs() -> Any:
        return [codec.decode(person) for person in maps]

    np.testing.assert_allclose(ours()[0], np.concatenate([k for k, _ in theirs()]), atol=1e-3)
    ratio, low, high = _ratio(ours, theirs)
    milliseconds = 1e3 * _seconds(ours) / PEOPLE
    benchmark.extra_info.update(ratio=ratio, low=low, high=high, ms_a_person=milliseconds)
    print(
        f"\n{decode} {size[0]}x{size[1]}: {milliseconds:.3f} ms a person, ours / mmpose "
        f"{ratio:.3f} [{low:.3f}, {high:.3f}]"
    )
    benchmark.pedantic(ours, rounds=1)
    assert high < MOST


def _maps(preprocess: Preprocess, cells: tuple[int, int], channels: int) -> Float32Array:
    """(PEOPLE, channels, h, w) Gaussians with a little noise."""
    random = np.random.default_rng(0)
    sides = (preprocess.input_width, preprocess.input_height)
    plan = TopDown(decode="dark")
    maps = [
        encode_heatmaps(
            random.uniform(0, sides, (channels, 2)).astype(np.float32),
            np.ones(channels, np.float32),
            preprocess,
            cells,
            2.0,
            plan,
        )
        for _ in range(PEOPLE)
    ]
    return (np.stack(maps) + random.normal(0, 0.01, (PEOPLE, channels, *cells))).astype(np.float32)


def _ratio(ours: Callable[[], Any], theirs: Callable[[], Any]) -> tuple[float, float, float]:
    logs = []
    for index in range(ROUNDS):
        order = (ours, theirs) if index % 2 else (theirs, ours)
        seconds = {decode: _seconds(decode) for decode in order}
        logs.append(np.log(seconds[ours] / seconds[theirs]))
    mean, error = float(np.mean(logs)), float(stats.sem(logs))
    half = float(stats.t.ppf(0.975, len(logs) - 1)) * error
    return float(np.exp(mean)), float(np.exp(mean - half)), float(np.exp(mean + half))


def _seconds(decode: Callable[[], Any]) -> float:
    start = time.perf_counter()
    decode()
    return time.perf_counter() - start
