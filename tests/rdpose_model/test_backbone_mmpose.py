"""HRNet and its targets against mmpose's own, which nobody here wrote."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rdpose.backbones import make_backbone
from rdpose.checkpoint import load_original
from rdpose.config import HRNetBackbone, ModelConfig
from rdpose.network import PoseNetwork
from rdpose.targets import heatmap_targets
from support import require_mmpose

pytestmark = [pytest.mark.framework, pytest.mark.mmpose]
PARITY = 1e-5


def their_backbone(width: int) -> Any:
    """mmpose's HRNet, its layout as in its configurations, every statistic with an effect."""
    require_mmpose()
    stages = {
        f"stage{branches}": {
            "num_modules": modules,
            "num_branches": branches,
            "block": "BASIC",
            "num_blocks": (4,) * branches,
            "num_channels": tuple(width * 2**i for i in range(branches)),
        }
        for branches, modules in ((2, 1), (3, 4), (4, 3))
    }
    first = {"num_modules": 1, "num_branches": 1, "block": "BOTTLENECK"}
    extra = {"stage1": {**first, "num_blocks": (4,), "num_channels": (64,)}, **stages}
    torch.manual_seed(width)
    network = import_module("mmpose.models.backbones").HRNet(extra=extra)
    _shake(network)
    network.eval()
    return network


def _shake(network: Any) -> None:
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(module.weight)
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(std=0.2)
                module.running_var.uniform_(0.5, 2)
                module.weight.uniform_(0.5, 1)
                module.bias.normal_(std=0.2)


@pytest.mark.parametrize("width", [32, 48])
def test_features_and_names_of_the_weights_are_mmposes(width: int) -> None:
    theirs = their_backbone(width)
    ours = make_backbone(HRNetBackbone(width=width)).eval()
    assert set(ours.state_dict()) == set(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        (expected,), found = theirs(images), ours(images)
    assert expected.std() > 0.1
    assert (found - expected).abs().max() <= PARITY * expected.abs().max()


def test_a_checkpoint_in_the_original_names_gives_mmposes_heat_maps(tmp_path: Path) -> None:
    backbone = their_backbone(32)
    head = import_module("mmpose.models.heads").HeatmapHead(
        in_channels=32,
        out_channels=17,
        deconv_out_channels=None,
        loss={"type": "KeypointMSELoss", "use_target_weight": True},
    )
    torch.nn.init.normal_(head.final_layer.weight)
    torch.nn.init.normal_(head.final_layer.bias)
    state = {**backbone.state_dict(), **head.state_dict()}
    assert {"conv1.weight", "stage4.2.fuse_layers.0.3.1.running_var", "final_layer.bias"} <= set(
        state
    )
    path = tmp_path / "pose_hrnet_w32_256x192.pth"
    torch.save({"state_dict": {f"module.{name}": value for name, value in state.items()}}, path)
    network = PoseNetwork(ModelConfig(variant="bare")).eval()
    load_original(network, path)
    images = torch.randn(1, 3, 256, 192)
    with torch.no_grad():
        expected = head(backbone(images))
        found = network(images)
    assert found.shape == expected.shape == (1, 17, 64, 48)
    assert (found - expected).abs().max() <= PARITY * expected.abs().max()


@pytest.mark.parametrize(("size", "sigma"), [((256, 192), 2), ((384, 288), 3), ((256, 256), 2)])
def test_targets_are_mmposes(size: tuple[int, int], sigma: int) -> None:
    require_mmpose()
    height, width = size
    codec = import_module("mmpose.codecs").MSRAHeatmap(
        input_size=(width, height), heatmap_size=(width // 4, height // 4), sigma=sigma
    )
    config = ModelConfig(input_size=size, sigma=sigma, variant="bare")
    generator = np.random.default_rng(0)
    weighted = np.zeros(2, int)
    for _ in range(40):
        joints = generator.uniform((-60, -60), (width + 60, height + 60), (17, 2))
        joints[:5] = np.round(joints[:5])  # on the borders of cells, too
        visible = generator.random(17) < 0.8
        expected = codec.encode(joints[None], visible[None].astype(np.float32))
        maps, weights = heatmap_targets(joints, visible, config)
        np.testing.assert_array_equal(weights, expected["keypoint_weights"][0])
        np.testing.assert_allclose(maps, expected["heatmaps"], atol=1e-6)
        np.testing.assert_array_equal(maps == 1, expected["heatmaps"] == 1)
        weighted += np.bincount(weights.astype(int), minlength=2)
    assert (weighted > 50).all()
