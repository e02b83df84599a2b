"""Export to ONNX and to torch's own format, with everything in the file that a reader needs."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from rfdetr_pose.onnx_file import save_onnx, to_onnx
from rfdetr_pose.torch_file import save_program
from torch import Tensor, nn

from rdpose.config import Inference, ModelConfig
from rdpose.network import PoseNetwork, without_decoupling
from rdpose.protocol import CONFIG_KEY, HEAD_KEY, INFERENCE_KEY, Protocol, protocol_of

OUTPUT = "heatmaps"


class InferenceGraph(nn.Module):
    """What is exported: (B, 3, H, W) pictures to (B, K, H/4, W/4) heat maps.

    Args:
        network: In evaluation mode.
        mode: Of the network's two ways.
    """

    def __init__(self, network: PoseNetwork, mode: Inference) -> None:
        super().__init__()
        self.network = network
        self.mode = mode

    def forward(self, images: Tensor) -> Tensor:
        """As :meth:`PoseNetwork.forward`."""
        heatmaps: Tensor = self.network(images, self.mode)
        return heatmaps


def export_onnx(
    network: PoseNetwork, path: Path, mode: Inference = "plain", protocol: Protocol | None = None
) -> Path:
    """Write an ONNX file that takes a batch of any size.

    The graph of ``plain`` is that of the bare network: it has neither the decoupling nor the
    centre's channel.

    Args:
        network: Is not changed.
        path: Of the file, ``.onnx``.
        mode: How heat maps are made.
        protocol: What is said of how to run it, instead of
            :func:`rdpose.protocol.protocol_of`.

    Raises:
        ValueError: ``fdm`` of a bare network.
        OSError: The file cannot be written.
    """
    graph = _inference_graph(network, mode)
    model = to_onnx(graph, network.config.input_size, [OUTPUT], dynamic_batch=True)
    metadata = _metadata(network.config, mode, protocol or protocol_of(network.config))
    save_onnx(model, path, producer="rdpose", metadata=metadata)
    return path


def export_pt2(network: PoseNetwork, path: Path, mode: Inference = "plain") -> Path:
    """Write a file of ``torch.export``'s, with the inputs and outputs of the ONNX file.

    Args:
        network: Is not changed.
        path: Of the file, ``.pt2``.
        mode: How heat maps are made.

    Raises:
        ValueError: ``fdm`` of a bare network.
        OSError: The file cannot be written.
    """
    save_program(
        _inference_graph(network, mode),
        path,
        input_size=network.config.input_size,
        outputs=[OUTPUT],
        dynamic_batch=True,
        metadata=_metadata(network.config, mode, protocol_of(network.config)),
    )
    return path


def _inference_graph(network: PoseNetwork, mode: Inference) -> InferenceGraph:
    if mode == "fdm" and not network.config.decoupled:
        raise ValueError("a bare network has no feature decoupling; export it as 'plain'.")
    exported = without_decoupling(network) if mode == "plain" else copy.deepcopy(network)
    graph = InferenceGraph(exported.cpu().float(), mode)
    graph.eval()
    return graph


def _metadata(config: ModelConfig, mode: Inference, protocol: Protocol) -> dict[str, str]:
    return {
        HEAD_KEY: json.dumps(_head(config, protocol), sort_keys=True),
        CONFIG_KEY: config.model_dump_json(),
        INFERENCE_KEY: mode,
    }


def _head(config: ModelConfig, protocol: Protocol) -> dict[str, Any]:
    joints = config.joint_set
    return {
        "skeleton": joints.name,
        "num_keypoints": joints.count,
        "flip_pairs": joints.flip_pairs,
        # A reader wants as many as there are joints. MPII has none, and nothing asks for them.
        "sigmas": joints.sigmas or (1 / joints.count,) * joints.count,
        "protocol": protocol,
    }
