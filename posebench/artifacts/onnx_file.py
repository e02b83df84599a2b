"""Reading an ONNX file without trusting it: external data stays inside the model's folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from posebench.errors import InputError, MissingExtraError

_QUANTISED = ("QuantizeLinear", "DequantizeLinear", "QLinear", "Integer")


def read_model(path: Path, *, extra: str = "onnxruntime") -> tuple[Any, bytes]:
    """The graph of an ONNX file, without its external data, and the file's bytes.

    Args:
        path: The file.
        extra: The pip extra that the message names if ``onnx`` is missing.

    Raises:
        InputError: Not an ONNX file, or it points to data outside its own folder.
        MissingExtraError: ``onnx`` is not installed.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError as error:
        raise MissingExtraError(
            "reading an ONNX file needs the package onnx.", extra=extra
        ) from error
    data = path.read_bytes()
    try:
        model = onnx.load_model_from_string(data)
    except DecodeError as error:
        raise InputError(f"{path}: not an ONNX file ({error}).") from error
    if not model.graph.node:
        raise InputError(f"{path}: not an ONNX file (no graph in it).")
    for location in external_locations(model):
        _check_location(path, location)
    return model, data


def metadata(model: Any) -> dict[str, str]:
    """Key-value pairs that the exporter wrote."""
    return {entry.key: entry.value for entry in model.metadata_props}


def precision(model: Any) -> str:
    """``int8`` if any node is quantised, else ``fp16`` or ``fp32`` as most weights are."""
    import onnx

    if any(
        node.op_type.startswith(_QUANTISED[:3]) or node.op_type.endswith(_QUANTISED[3])
        for node in model.graph.node
    ):
        return "int8"
    sizes = {onnx.TensorProto.FLOAT: 0, onnx.TensorProto.FLOAT16: 0}
    for tensor in model.graph.initializer:
        if tensor.data_type in sizes:
            elements = 1
            for side in tensor.dims:
                elements *= side
            sizes[tensor.data_type] += elements
    return "fp16" if sizes[onnx.TensorProto.FLOAT16] > sizes[onnx.TensorProto.FLOAT] else "fp32"


def external_locations(model: Any) -> list[str]:
    """Where the tensors of a model say that their data lies, outside the file."""
    import onnx

    return [
        entry.value
        for tensor in _tensors(model)
        if tensor.data_location == onnx.TensorProto.EXTERNAL
        for entry in tensor.external_data
        if entry.key == "location"
    ]


def _tensors(message: Any) -> Iterator[Any]:
    """Every tensor inside a protobuf message, subgraphs and functions included."""
    if message.DESCRIPTOR.full_name == "onnx.TensorProto":
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        repeated = not hasattr(value, "DESCRIPTOR")
        for child in value if repeated else (value,):
            yield from _tensors(child)


def _check_location(path: Path, location: str) -> None:
    folder = path.parent.resolve()
    target = path.parent / location
    inside = target.resolve().is_relative_to(folder)
    if not inside or target.is_symlink() or not target.is_file():
        raise InputError(
            f"{path}: its external data {location!r} is not a regular file inside the model's "
            "folder.",
            remedy="Export the model into one file, or with its data beside it.",
        )
