"""ONNX Runtime's execution providers: which one is asked for, and whether it is the one in use.

``get_available_providers`` lists those that were compiled in, with their libraries or without, and
a session whose provider cannot be loaded runs on the CPU without an error.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeAlias

from posebench.artifacts.exported import artifact
from posebench.cache import cache_dir
from posebench.config import SessionOptions
from posebench.errors import InputError

Provider: TypeAlias = tuple[str, dict[str, str]]
"""Name and options."""
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"


def provider_name(device: str, options: SessionOptions) -> str:
    """The provider that a device and the options ask for.

    Raises:
        InputError: No such device, or TensorRT without CUDA.
    """
    kind = device.partition(":")[0]
    if kind not in ("cpu", "cuda"):
        raise InputError(f"device {device!r} is not one of cpu, cuda, cuda:N.")
    if options.provider == "tensorrt":
        if kind == "cpu":
            raise InputError(
                "session.provider 'tensorrt' runs on a GPU.", remedy="Use --device cuda with it."
            )
        return TENSORRT
    return CUDA if kind == "cuda" else CPU


def check_available(name: str, device: str, available: Sequence[str]) -> None:
    """Refuse a provider that this ONNX Runtime was built without.

    Raises:
        InputError: It is not there.
    """
    if name not in available:
        raise InputError(
            f"device {device!r} needs {name}, this onnxruntime has {', '.join(available)}.",
            remedy="Install onnxruntime-gpu in place of onnxruntime.",
        )


def check_used(name: str, device: str, used: str) -> None:
    """Refuse a session that runs elsewhere than was asked for.

    Raises:
        InputError: ONNX Runtime fell back.
    """
    if used == name:
        return
    libraries = "CUDA, cuDNN and TensorRT 10" if name == TENSORRT else "CUDA and cuDNN"
    raise InputError(
        f"device {device!r} was asked for with {name}, but ONNX Runtime fell back to {used}.",
        remedy=f"Check that the {libraries} libraries which onnxruntime-gpu needs are there.",
    )


def check_verified(name: str, precision: str) -> None:
    """Refuse precisions of which nobody could say afterwards whether they were computed in.

    The TensorRT provider does not build strongly typed, and its engines cannot be inspected.

    Raises:
        InputError: TensorRT, and not FP32.
    """
    if name == TENSORRT and precision != "fp32":
        raise InputError(
            f"{name} does not tell whether it computes in {precision}.",
            remedy="Use --runtime tensorrt, whose engines are verified, or --precision fp32.",
        )


def providers(path: Path, name: str, device: str, options: SessionOptions) -> list[Provider]:
    """The provider and what it needs beside it, with their options.

    Args:
        path: The network.
        name: Of the provider.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        options: Of the session.
    """
    if name == CPU:
        return [(CPU, {})]
    number = {"device_id": device.partition(":")[2] or "0"}
    cuda = {**number, "use_tf32": "0"}  # its default, with which FP32 would not be FP32
    if name == CUDA:
        return [(CUDA, cuda)]
    return [(TENSORRT, {**number, **_tensorrt(path, options)}), (CUDA, cuda)]


def _tensorrt(path: Path, options: SessionOptions) -> dict[str, str]:
    """Options of the TensorRT provider; every file and setting has a folder of its own."""
    settings = {
        "trt_builder_optimization_level": str(options.optimization_level),
        "trt_max_workspace_size": str(options.workspace_mb << 20),
    }
    key = json.dumps([artifact(path, "network").sha256, _version(), settings])
    folder = cache_dir("onnxruntime-tensorrt", hashlib.sha256(key.encode()).hexdigest())
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {
        **settings,
        # Engines are code, and it would load them without looking whether they are its own.
        "trt_engine_cache_enable": "False",
        "trt_timing_cache_enable": "True",
        "trt_timing_cache_path": str(folder),
    }


def _version() -> str:
    try:
        return version("onnxruntime-gpu")
    except PackageNotFoundError:
        return version("onnxruntime")
