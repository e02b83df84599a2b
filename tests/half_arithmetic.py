"""FP16 networks computed as a GPU would: every tensor rounded, sums within a node in FP32.

On CPUs without such arithmetic ONNX Runtime keeps the tensors between FP16 nodes in FP32.
"""

from __future__ import annotations

from typing import Any

from support import require

FLOAT, FLOAT16 = 1, 10


def element_types(model: Any) -> dict[str, int]:
    """The element type of every tensor of an inferred ``onnx.ModelProto``."""
    graph = model.graph
    values = (*graph.input, *graph.value_info, *graph.output)
    types = {value.name: value.type.tensor_type.elem_type for value in values}
    return types | {tensor.name: tensor.data_type for tensor in graph.initializer}


def rounding(model: Any) -> Any:
    """The same network in FP32, with casts to FP16 and back behind every node that was FP16."""
    onnx = require("onnx")
    types = element_types(model)
    rounded = onnx.ModelProto()
    rounded.CopyFrom(model)
    graph = rounded.graph
    del graph.value_info[:], graph.node[:]
    for tensor in graph.initializer:
        if tensor.data_type == FLOAT16:
            values = onnx.numpy_helper.to_array(tensor).astype("float32")
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    for node in model.graph.node:
        graph.node.extend(_rounded(onnx, node, types))
    onnx.checker.check_model(rounded, full_check=True)
    return rounded


def _rounded(onnx: Any, node: Any, types: dict[str, int]) -> list[Any]:
    halves = [name for name in node.output if types[name] == FLOAT16]
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.output[:] = [f"{name}:exact" if name in halves else name for name in node.output]
    if node.op_type == "Cast" and halves:
        copy.attribute[0].i = FLOAT
    nodes = [copy]
    for name in halves:
        nodes.append(onnx.helper.make_node("Cast", [f"{name}:exact"], [f"{name}:16"], to=FLOAT16))
        nodes.append(onnx.helper.make_node("Cast", [f"{name}:16"], [name], to=FLOAT))
    return nodes
