"""Loading RTMO: exported to two ONNX files once, or run by mmpose itself (``native``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from posebench_adapters._export_cache import exported
from posebench_adapters._mmpose_checkpoint import build
from posebench_adapters._mmpose_config import find_config, read_config
from posebench_adapters._mmpose_import import EXTRA
from posebench_adapters._rtmo_cards import CONFIGS
from posebench_adapters._rtmo_export import decoder_path, export_rtmo, package_versions
from posebench_adapters._rtmo_native import NativeRtmo

from posebench.artifacts.exported import artifact, format_of
from posebench.config import EvalProtocol
from posebench.errors import InputError, MissingExtraError, WeightsError
from posebench.pipelines.network_cost import onnx_cost
from posebench.pipelines.rtmo import RtmoModel, graph_from_metadata
from posebench.protocols import OpenSession, PoseModel
from posebench.types import Artifact, ModelCard, ModelCost


def load(
    card: ModelCard,
    weights: Path | None,
    protocol: EvalProtocol,
    open_session: OpenSession | None,
) -> PoseModel:
    """Load the model.

    Args:
        card: One of ``RTMO_CARDS``.
        weights: A checkpoint of mmpose (``.pth``, ``.safetensors``), or the network ``.onnx`` that
            was exported here, with its ``.decoder.onnx`` beside it.
        protocol: Of the run.
        open_session: None for mmpose's own pipeline.

    Raises:
        WeightsError: No weights, or they cannot be loaded.
        InputError: The file and the protocol do not fit each other.
        MissingExtraError: It is a checkpoint, and mmpose is not installed.
    """
    if weights is None:
        raise WeightsError(f"{card.name} needs weights.")
    if not weights.exists():
        raise WeightsError(f"{weights}: no such file.")
    if format_of(weights) == "onnx":
        return _open(weights, protocol, _required(open_session), [])
    if open_session is None:
        network, config = _mmpose_network(card, weights)
        return NativeRtmo(network, config, weights, protocol)
    sources = [artifact(weights, "checkpoint")]
    return _open(_exported(card, weights, protocol), protocol, open_session, sources)


def _required(open_session: OpenSession | None) -> OpenSession:
    if open_session is None:
        raise InputError(
            "an .onnx file has no native runtime.", remedy="Use onnxruntime or openvino."
        )
    return open_session


def _mmpose_network(card: ModelCard, weights: Path) -> tuple[Any, Any]:
    """The card's network as mmpose builds it, filled, and its configuration."""
    config = read_config(find_config(CONFIGS[card.name]))
    return build(config, weights), config


def _exported(card: ModelCard, weights: Path, protocol: EvalProtocol) -> Path:
    """The network's ONNX file of a checkpoint, from the cache or exported into it."""
    size = (protocol.preprocess.input_height, protocol.preprocess.input_width)
    name = f"{card.name}-{size[0]}x{size[1]}"
    try:
        return exported(name, weights, package_versions(), partial(_export, card, size, name))
    except ImportError as error:
        raise MissingExtraError(f"{card.name} needs {error.name}.", extra=EXTRA) from error


def _export(card: ModelCard, size: tuple[int, int], name: str, weights: Path, path: Path) -> None:
    network, _ = _mmpose_network(card, weights)
    export_rtmo(network, path, decoder_path(path.with_name(f"{name}.onnx")), size)


def _open(
    network: Path,
    protocol: EvalProtocol,
    open_session: OpenSession,
    sources: Sequence[Artifact],
) -> PoseModel:
    decoder = decoder_path(network)
    session = open_session(network)
    graph = graph_from_metadata(session.metadata)
    if graph is None or graph.stage != "network" or not decoder.is_file():
        raise InputError(
            f"{network}: not an RTMO network that posebench exported, with {decoder.name} beside "
            "it.",
            remedy="Give the checkpoint. A file that selects people itself is run as onnx:PATH "
            "with a sidecar (docs/mmpose.md).",
        )
    return RtmoModel(
        session,
        open_session(decoder),
        graph.num_keypoints,
        protocol,
        artifacts=(artifact(network, "network"), artifact(decoder, "decoder"), *sources),
        cost=_cost(network, decoder, protocol),
    )


def _cost(network: Path, decoder: Path, protocol: EvalProtocol) -> ModelCost:
    """Parameters of both graphs; GFLOPs of the network, because the decoder's are a person's."""
    pre = protocol.preprocess
    cost = onnx_cost(network, (1, 3, pre.input_height, pre.input_width))
    decoding = onnx_cost(decoder, (1, 1)).params
    if cost.params is None or decoding is None:
        return cost
    note = "; decoding the people that are kept: in the parameters, not in the GFLOPs"
    return replace(cost, params=cost.params + decoding, convention=cost.convention + note)
