"""Options of a training run and what the optimiser makes of them."""

from __future__ import annotations

import math
from typing import Any

import pydantic
import pytest
import torch
from pose_networks import SIGMAS, TINY, make_network, random_targets
from rfdetr_pose.config import DinoBackbone, ModelConfig
from rfdetr_pose.losses import LossConfig, PoseLoss
from rfdetr_pose.training.module import PoseModule
from rfdetr_pose.training.optimizer import learning_rate, make_optimizer, make_schedule
from rfdetr_pose.training.options import TrainOptions

pytestmark = pytest.mark.framework
DINO = TINY.model_copy(
    update={"backbone": DinoBackbone(width=16, layers=3, heads=2, windows=2, out_layers=(1, 3))}
)
CONFIGS = pytest.mark.parametrize("config", [TINY, DINO], ids=["conv", "dino"])
BACKBONE = "detector.model.backbone.backbone"
OPTIONS = TrainOptions(learning_rate=1e-4, backbone_learning_rate=8e-4, layer_decay=0.5)


@pytest.mark.parametrize(
    "option",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"accumulate": 0},
        {"learning_rate": -1e-4},
        {"learning_rate": float("nan")},
        {"layer_decay": 0.0},
        {"layer_decay": 1.1},
        {"weight_decay": -1.0},
        {"final_learning_rate": 1.5},
        {"ema_decay": 1.0},
        {"precision": "fp8"},
        {"scales": ()},
        {"scales": (1.0, 0.0)},
        {"scales": (-1.0,)},
        {"keep": "first"},
        {"validate_every": 0},
        {"seed": -1},
        {"workers": -1},
        {"nodes": 0},
        {"epoch": 3},
    ],
    ids=str,
)
def test_an_option_that_is_unknown_or_out_of_range_is_refused(option: dict[str, Any]) -> None:
    (name,) = option
    with pytest.raises(pydantic.ValidationError, match=name):
        TrainOptions(**option)


def test_a_backbone_learns_more_slowly_the_deeper_a_layer_lies() -> None:
    names = [name for name, _ in make_network(DINO).named_parameters()]
    rates = {name: learning_rate(name, DINO, OPTIONS) for name in names}
    expected = {
        "keypoint_head.coordinates.layers.0.weight": 1e-4,
        "detector.model.decoder.layers.0.mlp.fc1.weight": 1e-4,
        "detector.model.query_feat.weight": 1e-4,
        "detector.model.backbone.projector.layer_norm.weight": 8e-4,
        f"{BACKBONE}.layernorm.weight": 8e-4,
        f"{BACKBONE}.encoder.layer.2.mlp.fc1.weight": 8e-4,
        f"{BACKBONE}.encoder.layer.1.mlp.fc1.weight": 4e-4,
        f"{BACKBONE}.encoder.layer.0.mlp.fc1.weight": 2e-4,
        f"{BACKBONE}.embeddings.patch_embeddings.projection.weight": 1e-4,
        f"{BACKBONE}.embeddings.position_embeddings": 1e-4,
    }
    assert {name: rates[name] for name in expected} == pytest.approx(expected)
    assert min(rate for name, rate in rates.items() if BACKBONE in name) == pytest.approx(1e-4)


def test_a_convolutional_backbone_has_one_rate() -> None:
    names = [name for name, _ in make_network().named_parameters()]
    rates = {name: learning_rate(name, TINY, OPTIONS) for name in names}
    assert {rate for name, rate in rates.items() if "backbone" in name} == {8e-4}
    assert {rate for name, rate in rates.items() if "backbone" not in name} == {1e-4}


@CONFIGS
def test_every_parameter_is_in_one_group_and_only_matrices_are_decayed(config: ModelConfig) -> None:
    network = make_network(config)
    optimizer = make_optimizer(network, OPTIONS.model_copy(update={"weight_decay": 0.3}))
    groups = [(group["weight_decay"], group["params"]) for group in optimizer.param_groups]
    decays = {id(parameter): decay for decay, members in groups for parameter in members}
    assert sum(len(members) for _, members in groups) == len(decays)
    by_name = {name: decays[id(parameter)] for name, parameter in network.named_parameters()}
    layers = (torch.nn.Linear, torch.nn.Conv2d, torch.nn.Embedding)
    matrices = {
        f"{name}.weight" for name, module in network.named_modules() if isinstance(module, layers)
    }
    assert by_name == {name: 0.3 if name in matrices else 0.0 for name in by_name}


def test_the_rate_rises_in_a_line_and_falls_in_half_a_cosine() -> None:
    options = TrainOptions(epochs=10, warmup_epochs=1, final_learning_rate=0.1)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    schedule = make_schedule(optimizer, options, steps=100)
    rates = []
    for _ in range(101):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates[:10] == pytest.approx([2 * (step + 1) / 10 for step in range(10)])
    assert rates[10] == pytest.approx(2.0)
    assert rates[55] == pytest.approx(2 * (0.1 + 0.9 * (1 + math.cos(math.pi / 2)) / 2))
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[100] == pytest.approx(0.2)


def test_without_a_warm_up_the_first_step_has_the_full_rate() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    make_schedule(optimizer, TrainOptions(epochs=1, warmup_epochs=0), steps=5)
    assert optimizer.param_groups[0]["lr"] == 2.0


@CONFIGS
def test_every_parameter_that_is_trained_gets_a_gradient(config: ModelConfig) -> None:
    """Processes that train together would wait for one that does not come."""
    network = PoseModule(make_network(config).train(), OPTIONS).network
    output, proposals = network.forward_train(torch.randn(2, 3, 64, 64))
    loss = PoseLoss(LossConfig(), SIGMAS, config.query_groups)
    torch.stack(list(loss(output, proposals, random_targets(), 3).values())).sum().backward()
    trained = {name: value for name, value in network.named_parameters() if value.requires_grad}
    assert [name for name, value in trained.items() if value.grad is None] == []
