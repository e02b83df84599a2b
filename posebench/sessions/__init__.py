"""Runtimes behind :class:`posebench.protocols.Session`. Importing this imports none of them."""

from __future__ import annotations

from pathlib import Path

from posebench.errors import InputError
from posebench.protocols import Session


def open_session(
    path: Path, *, runtime: str, device: str, threads: int, precision: str | None
) -> Session:
    """Load an artifact in a runtime.

    Args:
        path: ``.onnx`` file, or for OpenVINO also an ``.xml`` or a folder with one.
        runtime: ``onnxruntime`` or ``openvino``.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        threads: Intra-op threads.
        precision: ``fp32``, ``fp16`` or ``int8``; what the artifact must be. None takes it as
            it is.

    Raises:
        InputError: No such runtime, device or file, or the artifact has another precision.
        MissingExtraError: The runtime is not installed.
    """
    if runtime == "onnxruntime":
        from posebench.sessions import onnxruntime as backend
    elif runtime == "openvino":
        from posebench.sessions import openvino as backend  # type: ignore[no-redef]
    else:
        raise InputError(
            f"runtime {runtime!r} opens no artifacts.", remedy="Use onnxruntime or openvino."
        )
    if not path.exists():
        raise InputError(f"{path}: no such file.")
    session = backend.open_session(path, device=device, threads=threads)
    if precision is not None and session.precision != precision:
        session.close()
        raise InputError(
            f"{path.name} computes in {session.precision}, not in {precision}.",
            remedy=f"Ask for --precision {session.precision}, or give another artifact.",
        )
    return session
