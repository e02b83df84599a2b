"""Exported networks on disk: which file it is, and what its exporter wrote about it."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import yaml

from posebench.artifacts import onnx_file
from posebench.cache import file_sha256
from posebench.errors import InputError
from posebench.types import Artifact

_FORMATS = {
    ".onnx": "onnx",
    ".xml": "openvino",
    ".torchscript": "torchscript",
    ".pt": "torch",
    ".pt2": "pt2",
    ".safetensors": "safetensors",
    ".yaml": "yaml",
}
PT2_METADATA = "extra/metadata.json"
"""Where a ``.pt2`` archive keeps the extra file ``metadata.json`` of ``torch.export.save``."""


def format_of(path: Path) -> str:
    """``onnx``, ``openvino``, ``torchscript``, ``torch``, ``pt2``, ... or another suffix."""
    if path.is_dir():
        return "openvino" if any(path.glob("*.xml")) else "folder"
    suffix = path.suffix.lower()
    return _FORMATS.get(suffix, suffix.lstrip("."))


def artifact(path: Path, role: str) -> Artifact:
    """A file or folder with its digest.

    An OpenVINO ``.xml`` stands for itself and its ``.bin``; an ``.onnx`` for itself and the data
    that it keeps in other files.

    Raises:
        InputError: An ``.onnx`` file is damaged.
        MissingExtraError: It is ONNX and the package onnx is not installed.
    """
    if path.suffix == ".xml":
        path = path.parent
    outside = _outside(path)
    files = [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path, *outside]
    size = sum(file.stat().st_size for file in files)
    sha256 = file_sha256(path)
    if outside:
        lines = [f"{file.name}\0{file_sha256(file)}\n" for file in outside]
        sha256 = hashlib.sha256("".join([f"{sha256}\n", *lines]).encode()).hexdigest()
    return Artifact(role, path.name, format_of(path), sha256, size)


def _outside(path: Path) -> list[Path]:
    """Files in which an ONNX file keeps data, sorted; none for another format."""
    if format_of(path) != "onnx":
        return []
    model, _ = onnx_file.read_model(path)
    return sorted({path.parent / location for location in onnx_file.external_locations(model)})


def openvino_file(path: Path) -> Path:
    """The ``.xml`` of a path that may be its folder.

    Raises:
        InputError: None, more than one, or its weights are missing.
    """
    if path.is_dir():
        files = sorted(path.glob("*.xml"))
        if len(files) != 1:
            raise InputError(f"{path}: an OpenVINO folder has one .xml, this has {len(files)}.")
        path = files[0]
    if not path.with_suffix(".bin").is_file():
        raise InputError(f"{path}: the weights {path.with_suffix('.bin').name} are not beside it.")
    return path


def read_metadata(path: Path) -> dict[str, str]:
    """Key-value pairs that the exporter wrote into the file or beside it; empty if none.

    Raises:
        InputError: The file is damaged.
        MissingExtraError: It is ONNX and the package onnx is not installed.
    """
    kind = format_of(path)
    if kind == "onnx":
        return onnx_file.metadata(onnx_file.read_model(path)[0])
    if kind == "openvino":
        return _openvino_metadata(openvino_file(path))
    if kind == "torchscript":
        return _archive_metadata(path, "extra/config.txt", "TorchScript")  # Ultralytics' addition
    if kind == "pt2":
        return _archive_metadata(path, PT2_METADATA, "torch.export")
    return {}


def _openvino_metadata(file: Path) -> dict[str, str]:
    """Ultralytics writes ``metadata.yaml`` beside the network."""
    sidecar = file.with_name("metadata.yaml")
    if not sidecar.is_file():
        return {}
    try:
        document = yaml.safe_load(sidecar.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{sidecar}: not readable as YAML ({error}).") from error
    return _strings(document, sidecar)


def _archive_metadata(path: Path, entry: str, kind: str) -> dict[str, str]:
    """JSON in an archive of torch's, which is read without torch."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [n for n in archive.namelist() if n.endswith(entry)]
            document = json.loads(archive.read(names[0])) if names else {}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a readable {kind} archive ({error}).") from error
    return _strings(document, path)


def _strings(document: object, source: Path) -> dict[str, str]:
    if not isinstance(document, dict):
        raise InputError(f"{source}: its metadata is not a mapping.")
    return {str(key): str(value) for key, value in document.items()}
