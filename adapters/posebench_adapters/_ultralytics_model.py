"""Loading Ultralytics pose models.

A torch checkpoint is exported to ONNX once and run in the runtime of the run; an exported file is
run as it is; without a runtime (``native``) Ultralytics' own predictor runs either.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from posebench.artifacts.exported import artifact, format_of, openvino_file, read_metadata
from posebench.config import EvalProtocol
from posebench.errors import InputError, WeightsError
from posebench.pipelines.network_cost import onnx_cost, openvino_cost
from posebench.pipelines.yolo_pose import (
    YoloPoseModel,
    head_from_metadata,
    head_protocol,
    metadata_protocol,
)
from posebench.protocols import OpenSession, PoseModel
from posebench.types import Artifact, ModelCard, ModelCost

_TORCH = ("torch", "safetensors", "yaml")
_EXPORTED = ("onnx", "openvino")


def load(
    card: ModelCard,
    weights: Path | None,
    protocol: EvalProtocol,
    open_session: OpenSession | None,
) -> PoseModel:
    """Load a model.

    Args:
        card: One of ``CARDS``.
        weights: Anything that Ultralytics' ``YOLO()`` loads: ``.pt``, ``.onnx``, TorchScript, an
            OpenVINO folder, an architecture ``.yaml``; or a ``.safetensors`` state dict of the
            card's architecture.
        protocol: Of the run.
        open_session: None for Ultralytics' own predictor.

    Raises:
        WeightsError: No weights, or they cannot be loaded (safely).
        InputError: The weights and the protocol do not fit each other.
        MissingExtraError: Ultralytics is needed and not installed.
    """
    if weights is None:
        raise WeightsError(f"{card.name} needs weights.")
    if not weights.exists():
        raise WeightsError(f"{weights}: no such file.")
    if open_session is None:
        from posebench_adapters._ultralytics_native import NativeYolo
        from posebench_adapters._ultralytics_network import load_yolo

        return NativeYolo(load_yolo(card, weights), weights, protocol)
    kind = format_of(weights)
    if kind in _EXPORTED:
        artifacts = [artifact(weights, "network")]
        return _open(weights, protocol, open_session, artifacts)
    if kind not in _TORCH:
        raise InputError(
            f"{weights.name}: {kind} files run in no other runtime than their own.",
            remedy="Use --runtime native, or give a .pt, .onnx or OpenVINO model.",
        )
    from posebench_adapters._ultralytics_export import exported
    from posebench_adapters._ultralytics_network import load_yolo

    network = exported(load_yolo(card, weights), card.name, weights, protocol)
    artifacts = [artifact(network, "network"), artifact(weights, "checkpoint")]
    return _open(network, protocol, open_session, artifacts)


def recommend(card: ModelCard, weights: Path) -> Mapping[str, Mapping[str, Any]]:
    """Protocol overrides that follow from the user's own file: sizes, NMS, keypoint scores.

    Raises:
        WeightsError: The checkpoint cannot be loaded (safely).
        InputError: The file is damaged.
        MissingExtraError: It is a checkpoint, and Ultralytics is not installed.
    """
    if format_of(weights) not in ("torch", "yaml"):
        return metadata_protocol(read_metadata(weights))
    from posebench_adapters._ultralytics_network import has_one_to_one, head_of, load_yolo

    yolo = load_yolo(card, weights)
    wished = card.protocol.get("postprocess", {}).get("nms") == "none"
    one_to_one = wished and has_one_to_one(yolo)
    return head_protocol(head_of(yolo, one_to_one=one_to_one), one_to_one=one_to_one)


def _open(
    path: Path, protocol: EvalProtocol, open_session: OpenSession, artifacts: list[Artifact]
) -> PoseModel:
    session = open_session(path)
    head = head_from_metadata(session.metadata)
    if head is None:
        raise InputError(
            f"{path.name}: no Ultralytics metadata in it, so its output cannot be read.",
            remedy="Describe it in a sidecar and run it as onnx:PATH (docs/adding-a-model.md).",
        )
    return YoloPoseModel(session, head, protocol, artifacts=artifacts, cost=_cost(path, protocol))


def _cost(path: Path, protocol: EvalProtocol) -> ModelCost:
    if format_of(path) == "openvino":
        return openvino_cost(openvino_file(path))
    pre = protocol.preprocess
    return onnx_cost(path, (1, 3, pre.input_height, pre.input_width))
