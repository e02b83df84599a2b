"""What the accuracy pass adds to the time that the bare session needs for the same tensors.

The bare loop feeds prepared tensors to ONNX Runtime by its own API, one thread. The pass decodes,
preprocesses, runs the network and postprocesses the same pictures. Rounds of the two alternate;
the figure is the geometric mean of their ratios with a paired 95 % interval (Student's t on the
log ratios).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pytest
from scipy import stats

from posebench.config import resolve_protocol
from posebench.datasets.images import read_image
from posebench.overlap import predict_images
from posebench.registry import import_adapter, recommended_protocol, resolve_reference
from posebench.worker_runtime import RuntimeHandle

DATA = Path(os.environ.get("POSEBENCH_TEST_DATA") or Path(__file__).parents[2] / "shared" / "data")
ROUNDS = 10
PICTURES = 20


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def test_accuracy_pass(benchmark: Any) -> None:
    weights = DATA / "weights" / "yolov8n-pose.onnx"
    if not weights.exists():
        pytest.skip(f"{weights} is not there")
    cv2.setNumThreads(1)
    paths = sorted((DATA / "coco-val2017-mini" / "images").glob("*.jpg"))[:PICTURES]
    entry = resolve_reference("yolov8n-pose")
    adapter = import_adapter(entry.adapter)
    runtime = RuntimeHandle(name="onnxruntime", precision="fp32", device="cpu", threads=1)
    protocol = resolve_protocol(*recommended_protocol(adapter, entry.card, weights))
    model = adapter.load(entry.card, weights, protocol, runtime.open_session)
    tensors = [model.preprocess([read_image(path)]).tensors[0] for path in paths]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        weights.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name

    def bare() -> None:
        for tensor in tensors:
            session.run(None, {name: tensor})

    def whole() -> None:
        for _ in predict_images(model, paths):
            pass

    bare()
    whole()
    logs = []
    for _ in range(ROUNDS):
        first, second = _seconds(bare), _seconds(whole)
        logs.append(np.log(second / first))
    mean, error = float(np.mean(logs)), float(stats.sem(logs))
    half = float(stats.t.ppf(0.975, ROUNDS - 1)) * error
    ratio, low, high = (float(np.exp(v)) for v in (mean, mean - half, mean + half))
    benchmark.extra_info.update(ratio=ratio, low=low, high=high)
    print(f"\naccuracy pass / bare session: {ratio:.3f} [{low:.3f}, {high:.3f}]")
    benchmark.pedantic(whole, rounds=1)
