"""Export to ONNX and to torch's own format, with everything in the file that a reader needs."""

from __future__ import annotations

import copy
from pathlib import Path

import onnx
from torch import Tensor, nn

from rfdetr_pose.geometry import to_corners
from rfdetr_pose.images import MEAN, STD
from rfdetr_pose.network import PoseNetwork
from rfdetr_pose.onnx_file import save_onnx, to_onnx
from rfdetr_pose.torch_file import save_program

OUTPUTS = ("boxes", "scores", "keypoints", "keypoint_confidences")
CONFIG_KEY = "rfdetr_pose_config"

_HEAVY = {"Conv", "Gemm", "GridSample", "LayerNormalization", "MatMul", "Softmax"}


class InferenceGraph(nn.Module):
    """What is exported: the network, its coordinates in pixels of its input.

    Args:
        network: In evaluation mode.
    """

    def __init__(self, network: PoseNetwork) -> None:
        super().__init__()
        self.network = network
        self.side = float(network.config.resolution)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """All Q queries, in no particular order.

        Args:
            images: (B, 3, S, S) float32 RGB, ImageNet's mean and deviation taken off.

        Returns:
            ``boxes`` (B, Q, 4) left, top, right, bottom in pixels; ``scores`` (B, Q, classes)
            0..1; ``keypoints`` (B, Q, K, 2) pixels; ``keypoint_confidences`` (B, Q, K) 0..1.
        """
        output = self.network(images)
        boxes = to_corners(output.boxes) * self.side
        return (
            boxes,
            output.logits.sigmoid(),
            output.keypoints * self.side,
            output.visibility.sigmoid(),
        )


def export_onnx(
    network: PoseNetwork, path: Path, *, dynamic_batch: bool = False, half: bool = False
) -> Path:
    """Write an ONNX file.

    Args:
        network: Is not changed.
        path: Of the file, ``.onnx``.
        dynamic_batch: Let the batch be of any size instead of 1.
        half: Weights and arithmetic in FP16, coordinates and the file's inputs and outputs in
            FP32: half precision has no finer steps than half a pixel beyond the 512th.

    Raises:
        OSError: The file cannot be written.
    """
    graph = InferenceGraph(copy.deepcopy(network).cpu().float().eval())
    side = network.config.resolution
    model = to_onnx(graph, (side, side), OUTPUTS, dynamic_batch=dynamic_batch)
    if half:
        model = _to_half(model)
    save_onnx(model, path, producer="rfdetr_pose", metadata=_metadata(network))
    return path


def export_pt2(network: PoseNetwork, path: Path, *, dynamic_batch: bool = False) -> Path:
    """Write a file of ``torch.export``'s, with the inputs and outputs of the ONNX file.

    Args:
        network: Is not changed.
        path: Of the file, ``.pt2``.
        dynamic_batch: Let the batch be of any size instead of 1.

    Raises:
        OSError: The file cannot be written.
    """
    save_program(
        InferenceGraph(copy.deepcopy(network).cpu().float().eval()).eval(),
        path,
        input_size=(network.config.resolution,) * 2,
        outputs=OUTPUTS,
        dynamic_batch=dynamic_batch,
        metadata=_metadata(network),
    )
    return path


def _metadata(network: PoseNetwork) -> dict[str, str]:
    return {
        CONFIG_KEY: network.config.model_dump_json(),
        "input": f"RGB 0..255, mean {[255 * m for m in MEAN]}, deviation {[255 * s for s in STD]}",
        "outputs": "boxes x1 y1 x2 y2 and keypoints x y in pixels of the input; scores 0..1",
        "license": "Apache-2.0",
    }


def _to_half(model: onnx.ModelProto) -> onnx.ModelProto:
    from onnxruntime.transformers.float16 import convert_float_to_float16

    half = convert_float_to_float16(
        model, keep_io_types=True, node_block_list=_coordinate_nodes(model.graph)
    )
    _keep_between_whole_nodes(half.graph)
    return half


def _keep_between_whole_nodes(graph: onnx.GraphProto) -> None:
    """Let FP32 nodes hand FP32 on to each other.

    The converter wraps each of them in casts: its neighbours would see their coordinates rounded.
    Where one tensor feeds several of them it also writes the same cast several times.
    """
    producers = {node.output[0]: node for node in reversed(graph.node)}
    for node in graph.node:
        source = producers.get(node.input[0]) if _casts_to(node, onnx.TensorProto.FLOAT) else None
        if source is not None and _casts_to(source, onnx.TensorProto.FLOAT16):
            node.input[0] = source.input[0]
    used = {name for node in graph.node for name in node.input} | {o.name for o in graph.output}
    kept = [n for n in graph.node if producers[n.output[0]] is n and used.intersection(n.output)]
    del graph.node[:]
    graph.node.extend(kept)


def _casts_to(node: onnx.NodeProto, kind: int) -> bool:
    return bool(node.op_type == "Cast" and onnx.helper.get_node_attr_value(node, "to") == kind)


def _coordinate_nodes(graph: onnx.GraphProto) -> list[str]:
    """Names of the nodes between the last matrix products and whatever is a place in the image.

    They turn what the heads say into pixels, hold the boxes of the first stage, and tell the
    decoder where to look.
    """
    producers = {name: node for node in graph.node for name in node.output}
    pending = [output.name for output in graph.output]
    pending += [node.input[1] for node in graph.node if node.op_type == "GridSample"]
    found: dict[str, None] = {}
    while pending:
        node = producers.get(pending.pop())
        if node is not None and node.op_type not in _HEAVY and node.name not in found:
            found[node.name] = None
            pending.extend(node.input)
    return list(found)
