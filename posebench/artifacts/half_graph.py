"""An FP32 graph in mixed FP16: what is a place in the picture stays FP32."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import Any

from posebench.artifacts.half_nodes import makers_of, nodes_to_keep
from posebench.errors import InputError

LARGEST = 65504.0
"""The largest finite number of FP16."""
_BOUNDING = frozenset({"Add", "Clip", "Max", "Min", "Sub", "Where"})
"""Nodes to which a single number beyond that means infinity: a mask, a bound."""
FLOAT, FLOAT16 = 1, 10
"""``onnx.TensorProto.DataType``, whose numbers are part of the format."""


def to_half(model: Any) -> Any:
    """Convert an ``onnx.ModelProto`` whose weights lie in it.

    Inputs and outputs keep their types. Masks and bounds beyond FP16's range become its largest
    number.

    Args:
        model: FP32; is not changed.

    Returns:
        A model that is sorted and passes ONNX's full check with strict types.

    Raises:
        InputError: A weight is beyond FP16's range, or the graph cannot be converted.
    """
    import onnx

    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    _prepare(whole)
    kept = nodes_to_keep(whole.graph, _types(whole))
    _own_copies(whole.graph, kept)
    _check_range(whole.graph, kept)
    try:
        return _checked(_tidied(_converted(whole, kept)))
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise InputError(f"what it becomes is no valid ONNX ({error}).") from error


def _prepare(model: Any) -> None:
    """Constants to initialisers, no initialiser that is also an input, a name for every node."""
    from onnx import numpy_helper

    graph = model.graph
    _refuse_subgraphs(model)
    for node in graph.node:
        if node.op_type == "Constant":
            value = numpy_helper.from_array(_constant(node), node.output[0])
            graph.initializer.append(value)
    _replace(graph.node, [node for node in graph.node if node.op_type != "Constant"])
    filled = {tensor.name for tensor in graph.initializer}
    _replace(graph.input, [value for value in graph.input if value.name not in filled])
    model.ir_version = max(model.ir_version, 4)  # before, initialisers had to be inputs
    for number, node in enumerate(graph.node):
        node.name = f"{number}:{node.name or node.op_type}"


def _refuse_subgraphs(model: Any) -> None:
    branching = {n.op_type for n in model.graph.node for a in n.attribute if a.HasField("g")}
    if branching or model.functions:
        names = sorted(branching | {function.name for function in model.functions})
        raise InputError(f"it has graphs inside its graph ({', '.join(names)}).")


def _constant(node: Any) -> Any:
    import numpy as np
    from onnx import helper, numpy_helper

    attribute = node.attribute[0]
    value = helper.get_attribute_value(attribute)
    if attribute.name == "value":
        return numpy_helper.to_array(value)
    kinds = {"value_float": np.float32, "value_floats": np.float32,
             "value_int": np.int64, "value_ints": np.int64}  # fmt: skip
    if attribute.name not in kinds:
        raise InputError(f"the network has a constant that is a {attribute.name}.")
    return np.array(value, kinds[attribute.name])


def _replace(field: Any, items: Iterable[Any]) -> None:
    """Put other messages into a repeated field."""
    items = list(items)
    del field[:]
    field.extend(items)


def _own_copies(graph: Any, kept: frozenset[str]) -> None:
    """Give FP32 nodes constants of their own where FP16 nodes read the same: those are rounded."""
    shared = {name for node in graph.node if node.name not in kept for name in node.input}
    originals = {tensor.name: tensor for tensor in graph.initializer if tensor.name in shared}
    copies: set[str] = set()
    for node in graph.node:
        for index, name in enumerate(node.input):
            if node.name not in kept or name not in originals:
                continue
            node.input[index] = f"{name}:whole"
            if name not in copies:
                copies.add(name)
                copy = graph.initializer.add()
                copy.CopyFrom(originals[name])
                copy.name = f"{name}:whole"


def _check_range(graph: Any, kept: frozenset[str]) -> None:
    import numpy as np
    from onnx import numpy_helper

    readers: dict[str, set[str]] = {}
    for node in graph.node:
        for name in node.input if node.name not in kept else ():
            readers.setdefault(name, set()).add(node.op_type)
    for tensor in graph.initializer:
        if tensor.data_type != FLOAT or tensor.name not in readers:
            continue
        values = np.abs(numpy_helper.to_array(tensor))
        is_bound = values.size == 1 and readers[tensor.name] <= _BOUNDING
        if values.max(initial=0) > LARGEST and not is_bound:
            raise InputError(
                f"its weight {tensor.name!r} reaches {values.max():.4g}, and FP16 ends at "
                f"{LARGEST:.0f}."
            )


def _converted(model: Any, kept: frozenset[str]) -> Any:
    from onnxruntime.transformers.float16 import convert_float_to_float16

    return convert_float_to_float16(
        model,
        keep_io_types=True,
        max_finite_val=LARGEST,
        op_block_list=[],
        node_block_list=sorted(kept),
    )


def _tidied(model: Any) -> Any:
    """Sort the nodes, and let FP32 nodes hand FP32 on to each other.

    The converter wraps each of them in casts: its neighbours would see their values rounded. Where
    one tensor feeds several of them it also writes the same cast several times.
    """
    graph = model.graph
    makers = makers_of(graph.node)
    _replace(graph.node, _sorted(list({node.name: node for node in graph.node}.values())))
    del graph.value_info[:]  # half of them became wrong
    _join(graph, makers, _types(model))
    _drop_unused(graph)
    return model


def _sorted(nodes: Sequence[Any]) -> list[Any]:
    numbers = {node.name: number for number, node in enumerate(nodes)}
    makers = makers_of(nodes)
    sorter = TopologicalSorter(
        {
            number: [numbers[makers[name].name] for name in node.input if name in makers]
            for number, node in enumerate(nodes)
        }
    )
    return [nodes[number] for number in sorter.static_order()]


def _types(model: Any) -> dict[str, int]:
    """The element type of every tensor."""
    import onnx

    graph = onnx.shape_inference.infer_shapes(model).graph
    types = {tensor.name: tensor.data_type for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        types[value.name] = value.type.tensor_type.elem_type
    return types


def _join(graph: Any, makers: Mapping[str, Any], types: Mapping[str, int]) -> None:
    """Read before casts to FP16 and back, and before casts that change nothing."""
    before: dict[str, str] = {}
    for node in graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = before.get(name, name)
        kind = _target(node)
        source = makers.get(node.input[0]) if kind == FLOAT else None
        if source is not None and _target(source) == FLOAT16:
            node.input[0] = source.input[0]
        if kind is not None and types.get(node.input[0]) == kind:
            before[node.output[0]] = node.input[0]


def _target(node: Any) -> int | None:
    """The type to which a node casts; None if it is no cast."""
    from onnx import helper

    return int(helper.get_node_attr_value(node, "to")) if node.op_type == "Cast" else None


def _drop_unused(graph: Any) -> None:
    """Drop the casts that nobody reads, again and again, as dropping one may free the next."""
    while True:
        read = {name for node in graph.node for name in node.input}
        read |= {value.name for value in graph.output}
        used = [n for n in graph.node if n.op_type != "Cast" or read.intersection(n.output)]
        if len(used) == len(graph.node):
            return
        _replace(graph.node, used)


def _checked(model: Any) -> Any:
    import onnx

    typed = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    onnx.checker.check_model(typed, full_check=True)
    return typed
