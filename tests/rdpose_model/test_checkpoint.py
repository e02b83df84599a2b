"""Checkpoints: our own, those in the names of the original code, and ImageNet's."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from rdpose.checkpoint import (
    load_backbone,
    load_checkpoint,
    load_original,
    read_config,
    save_checkpoint,
)
from rdpose.config import HRNetBackbone, ModelConfig, ResNetBackbone
from rdpose.errors import CheckpointError
from rdpose.network import PoseNetwork
from rdpose_networks import SMALL_HRNET, TINY, make_network, random_crops, tiny
from safetensors.torch import load_file, save_file
from support import require

pytestmark = pytest.mark.framework
State = dict[str, torch.Tensor]
BARE = tiny(variant="bare")


def original_state(network: PoseNetwork) -> State:
    """Under the names of the original code, as far as they are the backbone's own."""
    return {name.removeprefix("backbone."): v for name, v in network.state_dict().items()}


def imagenet(name: str) -> State:
    """Random weights under the names of a published ImageNet checkpoint."""
    from rfdetr_pose.torchvision_import import repair_torchvision

    repair_torchvision()
    torch.manual_seed(0)
    state: State = require("timm").create_model(name, pretrained=False).state_dict()
    return state


@pytest.mark.parametrize("variant", ["bare", "as-published", "fixed", "perturbed"])
def test_a_checkpoint_says_its_variant_and_gives_the_same_heat_maps(
    tmp_path: Path, variant: str
) -> None:
    network = make_network(tiny(variant=variant, joints="mpii16", sigma=3.0))
    path = tmp_path / "new" / "best.safetensors"
    save_checkpoint(network, path)
    assert read_config(path) == network.config
    assert [file.name for file in path.parent.iterdir()] == ["best.safetensors"]
    loaded, images = load_checkpoint(path).eval(), random_crops()
    torch.testing.assert_close(loaded(images), network(images), rtol=0, atol=0)
    if variant != "bare":
        torch.testing.assert_close(loaded(images, "fdm"), network(images, "fdm"), rtol=0, atol=0)


def foreign(path: Path, content: State, metadata: dict[str, str] | None) -> None:
    save_file(content, path, metadata)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.unlink(), "not a readable"),
        (lambda path: path.write_bytes(path.read_bytes()[:5000]), "not a readable"),
        (lambda path: path.write_bytes(b"nothing"), "not a readable"),
        (lambda path: foreign(path, {"a": torch.zeros(1)}, None), "no configuration"),
        (lambda path: foreign(path, {}, {"rdpose.config": '{"variant": "new"}'}), "variant"),
        (lambda path: foreign(path, {}, {"rdpose.config": "{}"}), "not those it describes"),
    ],
    ids=["missing", "cut", "text", "another's", "unknown variant", "no weights"],
)
def test_a_checkpoint_that_cannot_be_used(
    tmp_path: Path, spoil: Callable[[Path], object], message: str
) -> None:
    path = tmp_path / "best.safetensors"
    save_checkpoint(make_network(), path)
    spoil(path)
    with pytest.raises(CheckpointError, match=message) as caught:
        load_checkpoint(path)
    assert "best.safetensors" in str(caught.value)


def test_a_checkpoint_of_other_weights_than_it_describes(tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    save_checkpoint(make_network(), path)
    state = load_file(path)
    state["final_layer.weight"] = state["final_layer.weight"][:-1].clone()
    save_file(state, path, {"rdpose.config": TINY.model_dump_json()})
    with pytest.raises(CheckpointError, match="final_layer"):
        load_checkpoint(path)


WRAPPINGS: dict[str, Callable[[State], Any]] = {
    "as it is": lambda state: state,
    "of several GPUs": lambda state: {f"module.{name}": v for name, v in state.items()},
    "of a training": lambda state: {
        "epoch": 210,
        "perf": 0.744,
        "state_dict": {f"module.{name}": value for name, value in state.items()},
        "optimizer": {"param_groups": [{"lr": 1e-5}]},
    },
    "without counters": lambda state: {
        name: value for name, value in state.items() if "num_batches" not in name
    },
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_an_original_checkpoint_in_its_wrappings(tmp_path: Path, wrapping: str) -> None:
    source, images = make_network(BARE, seed=1), random_crops()
    path = tmp_path / "pose_hrnet.pth"
    torch.save(WRAPPINGS[wrapping](original_state(source)), path)
    network = make_network(BARE, seed=2)
    assert not torch.allclose(network(images), source(images))
    load_original(network, path)
    torch.testing.assert_close(network(images), source(images), rtol=0, atol=0)


class Harm:
    """Runs code when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    path, trace = tmp_path / "pose.pth", tmp_path / "trace"
    torch.save({"state_dict": original_state(make_network(BARE)), "more": Harm(trace)}, path)
    with pytest.raises(CheckpointError, match=r"pose\.pth.*code is never run"):
        load_original(make_network(BARE), path)
    path.write_bytes(pickle.dumps(Harm(trace), protocol=2))
    with pytest.raises(CheckpointError, match=r"pose\.pth"):
        load_original(make_network(BARE), path)
    assert not trace.exists()


def saved(config: ModelConfig) -> Callable[[Path], None]:
    return lambda path: torch.save(original_state(make_network(config)), path)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: None, "no such checkpoint"),
        (saved(tiny(variant="bare", joints="mpii16")), r"final_layer\.weight is 16 x .*, not 17 x"),
        (saved(TINY), r"decoupling.* is not part of it"),
        (
            saved(tiny(variant="bare", backbone={**SMALL_HRNET.model_dump(), "width": 16})),
            r"transition1.* and \d+ more",
        ),
        (saved(tiny(variant="bare", backbone=ResNetBackbone().model_dump())), "is missing"),
        (lambda path: torch.save({}, path), "holds no weights"),
        (lambda path: torch.save([1, 2], path), "holds no weights"),
        (lambda path: torch.save({"state_dict": {"a": "b"}}, path), "'a' is no tensor"),
        (lambda path: path.write_bytes(b""), "damaged"),
        (lambda path: path.write_text("<html>Not found</html>"), "damaged"),
    ],
    ids=[
        *("missing", "MPII", "decoupled", "another width", "ResNet", "empty", "list", "texts"),
        *("no bytes", "web page"),
    ],
)
def test_an_original_checkpoint_that_does_not_fit_changes_nothing(
    tmp_path: Path, write: Callable[[Path], object], message: str
) -> None:
    path = tmp_path / "pose.pth"
    write(path)
    network = make_network(BARE)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(CheckpointError, match=message) as caught:
        load_original(network, path)
    assert "pose.pth" in str(caught.value)
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


@pytest.mark.parametrize("kept", [0.3, 0.9, 0.999])
def test_a_cut_original_checkpoint(tmp_path: Path, kept: float) -> None:
    path = tmp_path / "pose.pth"
    saved(BARE)(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(CheckpointError, match="damaged"):
        load_original(make_network(BARE), path)


def test_original_weights_are_for_bare_networks(tmp_path: Path) -> None:
    path = tmp_path / "pose.pth"
    saved(BARE)(path)
    with pytest.raises(ValueError, match="bare"):
        load_original(make_network(TINY), path)


@pytest.mark.parametrize(
    ("name", "backbone"),
    [("hrnet_w32", HRNetBackbone()), ("resnet50", ResNetBackbone())],
    ids=["hrnet", "resnet"],
)
def test_imagenet_weights_start_a_backbone(
    tmp_path: Path, name: str, backbone: HRNetBackbone | ResNetBackbone
) -> None:
    """The classifier's whole state, its head and unused resolutions included, as timm names it."""
    state = imagenet(name)
    path = tmp_path / f"{name}.pth"
    torch.save(state, path)
    network = PoseNetwork(ModelConfig(backbone=backbone, variant="perturbed"))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    load_backbone(network, path)
    for key, value in network.state_dict().items():
        is_started = key.startswith("backbone.") and ".deconv_layers." not in key
        expected = state[key.removeprefix("backbone.")] if is_started else before[key]
        torch.testing.assert_close(value, expected, rtol=0, atol=0)


def test_imagenet_weights_of_another_backbone(tmp_path: Path) -> None:
    path = tmp_path / "resnet50.pth"
    torch.save(imagenet("resnet50"), path)
    with pytest.raises(CheckpointError, match=r"resnet50\.pth.*another network"):
        load_backbone(PoseNetwork(ModelConfig()), path)
    state = imagenet("hrnet_w18_small")
    torch.save(state, path)
    with pytest.raises(CheckpointError, match=r"resnet50\.pth.*another network"):
        load_backbone(PoseNetwork(ModelConfig()), path)
    state = imagenet("resnet50")
    del state["layer3.2.conv1.weight"]
    torch.save(state, path)
    with pytest.raises(CheckpointError, match=r"layer3\.2\.conv1\.weight is missing"):
        load_backbone(PoseNetwork(ModelConfig(backbone=ResNetBackbone())), path)
