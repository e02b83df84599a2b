"""Loading the rfdetr package's keypoint model.

Its network is built from the package's configuration, filled from the checkpoint without running
code from it, and exported to ONNX once. The package's own loading is not used: it fetches a
published file again, over the user's, when it does not like what it finds under that name.
"""

from __future__ import annotations

import argparse
import json
import logging
import types
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from posebench_adapters._export_cache import exported
from posebench_adapters._onnx_export import graph_of
from rfdetr_pose.torchvision_import import repair_torchvision

from posebench.artifacts.exported import artifact, format_of
from posebench.config import EvalProtocol
from posebench.errors import InputError, MissingExtraError, WeightsError
from posebench.pipelines.network_cost import onnx_cost
from posebench.pipelines.rfdetr_keypoints import (
    SCHEMA_KEY,
    RFDETRKeypointModel,
    head_from_metadata,
    keypoint_head,
)
from posebench.protocols import OpenSession, PoseModel
from posebench.types import Artifact, ModelCard

EXTRA = "rfdetr"
_OUTPUTS = ("dets", "labels", "keypoints")
_SCHEMA = "_kp_active_mask"
_HEAD = "keypoint_embed.layers.0.weight"
_REMEDY = "A detection checkpoint cannot find keypoints; give one of the keypoint model."
CLASSES = "class_embed.bias"
_LOGGERS = ("rf-detr", "torch.onnx", "onnxscript")


def load(
    card: ModelCard,
    weights: Path | None,
    protocol: EvalProtocol,
    open_session: OpenSession | None,
) -> PoseModel:
    """Load the model.

    Args:
        card: One of ``CARDS``.
        weights: A checkpoint ``.pth``, or an ``.onnx`` that was exported here.
        protocol: Of the run.
        open_session: The runtime.

    Raises:
        WeightsError: No weights, or they cannot be loaded.
        InputError: ``native`` was asked for, or the file and the protocol do not fit each other.
        MissingExtraError: It is a checkpoint, and the rfdetr package is not installed.
    """
    if weights is None:
        raise WeightsError(f"{card.name} needs weights.")
    if not weights.exists():
        raise WeightsError(f"{weights}: no such file.")
    if open_session is None:
        raise InputError(
            f"{card.name} runs exported, not natively.", remedy="Use onnxruntime or openvino."
        )
    if format_of(weights) == "onnx":
        return _open(weights, protocol, open_session, [artifact(weights, "network")])
    network = _exported(card, weights)
    artifacts = [artifact(network, "network"), artifact(weights, "checkpoint")]
    return _open(network, protocol, open_session, artifacts)


def _open(
    path: Path, protocol: EvalProtocol, open_session: OpenSession, artifacts: list[Artifact]
) -> PoseModel:
    session = open_session(path)
    head = head_from_metadata(session.metadata)
    if head is None:
        raise InputError(
            f"{path.name}: does not say how many keypoints its classes have.",
            remedy="Give the checkpoint; posebench exports it.",
        )
    pre = protocol.preprocess
    cost = onnx_cost(path, (1, 3, pre.input_height, pre.input_width))
    return RFDETRKeypointModel(session, head, protocol, artifacts=artifacts, cost=cost)


def _exported(card: ModelCard, weights: Path) -> Path:
    try:
        return exported(card.name, weights, package_versions(), _export)
    except ImportError as error:
        raise MissingExtraError(f"{card.name} needs {error.name}.", extra=EXTRA) from error


def package_versions() -> dict[str, str]:
    """Versions of what an exported network depends on.

    Raises:
        ImportError: One of the packages is not installed.
    """
    return {name: version(name) for name in ("torch", "rfdetr", "onnx")}


def _export(weights: Path, path: Path) -> None:
    import onnx

    state = read_state(weights, (_HEAD, CLASSES), _REMEDY)
    schema = keypoint_head(_schema(state)).keypoints_per_class
    config, models = import_rfdetr()
    with quiet():
        settings = config.RFDETRKeypointPreviewConfig(
            pretrain_weights=None,
            device="cpu",
            num_classes=len(state[CLASSES]) - 1,
            num_keypoints_per_class=list(schema),
        )
        network = models.build_model_from_config(settings).eval()
        fill(network, state, weights)
        model = graph(network, settings.resolution, _OUTPUTS)
    onnx.helper.set_model_props(model, {SCHEMA_KEY: json.dumps(schema)})
    onnx.save(model, path)


def graph(network: Any, side: int, outputs: Sequence[str]) -> Any:
    """The ONNX model of a network as the package prepares it; it cannot be trained afterwards.

    Not by the package's own exporter: shapes are missing in its graph, so that the arithmetic
    could not be counted.

    Args:
        network: In eval mode.
        side: Of its square input, px.
        outputs: Names for what it gives.
    """
    import torch

    network.export()
    return graph_of(network, {"images": torch.zeros(1, 3, side, side)}, outputs)


def read_state(weights: Path, needed: Sequence[str], remedy: str) -> dict[str, Any]:
    """The tensors of a checkpoint of the package by name, without running code from it.

    Args:
        weights: ``.pth``.
        needed: Names without which it is no such checkpoint.
        remedy: Ends the message if one of them is missing.

    Raises:
        WeightsError: It cannot be read, or lacks what is needed.
    """
    import torch

    try:
        # Published checkpoints carry their training arguments as a namespace.
        with torch.serialization.safe_globals([argparse.Namespace, types.SimpleNamespace]):
            document = torch.load(weights, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle raises almost anything
        raise WeightsError(f"{weights}: not a readable checkpoint: {error}") from error
    state = document.get("model") if isinstance(document, Mapping) else None
    if not isinstance(state, Mapping) or not set(needed) <= state.keys():
        raise WeightsError(f"{weights}: holds no weights of this RF-DETR network.", remedy=remedy)
    return dict(state)


def _schema(state: Mapping[str, Any]) -> list[int]:
    """Keypoints of each class slot: ``[0, 17]`` in older checkpoints, ``[17]`` in newer ones."""
    mask = state.get(_SCHEMA)
    return [17] if mask is None else [int(count) for count in mask.sum(dim=1)]


def fill(network: Any, state: Mapping[str, Any], weights: Path) -> None:
    """Load a state dict. What the network does not know may be left over, but nothing may lack.

    The published keypoint model still holds a head of an earlier version.

    Raises:
        WeightsError: A weight lacks or has another shape.
    """
    try:
        missing = network.load_state_dict(state, strict=False).missing_keys
    except RuntimeError as error:
        raise WeightsError(f"{weights}: does not fit the network: {error}") from error
    lacking = sorted(set(missing) & {name for name, _ in network.named_parameters()})
    if lacking:
        raise WeightsError(f"{weights}: lacks {len(lacking)} weights: {', '.join(lacking[:3])} ...")


def import_rfdetr() -> tuple[Any, Any]:
    """The package's ``config`` and ``models``; torch's precision stays what it was."""
    import torch

    repair_torchvision()
    precision = torch.get_float32_matmul_precision()
    try:
        return import_module("rfdetr.config"), import_module("rfdetr.models")
    finally:
        torch.set_float32_matmul_precision(precision)


@contextmanager
def quiet() -> Iterator[None]:
    """The package's advice to start from published weights, and the exporter's remarks."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
