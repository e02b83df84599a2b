"""Small ONNX networks for the tests of TensorRT: y = relu(2 x + b)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from posebench.types import Float32Array

BIAS = -0.5
Side = int | str


def write_network(
    path: Path,
    *,
    half: bool = False,
    sides: tuple[Side, ...] = (1, 3, 4, 4),
    domain: str = "",
    bias: float = BIAS,
) -> Path:
    """Write it, in FP32 or, between its ends, in FP16; ``domain`` is that of its last operator."""
    kind = np.float16 if half else np.float32
    names = ["cast_in"] if half else ["x"]
    middle = [
        helper.make_node("Mul", [names[0], "two"], ["product"], "product"),
        helper.make_node("Add", ["product", "bias"], ["sum"], "sum"),
        helper.make_node("Relu", ["sum"], ["positive" if half else "y"], "relu", domain=domain),
    ]
    if half:
        first = helper.make_node("Cast", ["x"], ["cast_in"], "in", to=TensorProto.FLOAT16)
        last = helper.make_node("Cast", ["positive"], ["y"], "out", to=TensorProto.FLOAT)
        middle = [first, *middle, last]
    graph = helper.make_graph(
        middle,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(sides))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, list(sides))],
        [
            numpy_helper.from_array(np.full((1, 3, 1, 1), 2, kind), "two"),
            numpy_helper.from_array(np.full((1, 3, 1, 1), bias, kind), "bias"),
        ],
    )
    opsets = [helper.make_opsetid("", 18)]
    if domain:
        opsets.append(helper.make_opsetid(domain, 1))
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    helper.set_model_props(model, {"task": "pose"})
    onnx.save(model, path)
    return path


def write_mixed(path: Path) -> Path:
    """An FP16 file by its weights, with 2 values in FP16, 4 in FP32 and 2 that it gives."""
    value, half, single = helper.make_tensor_value_info, TensorProto.FLOAT16, TensorProto.FLOAT
    nodes = [
        helper.make_node("Cast", ["x"], ["halves"], "in", to=half),
        helper.make_node("Add", ["halves", "bias"], ["sums"], "add"),
        helper.make_node("Cast", ["sums"], ["singles"], "out", to=single),
        helper.make_node("Concat", ["singles", "singles"], ["pair"], "pair", axis=0),
        helper.make_node("ReduceSum", ["pair"], ["total"], "total", keepdims=1),
        helper.make_node("Concat", ["total", "total"], ["y"], "last", axis=0),
    ]
    bias = numpy_helper.from_array(np.ones(1, np.float16), "bias")
    graph = helper.make_graph(
        nodes, "mixed", [value("x", single, [1])], [value("y", single, [2])], [bias]
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path
    )
    return path


def expected(x: Float32Array) -> Float32Array:
    """What the network gives."""
    return np.maximum(2 * x + np.float32(BIAS), np.float32(0))


def write_operator(path: Path, operator: str, sides: tuple[Side, ...], kind: int) -> Path:
    """Write a network of one operator with one output, of that shape and ONNX element type."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3])
    y = helper.make_tensor_value_info("y", kind, list(sides))
    graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"], operator)], "net", [x], [y])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]), path)
    return path
