from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import require

from posebench.pipelines.network_cost import CONVENTION, onnx_cost, openvino_cost


def convolution_and_product(path: Path, *, batch: int | None) -> Path:
    """3 → 4 channels by 3 x 3 at 8 x 8, then a product of 8 columns with an (8, 5) matrix."""
    onnx: Any = require("onnx")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    weights = [
        numpy_helper.from_array(np.ones((4, 3, 3, 3), np.float32), "kernel"),
        numpy_helper.from_array(np.ones(4, np.float32), "bias"),
        numpy_helper.from_array(np.ones((8, 5), np.float32), "matrix"),
        numpy_helper.from_array(np.ones((1, 4, 8, 5), np.float32), "a constant"),
    ]
    nodes = [
        helper.make_node("Conv", ["images", "kernel", "bias"], ["features"], pads=[1, 1, 1, 1]),
        helper.make_node("MatMul", ["features", "matrix"], ["product"]),
        helper.make_node("Add", ["product", "a constant"], ["out"]),
    ]
    images = helper.make_tensor_value_info("images", 1, [batch or "batch", 3, 8, 8])
    out = helper.make_tensor_value_info("out", 1, [batch or "batch", 4, 8, 5])
    graph = helper.make_graph(nodes, "g", [images], [out], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


@pytest.mark.framework
@pytest.mark.parametrize("batch", [1, None])
def test_a_graph_counted_by_hand(tmp_path: Path, batch: int | None) -> None:
    cost = onnx_cost(convolution_and_product(tmp_path / "m.onnx", batch=batch), (1, 3, 8, 8))
    assert cost.params == 4 * 3 * 3 * 3 + 4 + 8 * 5
    assert cost.gflops == (2 * 8 * 8 * 4 * 27 + 2 * 4 * 8 * 5 * 8) / 1e9
    assert cost.convention == CONVENTION


@pytest.mark.framework
@pytest.mark.data
def test_yolov8n_pose_has_the_published_size(yolov8n_onnx: Path) -> None:
    require("onnx")
    cost = onnx_cost(yolov8n_onnx, (1, 3, 640, 640))
    assert cost.params is not None
    assert cost.gflops is not None
    assert round(cost.params / 1e6, 1) == 3.3
    assert round(cost.gflops, 1) == 9.2


@pytest.mark.framework
@pytest.mark.data
def test_an_openvino_network_counts_the_same_arithmetic(data: Path, yolov8n_onnx: Path) -> None:
    require("openvino")
    ir = openvino_cost(data / "weights" / "yolov8n-pose-int8-openvino" / "yolov8n-pose.xml")
    graph = onnx_cost(yolov8n_onnx, (1, 3, 640, 640))
    assert ir.gflops == graph.gflops
    assert ir.params is not None
    assert graph.params is not None
    # Only biases are missing: a fraction of a percent.
    assert 0.99 * graph.params < ir.params < graph.params
    assert "biases not counted" in ir.convention
