"""Loading RDPose models, and HRNet from its authors' own checkpoints.

A checkpoint is exported once, to ONNX or for torch, and run in the runtime of the run; an exported
file is run as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posebench_adapters._export_cache import artifact_format, exported
from posebench_adapters._heatmap_network import open_heatmap_network
from posebench_adapters._rdpose_cards import NETWORKS, Network
from rdpose.config import Inference, ModelConfig
from rdpose.protocol import CONFIG_KEY, INFERENCE_KEY, protocol_of

from posebench.artifacts.exported import artifact, format_of, read_metadata
from posebench.config import EvalProtocol
from posebench.errors import InputError, MissingExtraError, WeightsError
from posebench.pipelines.heatmap_head import head_from_metadata
from posebench.protocols import OpenSession, PoseModel
from posebench.types import ModelCard

if TYPE_CHECKING:
    from rdpose.network import PoseNetwork

_EXPORTERS = ("onnx", "onnxscript", "timm", "torch")


def load(
    card: ModelCard,
    weights: Path | None,
    protocol: EvalProtocol,
    open_session: OpenSession | None,
) -> PoseModel:
    """Load a model.

    Args:
        card: One of the cards, or what :func:`card_for` made of the file.
        weights: ``.onnx`` or ``.safetensors`` of ``rdpose``; for HRNet the authors' ``.pth``.
        protocol: Of the run.
        open_session: The runtime.

    Raises:
        WeightsError: No weights, they cannot be loaded, or they are of another model.
        InputError: ``native`` was asked for, or the file and the protocol do not fit each other.
        MissingExtraError: It is a checkpoint, and torch or timm is not installed.
    """
    if weights is None:
        raise WeightsError(f"{card.name} needs weights.", remedy="Pass NAME=path/to/file.")
    if open_session is None:
        raise InputError(
            f"{card.name} runs exported, not natively.",
            remedy="Use onnxruntime, openvino or torch.",
        )
    wanted = NETWORKS.get(card.name)
    if format_of(weights) == "onnx":
        _check_same(card, wanted, *_described(weights), weights)
        return open_heatmap_network(weights, protocol, open_session, [artifact(weights, "network")])
    network = _exported(card, wanted, weights, artifact_format(open_session))
    artifacts = [artifact(network, "network"), artifact(weights, "checkpoint")]
    counted = network if format_of(network) == "onnx" else _exported(card, wanted, weights, "onnx")
    return open_heatmap_network(network, protocol, open_session, artifacts, counted)


def recommend(weights: Path) -> Mapping[str, Mapping[str, Any]]:
    """Protocol overrides that follow from the user's own file.

    Raises:
        InputError: An exported file is damaged.
        WeightsError: A checkpoint cannot be read.
        MissingExtraError: It is a checkpoint, and what reads it is not installed.
    """
    kind = format_of(weights)
    if kind == "onnx":
        head = head_from_metadata(read_metadata(weights))
        return head.protocol if head else {}
    return protocol_of(_read_config(weights)) if kind == "safetensors" else {}


def card_for(path: Path) -> ModelCard:
    """The card of any network that ``rdpose`` trained; a checkpoint is run without decoupling.

    Args:
        path: ``.onnx`` or ``.safetensors``.

    Raises:
        InputError: It is neither, or an exported file says nothing of itself.
        WeightsError: The checkpoint cannot be read.
        MissingExtraError: It is a checkpoint, and what reads it is not installed.
    """
    kind = format_of(path)
    if kind not in ("onnx", "safetensors"):
        raise InputError(
            f"{path}: not a file of rdpose's.", remedy="Give its .safetensors or its .onnx."
        )
    config, inference = _described(path) if kind == "onnx" else (_read_config(path), "plain")
    suffix = "-fdm" if inference == "fdm" else ""
    return ModelCard(
        name=f"rdpose:{path.stem.lower()}-{config.variant}{suffix}",
        family="HRNet" if config.variant == "bare" else "RDPose",
        paradigm="top-down",
        skeleton=config.joints,
        input_size=config.input_size,
        licence="Apache-2.0",
        extra="onnxruntime" if kind == "onnx" else "rdpose",
        protocol=protocol_of(config),
        note="Described by the file itself.",
    )


def _described(path: Path) -> tuple[ModelConfig, Inference]:
    """What an exported file says of itself."""
    metadata = read_metadata(path)
    if CONFIG_KEY not in metadata or metadata.get(INFERENCE_KEY) not in ("plain", "fdm"):
        raise InputError(
            f"{path}: was not exported by rdpose.",
            remedy="Describe it in a sidecar and run it as onnx:PATH (docs/adding-a-model.md).",
        )
    inference: Inference = "fdm" if metadata[INFERENCE_KEY] == "fdm" else "plain"
    return ModelConfig.model_validate_json(metadata[CONFIG_KEY]), inference


def _check_same(
    card: ModelCard, wanted: Network | None, config: ModelConfig, inference: Inference, path: Path
) -> None:
    """Refuse the weights of one model under the name of another."""
    if wanted is None:
        return
    found = {**config.model_dump(), "inference": inference}
    asked = {**wanted.config.model_dump(), "inference": wanted.inference}
    different = [f"{k} {found[k]}, not {asked[k]}" for k in asked if found[k] != asked[k]]
    if different:
        raise WeightsError(
            f"{path}: not of {card.name}: {'; '.join(different)}.",
            remedy=f"Run it under the name of what it is, or as rdpose:{path}.",
        )


def _exported(card: ModelCard, wanted: Network | None, weights: Path, kind: str) -> Path:
    """The ``onnx`` or ``pt2`` file of a checkpoint, from the cache or exported into it."""
    inference: Inference = wanted.inference if wanted else "plain"
    network = _network(card, wanted, weights)
    versions = {name: version(name) for name in _EXPORTERS}

    def write(_: Path, path: Path) -> None:
        from rdpose.export import export_onnx, export_pt2

        (export_pt2 if kind == "pt2" else export_onnx)(network, path, inference)

    name = card.name.replace(":", "-")
    return exported(name, weights, {"inference": inference, **versions}, write, kind)


def _network(card: ModelCard, wanted: Network | None, weights: Path) -> PoseNetwork:
    original = format_of(weights) not in ("onnx", "safetensors")
    if not original and wanted is not None and not wanted.config.decoupled:
        raise WeightsError(
            f"{weights}: {card.name} is for the checkpoint of HRNet's authors, whose figures it "
            "quotes.",
            remedy=f"Run networks of your own training as rdpose:{weights}.",
        )
    if original and (wanted is None or wanted.config.decoupled):
        raise WeightsError(
            f"{weights}: {card.name} is loaded from the .safetensors of rdpose's training, or "
            "from an .onnx that it exported.",
            remedy="A checkpoint of HRNet's authors goes with a name hrnet-original-*.",
        )
    try:
        from rdpose.errors import RDPoseError
        from rdpose.loading import load_network

        network = load_network(weights, wanted.config if original and wanted else None)
    except ImportError as error:
        raise MissingExtraError(f"RDPose checkpoints need {error.name}.", extra="rdpose") from error
    except RDPoseError as error:
        raise WeightsError(str(error)) from error
    inference: Inference = wanted.inference if wanted else "plain"
    _check_same(card, wanted, network.config, inference, weights)
    return network


def _read_config(path: Path) -> ModelConfig:
    try:
        from rdpose.checkpoint import read_config
        from rdpose.errors import RDPoseError
    except ImportError as error:
        raise MissingExtraError(f"RDPose checkpoints need {error.name}.", extra="rdpose") from error
    try:
        return read_config(path)
    except RDPoseError as error:
        raise WeightsError(str(error)) from error
