"""Torch checkpoints to ONNX files, once, with the same bytes every time."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from posebench.cache import atomic_path, cache_dir, file_sha256
from posebench.config import EvalProtocol, identity
from posebench.errors import InputError, WeightsError

OPSET = 17
_VOLATILE = ("date", "description", "args")
"""Metadata that says when, or from which path, the file was made."""


def exported(yolo: Any, name: str, weights: Path, protocol: EvalProtocol) -> Path:
    """The ONNX file of a torch network, from the cache or exported into it.

    Static, batch 1, FP32, at the protocol's input size.

    Args:
        yolo: Ultralytics' ``YOLO`` with a torch network.
        name: Of the model, for the file name.
        weights: What the network was loaded from; its digest is part of the cache key.
        protocol: Input size, and whether the head that needs no NMS is exported.

    Raises:
        InputError: The input size does not suit the network.
        WeightsError: Ultralytics cannot export it.
    """
    import onnx
    import torch
    import ultralytics

    options = export_options(protocol)
    key = identity(
        {
            "weights": file_sha256(weights),
            # A description's file name says how large the network is to be.
            "description": weights.name if weights.suffix == ".yaml" else "",
            "name": name,
            "ultralytics": ultralytics.__version__,
            "torch": torch.__version__,
            "onnx": onnx.__version__,
            "options": options,
        }
    )
    target = cache_dir("exports", key[:16], f"{name}.onnx")
    if not target.exists():
        _check_size(yolo, protocol)
        with tempfile.TemporaryDirectory() as folder, atomic_path(target) as temporary:
            temporary.write_bytes(_stable_bytes(_export(yolo, Path(folder), options)))
    return target


def export_options(protocol: EvalProtocol) -> dict[str, Any]:
    """What Ultralytics' exporter is asked for."""
    post = protocol.postprocess
    if post.nms == "in-graph":
        raise InputError(
            "postprocess.nms=in-graph needs a file that was exported so.",
            remedy="Use box-iou, or none for a head trained one-to-one.",
        )
    return {
        "format": "onnx",
        "imgsz": [protocol.preprocess.input_height, protocol.preprocess.input_width],
        "batch": 1,
        "dynamic": False,
        "simplify": False,
        "opset": OPSET,
        # To Ultralytics False means "the head that needs none", None means "the raw head".
        "nms": False if post.nms == "none" else None,
        "max_det": max(post.max_detections, 300),
        "device": "cpu",
    }


def _check_size(yolo: Any, protocol: EvalProtocol) -> None:
    stride = int(max(yolo.model.stride))
    size = (protocol.preprocess.input_height, protocol.preprocess.input_width)
    if any(side % stride for side in size):
        raise InputError(f"input size {size} is not a multiple of the network's stride {stride}.")


def _export(yolo: Any, folder: Path, options: dict[str, Any]) -> Path:
    yolo.model.pt_path = str(folder / "network.pt")  # the exporter writes beside it
    try:
        return Path(yolo.export(**options))
    except (RuntimeError, AssertionError, TypeError, ValueError) as error:
        raise WeightsError(f"Ultralytics cannot export it to ONNX: {error}") from error


def _stable_bytes(path: Path) -> bytes:
    import onnx

    model = onnx.load(path)
    kept = {p.key: p.value for p in model.metadata_props if p.key not in _VOLATILE}
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, dict(sorted(kept.items())))
    for node in model.graph.node:
        node.ClearField("doc_string")  # holds paths of the machine that exported it
        del node.metadata_props[:]
    return bytes(model.SerializeToString(deterministic=True))
