"""Which nodes of a graph stay in FP32 when the rest computes in FP16.

FP16 has 11 significant bits: between 512 and 1024 its numbers are half a pixel apart. What the
heads say is an offset of some cells, for which that is enough; a place in the picture is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

HEAVY = frozenset(
    "Conv ConvTranspose Einsum Gemm InstanceNormalization LayerNormalization MatMul Softmax".split()
)
"""Where the arithmetic of a network is. Between two of them, tensors are features."""
WHOLE = frozenset(
    "ArgMax ArgMin Cos CumSum GridSample Max Min NonMaxSuppression Range ReduceL2 "
    "ReduceLogSumExp ReduceSumSquare RoiAlign Sin TopK Upsample".split()
)
"""Stay in FP32 as they are. They rank, select or sum up, or no runtime has them in FP16.

TensorRT wants both inputs of GridSample in one type, and its second is a place.
"""
_PLACES = {"ArgMax": (0,), "ArgMin": (0,), "Cos": (0,), "GridSample": (1,), "RoiAlign": (1,),
           "NonMaxSuppression": (0, 1), "Sin": (0,), "TopK": (0,)}  # fmt: skip
"""Inputs that are places, phases or ranks."""
_SQUARES = frozenset({"Pow", "ReduceL2", "ReduceSumSquare"})
_SUMS = frozenset({"Add", "Div", "Reciprocal", "ReduceMean", "ReduceSum", "Sqrt"})
_IMAGE_RANK = 4
_NUMBERS = (6, 7)
"""INT32 and INT64, as ``onnx.TensorProto.DataType`` numbers them."""


def nodes_to_keep(graph: Any, types: Mapping[str, int]) -> frozenset[str]:
    """Names of the nodes of an ``onnx.GraphProto`` that stay in FP32.

    Those are: what lies between the last heavy nodes and the outputs; what leads from heavy nodes
    to the places where a feature map is sampled, to what is ranked, and to indices; what lies
    between inputs that are no images, or whole numbers, and the first heavy nodes; and squares
    with their sums, which overflow.

    Args:
        graph: Every node has a name of its own.
        types: Element types of its tensors, as ``onnx.TensorProto.DataType`` numbers them.
    """
    makers = makers_of(graph.node)
    readers: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in filter(None, node.input):
            readers.setdefault(name, []).append(node)
    kept = {node.name for node in graph.node if node.op_type in WHOLE}
    kept.update(_before(_places(graph), makers))
    kept.update(_after(_vectors(graph), readers))
    numbers = list(_from_numbers(graph, types))
    kept.update(node.name for node in numbers)
    kept.update(_after((name for node in numbers for name in node.output), readers))
    kept.update(_squares(graph, readers))
    return frozenset(kept)


def makers_of(nodes: Iterable[Any]) -> dict[str, Any]:
    """Which node makes a tensor. An output that is left out has no name."""
    return {name: node for node in nodes for name in node.output if name}


def _places(graph: Any) -> Iterator[str]:
    """Tensors that are places, phases, ranks, or what an index is made of."""
    yield from (output.name for output in graph.output)
    for node in graph.node:
        inputs = (0,) if _makes_index(node) else _PLACES.get(node.op_type, ())
        yield from (node.input[i] for i in inputs if i < len(node.input))


def _makes_index(node: Any) -> bool:
    from onnx import helper

    return node.op_type == "Cast" and helper.get_node_attr_value(node, "to") in _NUMBERS


def _from_numbers(graph: Any, types: Mapping[str, int]) -> Iterator[Any]:
    """Casts of whole numbers: indices, which FP16 has no more of than 2048 in a row."""
    from onnx import helper

    for node in graph.node:
        counts = node.op_type == "Cast" and types.get(node.input[0]) in _NUMBERS
        if counts and helper.get_node_attr_value(node, "to") not in _NUMBERS:
            yield node


def _vectors(graph: Any) -> Iterator[str]:
    """Inputs that are no images: boxes, or features of people."""
    for value in graph.input:
        if len(value.type.tensor_type.shape.dim) != _IMAGE_RANK:
            yield value.name


def _before(names: Iterable[str], makers: Mapping[str, Any]) -> set[str]:
    """Nodes from which tensors come, up to heavy ones."""
    found: set[str] = set()
    pending = list(names)
    while pending:
        node = makers.get(pending.pop())
        if node is not None and node.op_type not in HEAVY and node.name not in found:
            found.add(node.name)
            pending.extend(node.input)
    return found


def _after(names: Iterable[str], readers: Mapping[str, list[Any]]) -> set[str]:
    """Nodes to which tensors lead, up to heavy ones."""
    found: set[str] = set()
    pending = list(names)
    while pending:
        for node in readers.get(pending.pop(), ()):
            if node.op_type not in HEAVY and node.name not in found:
                found.add(node.name)
                pending.extend(node.output)
    return found


def _squares(graph: Any, readers: Mapping[str, list[Any]]) -> set[str]:
    """Squares, and what is done with them until their root or quotient is taken."""
    pending = [node for node in graph.node if node.op_type in _SQUARES]
    found: set[str] = set()
    while pending:
        node = pending.pop()
        if node.name in found:
            continue
        found.add(node.name)
        if node.op_type not in ("Div", "Reciprocal"):
            following = [n for name in node.output for n in readers.get(name, ())]
            pending.extend(n for n in following if n.op_type in _SUMS)
    return found
