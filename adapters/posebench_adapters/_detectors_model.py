"""Loading person detectors: an exported file as it is, a checkpoint by way of an export."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from posebench_adapters import _rfdetr_detector, _rfdetr_model, _rtmdet_network
from posebench_adapters._export_cache import exported

from posebench.artifacts.exported import artifact, format_of
from posebench.config import EvalProtocol
from posebench.errors import InputError, MissingExtraError, WeightsError
from posebench.pipelines.network_cost import onnx_cost
from posebench.pipelines.person_detector import DetectorModel
from posebench.pipelines.rfdetr_boxes import RFDETRDetectorModel
from posebench.pipelines.rtmdet import RTMDetModel
from posebench.pipelines.yolox import YoloxModel
from posebench.protocols import OpenSession
from posebench.types import ModelCard


@dataclass(frozen=True)
class _Exporter:
    """How a checkpoint becomes an ONNX file, and on which packages its bytes depend."""

    export: Callable[[ModelCard, Path, Path], None]
    versions: Callable[[], Mapping[str, str]]


_MODELS: Mapping[str, type[DetectorModel]] = {
    "YOLOX": YoloxModel,
    "RF-DETR": RFDETRDetectorModel,
    "RTMDet": RTMDetModel,
}
_EXPORTERS: Mapping[str, _Exporter] = {
    "RF-DETR": _Exporter(_rfdetr_detector.export, _rfdetr_model.package_versions),
    "RTMDet": _Exporter(_rtmdet_network.export, _rtmdet_network.package_versions),
}


def load(
    card: ModelCard,
    weights: Path | None,
    protocol: EvalProtocol,
    open_session: OpenSession | None,
) -> DetectorModel:
    """Load a detector.

    Args:
        card: One of ``CARDS``.
        weights: An ``.onnx``, or for RF-DETR and RTMDet a checkpoint ``.pth``.
        protocol: Of the run, or of its detector.
        open_session: The runtime.

    Raises:
        WeightsError: No weights, or they cannot be loaded.
        InputError: ``native`` was asked for, or the file and the protocol do not fit each other.
        MissingExtraError: It is a checkpoint, and what reads it is not installed.
    """
    if weights is None:
        raise WeightsError(f"{card.name} needs weights.")
    if not weights.exists():
        raise WeightsError(f"{weights}: no such file.")
    if open_session is None:
        raise InputError(
            f"{card.name} runs exported, not natively.", remedy="Use onnxruntime or openvino."
        )
    is_exported = format_of(weights) == "onnx"
    network = weights if is_exported else _exported(card, weights)
    artifacts = [artifact(network, "network")]
    artifacts += [] if is_exported else [artifact(weights, "checkpoint")]
    session = open_session(network)
    pre = protocol.preprocess
    cost = onnx_cost(network, (1, 3, pre.input_height, pre.input_width))
    return _MODELS[card.family](session, protocol, artifacts=artifacts, cost=cost)


def _exported(card: ModelCard, weights: Path) -> Path:
    exporter = _EXPORTERS.get(card.family)
    if exporter is None:
        raise WeightsError(
            f"{weights}: {card.name} runs from an .onnx file.",
            remedy="Give the published one, or export the checkpoint with YOLOX's own exporter.",
        )
    try:
        export = partial(exporter.export, card)
        return exported(card.name, weights, exporter.versions(), export)
    except ImportError as error:
        raise MissingExtraError(
            f"{card.name} needs {error.name}.", extra=str(card.extra)
        ) from error
