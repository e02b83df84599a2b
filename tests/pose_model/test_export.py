"""Exported networks give what torch gives, in two runtimes that nobody here wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch
from pose_networks import TINY, make_network, shaken
from rfdetr_pose.config import DEMO, LARGE, MEDIUM, NANO, SMALL, ModelConfig
from rfdetr_pose.export import CONFIG_KEY, OUTPUTS, InferenceGraph, export_onnx
from rfdetr_pose.model import PoseModel
from rfdetr_pose.network import PoseNetwork
from rfdetr_pose.onnx_file import INPUT
from support import require

Arrays = Mapping[str, npt.NDArray[Any]]

PARITY = 1e-4  # of the input's side
SURE = 0.99  # share of queries; half precision decides anew which proposals are the last ones


def run_onnxruntime(path: Path, images: npt.NDArray[np.float32]) -> Arrays:
    runtime = require("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return dict(zip(OUTPUTS, session.run(list(OUTPUTS), {INPUT: images}), strict=True))


def run_openvino(path: Path, images: npt.NDArray[np.float32]) -> Arrays:
    openvino = require("openvino")
    core = openvino.Core()
    # Without the hint the CPU plug-in may compute in bfloat16.
    compiled = core.compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    results = compiled({INPUT: images})
    return {name: np.array(results[compiled.output(name)]) for name in OUTPUTS}


def run_torch(network: PoseNetwork, images: npt.NDArray[np.float32]) -> Arrays:
    with torch.inference_mode():
        outputs = InferenceGraph(network)(torch.from_numpy(images))
    return {name: value.numpy() for name, value in zip(OUTPUTS, outputs, strict=True)}


def random_images(config: ModelConfig, batch: int = 1) -> npt.NDArray[np.float32]:
    """Patches of many sizes, so that the cells of the feature map differ clearly."""
    random = np.random.default_rng(0)
    side = config.resolution
    images = np.zeros((batch, 3, side, side), np.float32)
    for image in images:
        for _ in range(60):
            low = random.integers(0, side, 2)
            high = low + random.integers(8, side // 2, 2)
            colour = random.normal(size=(3, 1, 1))
            image[:, low[0] : high[0], low[1] : high[1]] = colour
    return images + random.normal(scale=0.1, size=images.shape).astype(np.float32)


def worst_errors(expected: Arrays, found: Arrays) -> dict[str, npt.NDArray[Any]]:
    """Greatest difference of each query, (B·Q,) by output.

    Queries are paired by what they predict: proposals of equal score may come in any order.
    """
    errors: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in OUTPUTS}
    for image in range(len(expected["boxes"])):
        flat = [_flat(outputs, image) for outputs in (expected, found)]
        distance = np.abs(flat[0][:, None] - flat[1][None]).sum(-1)
        partner = distance.argmin(1)
        for name in OUTPUTS:
            difference = np.abs(expected[name][image] - found[name][image][partner])
            errors[name].append(difference.reshape(len(partner), -1).max(1))
    return {name: np.concatenate(parts) for name, parts in errors.items()}


def _flat(outputs: Arrays, image: int) -> npt.NDArray[Any]:
    parts: Sequence[npt.NDArray[Any]] = [outputs["boxes"][image], 100 * outputs["scores"][image]]
    return np.concatenate(parts, axis=1)


def with_equal_queries(network: PoseNetwork) -> PoseNetwork:
    """Give every proposal the same learned query and place.

    Which one it gets depends on its rank, and random networks have no clear ranks: rounding
    would then be seen as another person.
    """
    detector = network.detector.model
    with torch.no_grad():
        for learned in (detector.query_feat.weight, detector.reference_point_embed.weight):
            learned.copy_(learned[:1].expand_as(learned))
    return network


def full_network(config: ModelConfig) -> PoseNetwork:
    torch.manual_seed(0)
    return with_equal_queries(shaken(PoseNetwork(config), strength=0.01))


@pytest.mark.framework
@pytest.mark.parametrize("config", [NANO, SMALL, MEDIUM, LARGE, DEMO], ids=lambda c: c.size)
def test_every_size_equals_torch(config: ModelConfig, tmp_path: Path) -> None:
    network = full_network(config)
    path = export_onnx(network, tmp_path / "network.onnx")
    images = random_images(config)
    expected = run_torch(network, images)
    spread = expected["keypoints"].std(axis=(1, 2))
    assert (spread > 0.02 * config.resolution).all()  # something was predicted
    for run in (run_onnxruntime, run_openvino):
        errors = worst_errors(expected, run(path, images))
        assert errors["boxes"].max() <= PARITY * config.resolution, run.__name__
        assert errors["keypoints"].max() <= PARITY * config.resolution, run.__name__
        assert errors["scores"].max() <= PARITY
        assert errors["keypoint_confidences"].max() <= PARITY


@pytest.mark.framework
@pytest.mark.parametrize("config", [TINY, NANO], ids=lambda c: c.size)
def test_a_dynamic_batch_takes_any_number(config: ModelConfig, tmp_path: Path) -> None:
    network = full_network(config)
    path = export_onnx(network, tmp_path / "network.onnx", dynamic_batch=True)
    for batch in (1, 3):
        images = random_images(config, batch)
        expected = run_torch(network, images)
        for run in (run_onnxruntime, run_openvino):
            errors = worst_errors(expected, run(path, images))
            assert errors["keypoints"].max() <= PARITY * config.resolution


@pytest.mark.framework
@pytest.mark.parametrize("config", [NANO, DEMO], ids=lambda c: c.size)
def test_half_precision_stays_within_half_a_pixel(config: ModelConfig, tmp_path: Path) -> None:
    network = full_network(config)
    whole = export_onnx(network, tmp_path / "whole.onnx")
    half = export_onnx(network, tmp_path / "half.onnx", half=True)
    assert half.stat().st_size < 0.55 * whole.stat().st_size
    images = random_images(config)
    errors = worst_errors(run_torch(network, images), run_onnxruntime(half, images))
    assert np.quantile(errors["keypoints"], SURE) <= 0.5
    assert np.quantile(errors["boxes"], SURE) <= 0.5


@pytest.mark.framework
def test_the_file_says_how_to_read_it_and_not_where_it_was_made(tmp_path: Path) -> None:
    network = make_network()
    model = PoseModel.from_config(TINY, device="cpu")
    model.__dict__["network"] = network
    path = model.export("onnx", tmp_path / "network.onnx")
    document = onnx.load(path)
    metadata = {entry.key: entry.value for entry in document.metadata_props}
    assert ModelConfig.model_validate_json(metadata[CONFIG_KEY]) == TINY
    assert "mean" in metadata["input"] and "pixels" in metadata["outputs"]
    assert str(Path(__file__).parents[2]).encode() not in path.read_bytes()
    assert not any(node.metadata_props or node.doc_string for node in document.graph.node)
    assert not list(tmp_path.glob("*.partial"))


def test_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="must be 'onnx', not 'coreml'"):
        PoseModel.from_config(TINY, device="cpu").export("coreml")


@pytest.mark.framework
def test_exporting_leaves_the_model_as_it_was(tmp_path: Path) -> None:
    network = make_network()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    export_onnx(network, tmp_path / "network.onnx", half=True)
    after = network.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
