"""Networks that are exported once and kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from posebench.cache import atomic_path, cache_dir, file_sha256
from posebench.config import identity
from posebench.protocols import OpenSession


def artifact_format(open_session: OpenSession) -> str:
    """What the runtime of a run takes of a checkpoint: ``onnx``, or ``pt2`` for torch."""
    return getattr(open_session, "artifact_format", "onnx")


def exported(
    name: str,
    weights: Path,
    versions: Mapping[str, str],
    export: Callable[[Path, Path], None],
    kind: str = "onnx",
) -> Path:
    """The exported file of a checkpoint, from the cache or exported into it.

    Args:
        name: Of the model.
        weights: The checkpoint.
        versions: Of the packages on which the exported bytes depend, by name.
        export: Takes the checkpoint and the file to write.
        kind: Suffix of the file: ``onnx`` or ``pt2``.
    """
    key = identity({"weights": file_sha256(weights), "name": name, **versions})
    target = cache_dir("exports", key[:16], f"{name}.{kind}")
    if not target.exists():
        with atomic_path(target) as temporary:
            export(weights, temporary)
    return target
