"""FP32 ONNX files in mixed FP16, converted once and kept in the cache."""

from __future__ import annotations

import hashlib
import json
from importlib import metadata
from pathlib import Path
from typing import Any

from posebench.artifacts import onnx_file
from posebench.artifacts.exported import artifact
from posebench.artifacts.half_graph import to_half
from posebench.cache import atomic_path, cache_dir, file_sha256
from posebench.errors import InputError, MissingExtraError

HALF_VERSION = 2
"""Raised whenever the same file would become another."""
_CONVERTERS = ("onnxruntime", "onnxruntime-gpu")


def half_precision(path: Path) -> Path:
    """The FP16 counterpart of an FP32 ONNX file, as one file with its metadata.

    Weights and arithmetic are FP16. Inputs, outputs and whatever is a place in the picture stay
    FP32, see :mod:`posebench.artifacts.half_nodes`.

    Raises:
        InputError: Not an ONNX file, unsafe external data, or it cannot be converted.
        MissingExtraError: ONNX Runtime, whose converter is used, or onnx is not installed.
        OSError: The cache cannot be written.
    """
    half = _cached(path)
    checksum = half.with_name(f"{half.name}.sha256")
    if not _is_whole(half, checksum):
        content = _convert(path).SerializeToString(deterministic=True)
        with atomic_path(half) as temporary:
            temporary.write_bytes(content)
        with atomic_path(checksum) as temporary:
            temporary.write_text(f"{hashlib.sha256(content).hexdigest()}\n")
    return half


def _cached(path: Path) -> Path:
    """Where the counterpart lies: named by the source, with its data outside, and the converter."""
    key = [artifact(path, "network").sha256, HALF_VERSION, _converter()]
    folder = hashlib.sha256(json.dumps(key).encode()).hexdigest()
    return cache_dir("fp16", folder, f"{path.stem}.fp16.onnx")


def _converter() -> list[str]:
    for package in _CONVERTERS:
        try:
            return [package, metadata.version(package)]
        except metadata.PackageNotFoundError:
            continue
    raise MissingExtraError("converting a network to FP16 needs ONNX Runtime.", extra="onnxruntime")


def _is_whole(path: Path, checksum: Path) -> bool:
    try:
        return file_sha256(path) == checksum.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return False


def _convert(path: Path) -> Any:
    model, _ = onnx_file.read_model(path)
    if onnx_file.precision(model) != "fp32":
        raise InputError(f"{path}: computes in {onnx_file.precision(model)}, not in FP32.")
    if onnx_file.external_locations(model):
        from onnx.external_data_helper import load_external_data_for_model

        load_external_data_for_model(model, str(path.parent))
    try:
        half = to_half(model)
    except InputError as error:
        raise InputError(
            f"{path} cannot be converted to FP16: {error}",
            remedy="Ask for --precision fp32, or export the network in FP16.",
        ) from error
    if onnx_file.precision(half) != "fp16":
        raise InputError(
            f"{path} cannot be converted to FP16: most of its weights would stay FP32.",
            remedy="Ask for --precision fp32, or export the network in FP16.",
        )
    return half
