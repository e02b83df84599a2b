"""Exported networks give what torch gives, in two runtimes, and carry nothing of the training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch
from rdpose.config import Inference, ModelConfig, ResNetBackbone
from rdpose.export import OUTPUT, export_onnx
from rdpose.losses import joint_loss
from rdpose.network import PoseNetwork
from rdpose.protocol import CONFIG_KEY, INFERENCE_KEY, protocol_of
from rdpose_networks import TINY, make_network, random_crops, tiny
from rfdetr_pose.onnx_file import INPUT
from support import require

from posebench.config import resolve_protocol
from posebench.pipelines.heatmap_head import head_from_metadata

pytestmark = pytest.mark.framework
Array = npt.NDArray[np.float32]
Exported = Callable[[ModelConfig, Inference], tuple[PoseNetwork, Path]]

PARITY = 1e-4  # of the largest value
W32 = ModelConfig()
RESNET = tiny(backbone=ResNetBackbone().model_dump(), input_size=(64, 64))
DECOUPLING_ONLY = {"ArgMax", "GatherElements", "Gather", "Gemm", "Sigmoid", "Clip", "Mul", "Slice"}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A network and its file, each made once."""
    done: dict[tuple[str, Inference], tuple[PoseNetwork, Path]] = {}

    def export(config: ModelConfig, mode: Inference) -> tuple[PoseNetwork, Path]:
        key = config.model_dump_json(), mode
        if key not in done:
            network = make_network(config)
            path = tmp_path_factory.mktemp("export") / "network.onnx"
            done[key] = network, export_onnx(network, path, mode)
        return done[key]

    return export


def run_onnxruntime(path: Path, images: Array) -> Array:
    runtime = require("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run([OUTPUT], {INPUT: images})[0])


def run_openvino(path: Path, images: Array) -> Array:
    openvino = require("openvino")
    # Without the hint the CPU plug-in may compute in bfloat16.
    hints = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    compiled = openvino.Core().compile_model(str(path), "CPU", hints)
    return np.array(compiled({INPUT: images})[compiled.output(OUTPUT)])


def with_clear_maxima(network: PoseNetwork, batch: int) -> torch.Tensor:
    """Crops of which every rounding finds the same anchor."""
    images = random_crops(network.config, 4 * batch)
    with torch.no_grad():
        centers = network.final_layer(network.backbone(images))[:, -1].flatten(1)
    best, second = centers.topk(2).values.T
    clear = best - second > 1e-3 * centers.abs().max()
    assert clear.sum() >= batch
    return images[clear][:batch]


@pytest.mark.parametrize("run", [run_onnxruntime, run_openvino])
@pytest.mark.parametrize(
    ("config", "mode"),
    [(TINY, "plain"), (TINY, "fdm"), (W32, "fdm")],
    ids=["tiny-plain", "tiny-fdm", "w32-fdm"],
)
def test_a_runtime_gives_what_torch_gives(
    exported: Exported,
    config: ModelConfig,
    mode: Inference,
    run: Callable[[Path, Array], Array],
) -> None:
    network, path = exported(config, mode)
    for batch in (1, 3):
        images = with_clear_maxima(network, batch)
        with torch.inference_mode():
            expected = network(images, mode).numpy()
        found = run(path, images.numpy())
        assert found.shape == (batch, 17, *config.heatmap_size)
        assert np.abs(found - expected).max() <= PARITY * np.abs(expected).max()
        assert np.ptp(expected) > 1e-2


def test_the_decoupling_is_for_other_backbones_too(exported: Exported) -> None:
    """SimpleBaseline trains with it and is exported with it."""
    network, path = exported(RESNET, "fdm")
    images = with_clear_maxima(network, 2)
    with torch.inference_mode():
        expected = network(images, "fdm").numpy()
    found = run_onnxruntime(path, images.numpy())
    assert np.abs(found - expected).max() <= PARITY * np.abs(expected).max()
    assert np.ptp(expected) > 1e-2
    heads = network.train().forward_train(images, torch.tensor([(3, 5), (0, 15)]))
    parts = joint_loss(heads, torch.rand(2, 18, 16, 16), torch.ones(2, 18))
    sum(parts.values(), torch.zeros(())).backward()
    assert all(value.grad is not None and value.grad.any() for value in network.parameters())


def topology(path: Path) -> list[Any]:
    """Nodes in order with their attributes; tensors named by where they come from."""
    graph = onnx.load(path).graph
    names = {graph.input[0].name: "images"}
    names |= {i.name: f"weights {list(i.dims)} {i.data_type}" for i in graph.initializer}
    nodes = []
    for index, node in enumerate(graph.node):
        names |= {name: f"{index}.{i}" for i, name in enumerate(node.output)}
        attributes = sorted(
            (a.name, repr(onnx.helper.get_attribute_value(a))) for a in node.attribute
        )
        inputs = [names[name] if name else "" for name in node.input]
        nodes.append((node.op_type, node.domain, attributes, inputs))
    ends = [(names[o.name], o.type.SerializeToString()) for o in graph.output]
    return [*nodes, ends]


def test_nothing_of_the_training_is_in_the_plain_graph(exported: Exported) -> None:
    _, bare = exported(tiny(variant="bare"), "plain")
    network, path = exported(TINY, "plain")
    assert topology(path) == topology(bare)
    graph = onnx.load(path).graph
    assert not {node.op_type for node in graph.node} & DECOUPLING_ONLY
    weights = sum(int(np.prod(i.dims)) for i in graph.initializer if i.data_type == 1)
    assert weights < sum(value.numel() for value in network.backbone.parameters()) + 8 * 17 + 18


@pytest.mark.parametrize("config", [TINY, W32], ids=["tiny", "w32"])
def test_features_are_decoupled_once(exported: Exported, config: ModelConfig) -> None:
    """The perturbed decoupling module, a second pass, is for training alone."""
    plain, fdm = (onnx.load(exported(config, mode)[1]).graph for mode in ("plain", "fdm"))
    count = Counter(node.op_type for node in fdm.node)
    assert count["ArgMax"] == count["GatherElements"] == 1
    sizes = {i.name: list(i.dims) for i in fdm.initializer}
    kernels = [sizes[node.input[1]] for node in fdm.node if node.op_type == "Conv"]
    assert kernels.count([1, 3, 5, 5]) == 1
    # The mask, the fusion, and the last layer a second time.
    assert count["Conv"] == Counter(node.op_type for node in plain.node)["Conv"] + 3


@pytest.mark.parametrize("mode", ["plain", "fdm"])
def test_a_file_says_what_it_is(exported: Exported, mode: Inference) -> None:
    _, path = exported(TINY, mode)
    metadata = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert ModelConfig.model_validate_json(metadata[CONFIG_KEY]) == TINY
    assert metadata[INFERENCE_KEY] == mode
    head = head_from_metadata(metadata)
    assert head is not None
    assert (head.skeleton, head.num_keypoints) == ("coco17", 17)
    assert head.flip_pairs[0] == (1, 2) and len(head.flip_pairs) == 8
    protocol = resolve_protocol(head.protocol)
    assert (protocol.preprocess.input_height, protocol.preprocess.input_width) == (96, 64)
    assert protocol.preprocess.mean == (0.485, 0.456, 0.406)
    assert protocol.augmentation.flip_test and protocol.top_down is not None
    assert protocol.top_down.decode == "quarter-shift" and protocol.top_down.warp == "classic"
    assert (protocol.postprocess.nms, protocol.postprocess.nms_threshold) == ("oks", 0.9)


def test_nobody_is_suppressed_on_mpii() -> None:
    protocol = protocol_of(tiny(joints="mpii16"))
    assert resolve_protocol(protocol).postprocess.nms == "none"


def test_mpii_and_a_protocol_of_the_callers_own(tmp_path: Path) -> None:
    network = make_network(tiny(joints="mpii16")).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    own = {"augmentation": {"flip_test": False}}
    path = export_onnx(network, tmp_path / "new" / "mpii.onnx", protocol=own)
    head = head_from_metadata({entry.key: entry.value for entry in onnx.load(path).metadata_props})
    assert head is not None and head.protocol == own
    assert (head.skeleton, head.num_keypoints, len(head.sigmas)) == ("mpii16", 16, 16)
    found = run_onnxruntime(path, random_crops(network.config).numpy())
    assert found.shape == (2, 16, 24, 16)
    assert network.training
    for name, value in network.state_dict().items():  # exporting changes nothing
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


def test_a_file_has_no_paths_and_a_batch_of_any_size(exported: Exported) -> None:
    _, path = exported(TINY, "fdm")
    assert [file.name for file in path.parent.iterdir()] == ["network.onnx"]
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert str(Path(__file__).parents[2]).encode() not in model.SerializeToString()
    (given,), (made,) = model.graph.input, model.graph.output
    shapes = [
        [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in (given, made)
    ]
    assert shapes == [["batch", 3, 96, 64], ["batch", 17, 24, 16]]


def test_a_bare_network_has_nothing_to_decouple(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="bare"):
        export_onnx(make_network(tiny(variant="bare")), tmp_path / "bare.onnx", "fdm")
    assert not list(tmp_path.iterdir())
