"""TensorRT engines on disk: built from ONNX on this machine, found again by their content.

An engine is native code for one GPU and one version of TensorRT, and loading it runs what is in it.
So engines are built here from graphs, kept in a folder that nobody else can write, and loaded only
if their checksum is the one that was noted when they were built. Engines of others are refused.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posebench.artifacts import onnx_file
from posebench.cache import CACHE_VARIABLE, atomic_path, cache_dir, file_sha256
from posebench.config import SessionOptions, identity
from posebench.errors import InputError
from posebench.sessions.cuda import Gpu
from posebench.sessions.engine_build import BATCH, Plan, build_plan
from posebench.types import Artifact

BUILD_VERSION = 1
"""Raised whenever :mod:`posebench.sessions.engine_build` would build another engine."""
_FOREIGN = (".engine", ".plan", ".trt")
_KEY_LENGTH = 16
_SHARE = "network_half_share"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Engine:
    """A serialised engine and the file that it is kept in."""

    plan: Plan
    artifact: Artifact
    file: Path


def check_is_graph(path: Path) -> None:
    """Refuse everything but ONNX.

    Raises:
        InputError: It is an engine that somebody else built, or something else.
    """
    if path.suffix.lower() in _FOREIGN:
        raise InputError(
            f"{path}: TensorRT engines are not opened. Loading one runs code of whoever built it, "
            "and it fits one GPU and one version of TensorRT only.",
            remedy="Give the .onnx file that it was built from: its engine is built here and kept.",
        )
    if path.is_dir() or path.suffix.lower() != ".onnx":
        raise InputError(
            f"{path}: TensorRT engines are built from .onnx files.",
            remedy="Export the network to ONNX.",
        )


def engine_of(
    trt: Any, logger: Any, path: Path, graph: tuple[Any, bytes], gpu: Gpu, options: SessionOptions
) -> Engine:
    """The engine of an ONNX file: the one built earlier if there is one, else a new one.

    Args:
        trt: The module.
        logger: Of :func:`posebench.sessions.tensorrt_library.collecting_logger`.
        path: The ONNX file.
        graph: Of :func:`posebench.artifacts.onnx_file.read_model`.
        gpu: What it runs on.
        options: Of the builder.

    Raises:
        InputError: It cannot be built, or the cache folder is somebody else's.
    """
    model, data = graph
    parts = key_parts(trt.__version__, network_sha256(path, model, data), gpu, options)
    folder = _private_folder(cache_dir("tensorrt"))
    file = folder / f"{path.stem}-{identity(parts)[:_KEY_LENGTH]}.engine"
    return stored_or_built(
        file, parts, lambda: build_plan(trt, logger, (path, data), gpu, options, folder)
    )


def key_parts(version: str, network: str, gpu: Gpu, options: SessionOptions) -> dict[str, Any]:
    """All that an engine depends on; an engine is used again only where all of it is equal."""
    return {
        "build": BUILD_VERSION,
        "batch": BATCH,
        "network_sha256": network,
        "tensorrt": version,
        "driver_cuda_major": gpu.driver_cuda[0],
        "gpu": gpu.name,
        "compute_capability": gpu.compute_capability,
        "optimization_level": options.optimization_level,
        "workspace_mb": options.workspace_mb,
    }


def network_sha256(path: Path, model: Any, data: bytes) -> str:
    """Hex digest of a graph and of the external data that it names."""
    digest = hashlib.sha256(data)
    for location in sorted(set(onnx_file.external_locations(model))):
        digest.update(f"\0{location}\0{file_sha256(path.parent / location)}".encode())
    return digest.hexdigest()


def stored_or_built(file: Path, parts: Mapping[str, Any], build: Callable[[], Plan]) -> Engine:
    """The engine in a file, built and written first if it is not there or not whole.

    One process builds at a time, so that kernels are timed on a GPU that does nothing else.
    """
    plan = _stored(file, parts)
    if plan is None:
        with _building_alone(file.parent):
            plan = _stored(file, parts)
            if plan is None:
                if file.exists():
                    _LOG.warning("%s: damaged or not ours, the engine is built anew", file)
                plan = build()
                _store(file, parts, plan)
    digest, size = hashlib.sha256(plan.data).hexdigest(), len(plan.data)
    return Engine(plan, Artifact("engine", file.name, "tensorrt", digest, size), file)


def sidecar_of(file: Path) -> Path:
    """Where the key and the checksum of an engine are noted."""
    return file.with_suffix(".json")


def layers_of(file: Path) -> Path:
    """Where what TensorRT says of an engine's layers is kept."""
    return file.with_suffix(".layers.json")


def _stored(file: Path, parts: Mapping[str, Any]) -> Plan | None:
    try:
        noted = json.loads(sidecar_of(file).read_bytes())
        data = file.read_bytes()
    except (OSError, ValueError):
        return None
    plan = Plan(data, noted.get(_SHARE) if isinstance(noted, dict) else None)
    return plan if noted == _note(parts, plan) else None


def _store(file: Path, parts: Mapping[str, Any], plan: Plan) -> None:
    with atomic_path(file) as temporary:
        temporary.write_bytes(plan.data)
    with atomic_path(sidecar_of(file)) as temporary:
        temporary.write_text(json.dumps(_note(parts, plan), indent=2) + "\n")


def _note(parts: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    digest = hashlib.sha256(plan.data).hexdigest()
    return {"key": dict(parts), "sha256": digest, _SHARE: plan.half_share}


def _private_folder(folder: Path) -> Path:
    """Create it if need be, and let nobody else in."""
    folder.mkdir(parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise InputError(
            f"{folder} belongs to another user, whose engines would run here.",
            remedy=f"Point {CACHE_VARIABLE} to a folder of your own.",
        )
    folder.chmod(0o700)
    return folder


@contextmanager
def _building_alone(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write("waiting for another posebench that builds a TensorRT engine\n")
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield
