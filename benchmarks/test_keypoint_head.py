"""What the keypoint head adds to the latency and the parameters of the bare detector.

Both are cut from one exported file, the detector by leaving out the keypoint outputs, and run in
ONNX Runtime on one thread. Pairs of runs alternate in order; the figure is the geometric mean of
their ratios with a paired 95 % interval (Student's t on the log ratios).
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx.utils import extract_model
from rfdetr_pose.config import LARGE, MEDIUM, NANO, SMALL, ModelConfig
from rfdetr_pose.export import INPUT, OUTPUTS, export_onnx
from rfdetr_pose.network import PoseNetwork
from scipy import stats

PAIRS = 30
MOST = 1.03  # upper end of the interval


@pytest.mark.parametrize("config", [NANO, SMALL, MEDIUM, LARGE], ids=lambda c: c.size)
def test_keypoint_head(benchmark: Any, config: ModelConfig, tmp_path: Path) -> None:
    torch.manual_seed(0)
    pose, detector = tmp_path / "pose.onnx", tmp_path / "detector.onnx"
    export_onnx(PoseNetwork(config), pose)
    extract_model(str(pose), str(detector), [INPUT], list(OUTPUTS[:2]))
    with_head, without = _session(pose), _session(detector)
    image = np.random.default_rng(0).normal(size=(1, 3, config.resolution, config.resolution))
    tensor = image.astype(np.float32)
    logs = []
    for pair in range(PAIRS + 2):
        order = (with_head, without) if pair % 2 else (without, with_head)
        seconds = {id(session): _seconds(session, tensor) for session in order}
        logs.append(np.log(seconds[id(with_head)] / seconds[id(without)]))
    logs = logs[2:]  # the first pair also plans the memory
    mean, error = float(np.mean(logs)), float(stats.sem(logs))
    half = float(stats.t.ppf(0.975, len(logs) - 1)) * error
    ratio, low, high = (float(np.exp(v)) for v in (mean, mean - half, mean + half))
    parameters = [_parameters(path) / 1e6 for path in (pose, detector)]
    benchmark.extra_info.update(ratio=ratio, low=low, high=high)
    print(
        f"\n{config.size}: with / without head {ratio:.4f} [{low:.4f}, {high:.4f}]; "
        f"{parameters[0]:.2f} M / {parameters[1]:.2f} M parameters in the file"
    )
    benchmark.pedantic(lambda: _seconds(with_head, tensor), rounds=1)
    assert high < MOST


def _session(path: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _seconds(session: Any, tensor: Any) -> float:
    start = time.perf_counter()
    session.run(None, {INPUT: tensor})
    return time.perf_counter() - start


def _parameters(path: Path) -> int:
    return sum(int(np.prod(weight.dims)) for weight in onnx.load(path).graph.initializer)
