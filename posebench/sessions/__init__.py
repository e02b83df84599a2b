"""Runtimes behind :class:`posebench.protocols.Session`. Importing this imports none of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from posebench.artifacts import onnx_file
from posebench.artifacts.exported import artifact, format_of
from posebench.artifacts.half import half_precision
from posebench.config import SessionOptions
from posebench.errors import InputError
from posebench.protocols import Session

_TENSORRT_OPTIONS = frozenset({"optimization_level", "workspace_mb"})
_OPTIONS: Mapping[str, frozenset[str]] = {
    "onnxruntime": frozenset({"provider"}) | _TENSORRT_OPTIONS,
    "openvino": frozenset(),
    "torch": frozenset({"compiled", "cuda_graph"}),
    "tensorrt": frozenset({"cuda_graph"}) | _TENSORRT_OPTIONS,
}
"""What each runtime knows of :class:`posebench.config.SessionOptions`."""
_SETTINGS: Mapping[str, tuple[str, ...]] = {
    "onnxruntime": ("device", "threads", "options"),
    "openvino": ("device", "threads", "precision"),
    "torch": ("device", "threads", "precision", "options"),
    "tensorrt": ("device", "precision", "options"),
}
"""What each runtime is told."""
_CONVERTED = ("onnxruntime", "tensorrt")
"""Compute in the precision of the graph; the others are told."""


def open_session(
    path: Path,
    *,
    runtime: str,
    device: str,
    threads: int,
    precision: str | None,
    options: SessionOptions | None = None,
) -> Session:
    """Load an artifact in a runtime.

    An FP32 ``.onnx`` of which ONNX Runtime or TensorRT is asked for FP16 is converted first; the
    session's ``built`` then names the file that is really run.

    Args:
        path: ``.onnx`` file, for OpenVINO also an ``.xml`` or a folder with one; ``.pt2`` for
            torch.
        runtime: ``onnxruntime``, ``openvino``, ``torch`` or ``tensorrt``.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        threads: Intra-op threads.
        precision: ``fp32``, ``fp16`` or ``int8``: in what the network must compute. None takes
            the artifact as it is.
        options: How the runtime is set up; None: as its defaults are.

    Raises:
        InputError: No such runtime, device or file, the network computes in another precision, or
            the runtime does not know an option.
        MissingExtraError: The runtime is not installed.
    """
    options = options or SessionOptions()
    _check_options(runtime, options)
    if not path.exists():
        raise InputError(f"{path}: no such file.")
    converted = []
    if precision == "fp16" and runtime in _CONVERTED and _is_fp32(path):
        path = half_precision(path)
        converted = [artifact(path, "network in fp16")]
    opened = _opener(runtime, device, threads, precision, options)(path)
    if precision is not None and opened.precision != precision:
        opened.close()
        raise InputError(
            f"{path.name} computes in {opened.precision}, not in {precision}.",
            remedy=f"Ask for --precision {opened.precision}, or give another artifact.",
        )
    opened.built = (*converted, *opened.built)
    session: Session = opened
    return session


def _check_options(runtime: str, options: SessionOptions) -> None:
    if runtime not in _OPTIONS:
        raise InputError(
            f"runtime {runtime!r} opens no artifacts.",
            remedy=f"Use {', '.join(list(_OPTIONS)[:-1])} or {list(_OPTIONS)[-1]}.",
        )
    known = _OPTIONS[runtime]
    if runtime == "onnxruntime" and options.provider == "auto":
        known -= _TENSORRT_OPTIONS
    unknown = sorted(options.model_dump(exclude_defaults=True).keys() - known)
    if unknown:
        others = [
            name for name, names in _OPTIONS.items() if name != runtime and unknown[0] in names
        ]
        raise InputError(
            f"session.{unknown[0]}: {_described(runtime, options)} does not know it.",
            remedy=f"Leave it out, or use --runtime {' or '.join(others)}.",
        )


def _described(runtime: str, options: SessionOptions) -> str:
    return f"{runtime} with provider {options.provider!r}" if runtime == "onnxruntime" else runtime


def _is_fp32(path: Path) -> bool:
    if format_of(path) != "onnx":
        return False
    return onnx_file.precision(onnx_file.read_model(path)[0]) == "fp32"


def _opener(
    runtime: str, device: str, threads: int, precision: str | None, options: SessionOptions
) -> Callable[[Path], Any]:
    """What opens a file in a runtime, whose module is imported here."""
    backend = import_module(f"{__name__}.{runtime}")
    settings = {
        "device": device, "threads": threads, "precision": precision, "options": options
    }  # fmt: skip
    return partial(backend.open_session, **{k: settings[k] for k in _SETTINGS[runtime]})
