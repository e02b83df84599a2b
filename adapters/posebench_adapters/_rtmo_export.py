"""RTMO checkpoints to two ONNX files, once: the network and the decoder of keypoints."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from posebench_adapters._mmpose_import import quiet
from posebench_adapters._onnx_export import graph_of

from posebench.cache import atomic_path
from posebench.errors import InputError, WeightsError
from posebench.pipelines.rtmo import RtmoGraph

_STRIDE = 32


def package_versions() -> dict[str, str]:
    """Versions of what the exported graphs depend on.

    Raises:
        ImportError: One of the packages is not installed.
    """
    return {name: version(name) for name in ("torch", "mmpose", "mmengine", "onnx", "onnxscript")}


def decoder_path(network: Path) -> Path:
    """Where the decoder of an exported network lies: beside it."""
    return network.with_name(f"{network.stem}.decoder.onnx")


def export_rtmo(network: Any, path: Path, decoder: Path, size: tuple[int, int]) -> None:
    """Export a network that mmpose built. It cannot be trained afterwards.

    FP32, batch 1, everything static but the number of people that are decoded. Parallel
    convolutions are merged into one, as mmpose itself does for deployment.

    Args:
        network: mmpose's, with its weights, in eval mode.
        path: Where the network goes.
        decoder: Where the decoder goes.
        size: (height, width) of the input, px.

    Raises:
        InputError: The size does not suit the network.
        WeightsError: torch cannot export it.
    """
    import torch
    from posebench_adapters._rtmo_graphs import RtmoDecoder, RtmoNetwork

    if any(side % _STRIDE for side in size):
        raise InputError(f"input size {size} is not a multiple of the network's stride {_STRIDE}.")
    with quiet(), torch.no_grad():
        _prepare(network, size)
        people = {
            "pose_vectors": torch.zeros(2, network.head.dcc.in_channels),
            "boxes": torch.tensor([[0.0, 0.0, 32.0, 64.0]]).repeat(2, 1),
            "indices": torch.tensor([0, 1]),
        }
        picture = {"images": torch.zeros(1, 3, *size)}
        known = ["scores", "boxes", "visibilities", "pose_vectors"]
        try:
            decoding = graph_of(RtmoDecoder(network.head).eval(), people, ["keypoints"], "people")
            finding = graph_of(RtmoNetwork(network).eval(), picture, known)
        except torch.onnx.errors.OnnxExporterError as error:
            raise WeightsError(f"torch cannot export it to ONNX: {error}") from error
    keypoints = network.head.num_keypoints
    with atomic_path(decoder) as temporary:
        _write(decoding, RtmoGraph("decoder", keypoints), temporary)
    _write(finding, RtmoGraph("network", keypoints), path)


def _prepare(network: Any, size: tuple[int, int]) -> None:
    """What mmpose does before deployment, for every part but the decoder of keypoints.

    That one's form for deployment is written for torch's older exporter, and gives the same.
    """
    for _, part in list(network.named_modules())[1:]:
        if part is not network.head.dcc and callable(getattr(part, "switch_to_deploy", None)):
            part.switch_to_deploy({"input_size": size})
    network.eval()


def _write(model: Any, graph: RtmoGraph, path: Path) -> None:
    import onnx

    onnx.helper.set_model_props(model, graph.to_metadata())
    onnx.save(model, path)
