"""Parameters and arithmetic of a network, counted from its graph.

Convention: parameters are the elements of the weights and biases that convolutions, matrix
products and batch normalisations read, as they are in the graph (a folded batch normalisation has
none of its own). GFLOPs are twice the multiply-accumulates of convolutions and matrix products for
one picture; activations, pooling and decoding are not counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from pathlib import Path
from typing import Any

from posebench.artifacts import onnx_file
from posebench.errors import MissingExtraError
from posebench.types import ModelCost

CONVENTION = (
    "parameters: weights and biases of convolutions, matrix products and batch normalisations in "
    "the graph; GFLOPs: 2 x multiply-accumulates of convolutions and matrix products, batch 1"
)
_WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul", "BatchNormalization", "PRelu")


def onnx_cost(path: Path, input_shape: tuple[int, ...]) -> ModelCost:
    """Count an ONNX file.

    Args:
        path: The file.
        input_shape: Of the first input, used where the graph leaves it open.

    Returns:
        Figures, or None with the reason in the convention if they cannot be counted.

    Raises:
        InputError: Not an ONNX file, or unsafe external data.
    """
    try:
        model, _ = onnx_file.read_model(path)
    except MissingExtraError:
        return ModelCost(None, None, "not counted: the package onnx is not installed")
    from onnx import shape_inference

    _fix_input(model.graph.input[0], input_shape)
    shapes = _shapes(shape_inference.infer_shapes(model).graph)
    flops = [_flops(node, shapes) for node in model.graph.node]
    total = None if any(f is None for f in flops) else sum(f or 0 for f in flops)
    note = "" if total is not None else "; GFLOPs not counted: a shape is not known"
    gflops = None if total is None else total / 1e9
    return ModelCost(_params(model.graph), gflops, CONVENTION + note)


def _fix_input(value: Any, input_shape: tuple[int, ...]) -> None:
    for dimension, side in zip(value.type.tensor_type.shape.dim, input_shape, strict=True):
        if dimension.dim_value <= 0:
            dimension.dim_value = side


def _params(graph: Any) -> int:
    sizes = {tensor.name: prod(tensor.dims) for tensor in graph.initializer}
    # A quantised weight reaches its convolution through a DequantizeLinear.
    sources = {
        node.output[0]: node.input[0] for node in graph.node if node.op_type == "DequantizeLinear"
    }
    read = {
        sources.get(name, name)
        for node in graph.node
        if node.op_type in _WEIGHTED
        for name in node.input[1:]
    }
    return sum(size for name, size in sizes.items() if name in read)


def _shapes(graph: Any) -> dict[str, tuple[int, ...]]:
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.value_info, *graph.input, *graph.output):
        dimensions = value.type.tensor_type.shape.dim
        shapes[value.name] = tuple(dimension.dim_value for dimension in dimensions)
    return shapes


def _flops(node: Any, shapes: dict[str, tuple[int, ...]]) -> int | None:
    """Of one node; None if a shape it needs is unknown, 0 if the node is not counted."""
    if node.op_type not in ("Conv", "ConvTranspose", "Gemm", "MatMul"):
        return 0
    first, second = (shapes.get(name, ()) for name in node.input[:2])
    output = shapes.get(node.output[0], ())
    if not first or not second or not _known((first, second, output)):
        return None
    if node.op_type == "Conv":
        return 2 * prod(output) * prod(second[1:])
    if node.op_type == "ConvTranspose":
        return 2 * prod(first) * prod(second[1:])
    transposed = node.op_type == "Gemm" and any(a.name == "transA" and a.i for a in node.attribute)
    return 2 * prod(output) * first[-2 if transposed else -1]


def _known(shapes: Iterable[tuple[int, ...]]) -> bool:
    return all(side > 0 for shape in shapes for side in shape)


def openvino_cost(file: Path) -> ModelCost:
    """Count an OpenVINO ``.xml``; biases are separate additions there and are not counted."""
    import openvino

    params = flops = 0
    for op in openvino.Core().read_model(file).get_ops():
        kind = op.get_type_name()
        if kind not in ("Convolution", "GroupConvolution", "MatMul"):
            continue
        weight = op.input_value(1).get_node()
        shape, output = op.get_input_shape(1), op.get_output_shape(0)
        if kind == "MatMul":
            flops += 2 * prod(output) * op.get_input_shape(0)[-1]
        else:
            flops += 2 * prod(output) * prod(shape[2 if kind == "GroupConvolution" else 1 :])
        params += prod(shape) if _is_constant(weight) else 0
    return ModelCost(params, flops / 1e9, f"{CONVENTION}; biases not counted")


def _is_constant(node: Any) -> bool:
    """Whether a value is a constant, possibly converted or dequantised."""
    while node.get_type_name() in ("Convert", "Multiply", "Subtract", "FakeQuantize", "Reshape"):
        node = node.input_value(0).get_node()
    return bool(node.get_type_name() == "Constant")
