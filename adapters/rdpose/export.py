"""Export to ONNX, with everything in the file that a reader needs."""

from __future__ import annotations

import copy
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from rdpose.config import Inference, ModelConfig
from rdpose.network import PoseNetwork, without_decoupling
from rdpose.protocol import CONFIG_KEY, HEAD_KEY, INFERENCE_KEY, Protocol, protocol_of

OPSET = 18
INPUT = "images"
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
    if mode == "fdm" and not network.config.decoupled:
        raise ValueError("a bare network has no feature decoupling; export it as 'plain'.")
    exported = without_decoupling(network) if mode == "plain" else copy.deepcopy(network)
    model = _exported(InferenceGraph(exported.cpu().float(), mode).eval())
    _describe(model, network.config, mode, protocol or protocol_of(network.config))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.partial")
    onnx.save(model, temporary)
    temporary.replace(path)
    return path


def _exported(graph: InferenceGraph) -> onnx.ModelProto:
    # A batch of one would be taken for a constant.
    example = torch.zeros(2, 3, *graph.network.config.input_size)
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            graph,
            (example,),
            opset_version=OPSET,
            dynamo=True,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes={INPUT: {0: torch.export.Dim("batch", min=1)}},
            verbose=False,
        )
    return program.model_proto


def _describe(
    model: onnx.ModelProto, config: ModelConfig, mode: Inference, protocol: Protocol
) -> None:
    """Write how the file is to be read, and take out where it was made."""
    for part in (model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]
    del model.functions[:]
    entries = {
        HEAD_KEY: json.dumps(_head(config, protocol), sort_keys=True),
        CONFIG_KEY: config.model_dump_json(),
        INFERENCE_KEY: mode,
    }
    model.producer_name, model.producer_version = "rdpose", ""
    onnx.helper.set_model_props(model, entries)


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


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter's remarks on its own workings."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
