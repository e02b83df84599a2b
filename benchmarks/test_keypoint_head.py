"""What the keypoint head adds to the latency and the parameters of the bare detector.

Both are cut from one exported file, the detector by leaving out the keypoint outputs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx.utils import extract_model
from paired_latency import latency_ratio, open_network, parameters_m, seconds
from rfdetr_pose.config import LARGE, MEDIUM, NANO, SMALL, ModelConfig
from rfdetr_pose.export import OUTPUTS, export_onnx
from rfdetr_pose.network import PoseNetwork
from rfdetr_pose.onnx_file import INPUT

PAIRS = 30
MOST = 1.03  # upper end of the interval


@pytest.mark.parametrize("config", [NANO, SMALL, MEDIUM, LARGE], ids=lambda c: c.size)
def test_keypoint_head(benchmark: Any, config: ModelConfig, tmp_path: Path) -> None:
    torch.manual_seed(0)
    pose, detector = tmp_path / "pose.onnx", tmp_path / "detector.onnx"
    export_onnx(PoseNetwork(config), pose)
    extract_model(str(pose), str(detector), [INPUT], list(OUTPUTS[:2]))
    with_head, without = open_network(pose), open_network(detector)
    image = np.random.default_rng(0).normal(size=(1, 3, config.resolution, config.resolution))
    tensor = image.astype(np.float32)
    ratio = latency_ratio(with_head, without, tensor, PAIRS)
    benchmark.extra_info.update(vars(ratio))
    print(
        f"\n{config.size}: with / without head {ratio}; "
        f"{parameters_m(pose):.2f} M / {parameters_m(detector):.2f} M parameters in the file"
    )
    benchmark.pedantic(lambda: seconds(with_head, tensor), rounds=1)
    assert ratio.high < MOST
