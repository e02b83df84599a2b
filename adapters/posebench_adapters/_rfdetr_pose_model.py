"""Loading RF-DETR Pose models.

A torch checkpoint is exported once, to ONNX or for torch, and run in the runtime of the run; an
exported file is run as it is. A detection checkpoint gets a keypoint head with random weights: it
can be timed and counted, and says of itself that it is untrained.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posebench_adapters._export_cache import artifact_format, exported

from posebench.artifacts.exported import artifact, format_of, read_metadata
from posebench.config import EvalProtocol
from posebench.errors import InputError, MissingExtraError, WeightsError
from posebench.pipelines.detr_pose import (
    DetrPoseModel,
    detr_head,
    detr_protocol,
    stretched_protocol,
)
from posebench.pipelines.network_cost import onnx_cost
from posebench.protocols import OpenSession, PoseModel
from posebench.types import Artifact, ModelCard

if TYPE_CHECKING:
    from rfdetr_pose.model import PoseModel as TorchModel

UNTRAINED = (
    "untrained: detection weights with a random keypoint head. Train it with "
    "rfdetr_pose (docs/rfdetr-pose.md) and pass NAME=model.safetensors"
)
_CLASSES = {
    "rfdetr-pose-n": "RFDETRPoseNano",
    "rfdetr-pose-s": "RFDETRPoseSmall",
    "rfdetr-pose-m": "RFDETRPoseMedium",
    "rfdetr-pose-l": "RFDETRPoseLarge",
}
_HEAD_SEED = 0


def load(
    card: ModelCard,
    weights: Path | None,
    protocol: EvalProtocol,
    open_session: OpenSession | None,
) -> PoseModel:
    """Load a model.

    Args:
        card: One of ``CARDS``.
        weights: An exported ``.onnx``, a pose checkpoint ``.safetensors``, or a detection
            checkpoint ``.pth``.
        protocol: Of the run.
        open_session: The runtime.

    Raises:
        WeightsError: No weights, or they cannot be loaded.
        InputError: ``native`` was asked for, or the file and the protocol do not fit each other.
        MissingExtraError: It is a torch checkpoint, and torch or transformers is not installed.
    """
    if weights is None:
        raise WeightsError(f"{card.name} needs weights.")
    if open_session is None:
        raise InputError(
            f"{card.name} runs exported, not natively.",
            remedy="Use onnxruntime, openvino or torch.",
        )
    if format_of(weights) == "onnx":
        return _open(weights, protocol, open_session, [artifact(weights, "network")])
    network = _exported(card, weights, artifact_format(open_session))
    artifacts = [artifact(network, "network"), artifact(weights, "checkpoint")]
    untrained = "" if format_of(weights) == "safetensors" else UNTRAINED
    counted = network if format_of(network) == "onnx" else _exported(card, weights, "onnx")
    return _open(network, protocol, open_session, artifacts, untrained, counted)


def recommend(weights: Path) -> Mapping[str, Mapping[str, Any]]:
    """Protocol overrides that follow from the user's own file: the size of the input.

    Raises:
        InputError: The file is damaged, or an .onnx file that says nothing of itself.
        WeightsError: The checkpoint cannot be read.
        MissingExtraError: It is a checkpoint, and what reads it is not installed.
    """
    kind = format_of(weights)
    if kind == "onnx":
        metadata = read_metadata(weights)
        return detr_protocol(metadata) if detr_head(metadata) else {}
    if kind != "safetensors":
        return {}
    return stretched_protocol(_torch_model(weights).config.resolution)


def _open(
    path: Path,
    protocol: EvalProtocol,
    open_session: OpenSession,
    artifacts: list[Artifact],
    untrained: str = "",
    counted: Path | None = None,
) -> PoseModel:
    session = open_session(path)
    head = detr_head(session.metadata)
    if head is None:
        raise InputError(
            f"{path.name}: was not exported by rfdetr_pose, so its outputs cannot be read.",
            remedy="Describe it in a sidecar and run it as onnx:PATH (docs/adding-a-model.md).",
        )
    pre = protocol.preprocess
    cost = onnx_cost(counted or path, (1, 3, pre.input_height, pre.input_width))
    return DetrPoseModel(
        session, head, protocol, artifacts=artifacts, cost=cost, untrained=untrained
    )


def _exported(card: ModelCard, weights: Path, kind: str) -> Path:
    """The ``onnx`` or ``pt2`` file of a checkpoint, from the cache or exported into it."""
    model = _torch_model(weights, card)
    import torch
    import transformers

    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    return exported(card.name, weights, versions, lambda _, path: _export(model, path, kind), kind)


def _export(model: TorchModel, path: Path, kind: str) -> None:
    import torch
    from rfdetr_pose.errors import RFDETRPoseError
    from rfdetr_pose.export import export_onnx, export_pt2

    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_HEAD_SEED)  # an untrained head is the same every time
            (export_pt2 if kind == "pt2" else export_onnx)(model.network, path)
    except RFDETRPoseError as error:
        raise WeightsError(str(error)) from error


def _torch_model(weights: Path, card: ModelCard | None = None) -> TorchModel:
    try:
        import rfdetr_pose
        from rfdetr_pose.errors import RFDETRPoseError

        if format_of(weights) == "safetensors":
            return rfdetr_pose.PoseModel.from_checkpoint(weights, device="cpu")
        if card is None or card.name not in _CLASSES:
            raise WeightsError(f"{weights}: not a pose checkpoint.")
        model: TorchModel = getattr(rfdetr_pose, _CLASSES[card.name])(weights, device="cpu")
        return model
    except ImportError as error:
        raise MissingExtraError(
            f"RF-DETR Pose checkpoints need {error.name}.", extra="rfdetr-pose"
        ) from error
    except RFDETRPoseError as error:
        raise WeightsError(str(error)) from error
