"""The whole network: what it costs, how its heads are made, where gradients flow, the loss."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pydantic
import pytest
import torch
from rdpose.backbones import INITIAL_DEVIATION
from rdpose.config import HRNetBackbone, ModelConfig, ResNetBackbone, Variant
from rdpose.losses import heatmap_loss, joint_loss
from rdpose.network import PoseNetwork, TrainingHeatmaps, bounded, peaks, without_decoupling
from rdpose_networks import SMALL_HRNET, TINY, make_network, random_crops, tiny
from torch import Tensor

pytestmark = pytest.mark.framework
DECOUPLED: tuple[Variant, ...] = ("as-published", "fixed", "perturbed")
ANCHORS = torch.tensor([(3, 14), (20, 2)])
RESNET = tiny(backbone=ResNetBackbone())


def parameters(network: torch.nn.Module) -> int:
    return sum(value.numel() for value in network.parameters())


@pytest.mark.parametrize(("width", "millions", "more"), [(32, 28.5, 4301), (48, 63.6, 9485)])
def test_parameters(width: int, millions: float, more: int) -> None:
    """28.5 and 63.6 M are those that HRNet's authors publish."""
    backbone = HRNetBackbone(width=width)
    bare, decoupled = (
        PoseNetwork(ModelConfig(backbone=backbone, variant=variant))
        for variant in ("bare", "fixed")
    )
    assert round(parameters(bare) / 1e6, 1) == millions
    assert parameters(decoupled) - parameters(bare) == more


@pytest.mark.parametrize("variant", DECOUPLED)
def test_the_last_layer_and_the_decoupling_start_as_hrnet_starts_its_own(variant: Variant) -> None:
    torch.manual_seed(0)
    network = PoseNetwork(ModelConfig(backbone=SMALL_HRNET, variant=variant))
    assert network.decoupling is not None
    decoupling = network.decoupling
    for layer in (network.final_layer, decoupling.fusion, decoupling.mask):
        assert not layer.bias.any()
        assert layer.weight.std().item() == pytest.approx(INITIAL_DEVIATION, rel=0.3)


@pytest.mark.parametrize("config", [TINY, RESNET], ids=["hrnet", "resnet"])
@pytest.mark.parametrize("joints", ["coco17", "mpii16"])
def test_shapes(config: ModelConfig, joints: str) -> None:
    config = ModelConfig.model_validate({**config.model_dump(), "joints": joints})
    network, images = make_network(config), random_crops(config)
    count = {"coco17": 17, "mpii16": 16}[joints]
    assert config.heatmap_size == (24, 16)
    for mode in ("plain", "fdm"):
        assert network(images, mode).shape == (2, count, 24, 16)
    heads = network.forward_train(images, ANCHORS)
    for maps in (heads.plain, heads.off_target, heads.target):
        assert maps is not None and maps.shape == (2, count + 1, 24, 16)


def heads_by_hand(network: PoseNetwork, images: Tensor, anchors: Tensor) -> TrainingHeatmaps:
    """From the network's own parts, every anchor found by a loop."""
    assert network.decoupling is not None
    squash: Callable[[Tensor], Tensor] = lambda maps: torch.clamp(  # noqa: E731
        torch.sigmoid(maps), 1e-4, 1 - 1e-4
    )
    features = network.backbone(images)
    first = squash(network.final_layer(network.decoupling(features, anchors)))
    found = torch.tensor(first_maxima(first[:, -1]))
    second = squash(network.final_layer(network.decoupling(features, found)))
    return TrainingHeatmaps(network.final_layer(features), first, second)


def first_maxima(maps: Tensor) -> list[tuple[int, int]]:
    result = []
    for values in maps.detach().numpy():
        row, column = np.unravel_index(int(np.argmax(values)), values.shape)
        result.append((int(row), int(column)))
    return result


def test_the_three_heads_share_the_last_layer() -> None:
    network, images = make_network(), random_crops()
    found = network.forward_train(images, ANCHORS)
    expected = heads_by_hand(network, images, ANCHORS)
    for name in ("plain", "off_target", "target"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name))
    assert not torch.allclose(found.off_target, found.target)


def test_inference_decouples_at_the_maximum_of_the_centre() -> None:
    network, images = make_network(), random_crops()
    heads = heads_by_hand(network, images, ANCHORS)
    anchors = torch.tensor(first_maxima(heads.plain[:, -1]))
    at_center = heads_by_hand(network, images, anchors)
    torch.testing.assert_close(network(images), heads.plain[:, :-1])
    assert at_center.off_target is not None
    torch.testing.assert_close(network(images, "fdm"), at_center.off_target[:, :-1])


def test_a_maximum_that_occurs_twice_is_found_where_it_is_first() -> None:
    maps = torch.zeros(3, 4, 5)
    maps[0, 1, 2] = maps[0, 3, 1] = 1.0
    maps[1, 3, 4] = 1.0
    assert peaks(maps).tolist() == [[1, 2], [3, 4], [0, 0]]


def test_heat_maps_are_bounded() -> None:
    values = torch.tensor([-1e9, -1.0, 0.0, 2.0, 1e9])
    expected = [1e-4, 1 / (1 + np.e), 0.5, 1 / (1 + np.exp(-2.0)), 1 - 1e-4]
    np.testing.assert_allclose(bounded(values).numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("backbone", "variant", "is_bounded"),
    [
        (SMALL_HRNET, "as-published", True),
        (SMALL_HRNET, "fixed", True),
        (ResNetBackbone(), "as-published", False),
        (ResNetBackbone(), "fixed", True),
        (ResNetBackbone(), "perturbed", True),
    ],
)
def test_the_published_resnet_has_no_sigmoid(
    backbone: HRNetBackbone | ResNetBackbone, variant: Variant, is_bounded: bool
) -> None:
    """As in the public code's lib/models/pose_resnet.py."""
    config = tiny(backbone=backbone.model_dump(), variant=variant)
    network = make_network(config)
    with torch.no_grad():
        network.final_layer.bias -= 50
        maps = network(random_crops(config), "fdm")
    assert bool((maps >= 1e-4).all()) == is_bounded
    assert bool((maps < -1).any()) != is_bounded


def test_a_bare_network_has_one_head() -> None:
    network, images = make_network(tiny(variant="bare")), random_crops()
    heads = network.forward_train(images, ANCHORS)
    assert heads.off_target is None and heads.target is None
    torch.testing.assert_close(heads.plain, network(images))
    assert heads.plain.shape[1] == 17
    assert set(joint_loss(heads, heads.plain, torch.ones(2, 17))) == {"plain"}
    with pytest.raises(ValueError, match="bare"):
        network(images, "fdm")


def test_what_is_left_without_the_decoupling_gives_the_plain_heat_maps() -> None:
    network, images = make_network(), random_crops()
    bare = without_decoupling(network)
    assert bare.decoupling is None and bare.config.variant == "bare"
    torch.testing.assert_close(bare(images), network(images))
    with torch.no_grad():
        bare.final_layer.weight.zero_()
    assert network(images).any()  # its weights are its own


@pytest.mark.parametrize("size", [(250, 192), (256, 200)], ids=str)
def test_an_input_that_does_not_fit_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(pydantic.ValidationError, match="multiples of 32"):
        ModelConfig(input_size=size)


def gradients(head: str) -> dict[str, float]:
    """Sum of the absolute gradients of each part of a network, from one part of the loss alone."""
    network, images = make_network(), random_crops()
    target = torch.rand((2, 18, 24, 16), generator=torch.Generator().manual_seed(1))
    joint_loss(network.forward_train(images, ANCHORS), target, torch.ones(2, 18))[head].backward()
    parts = {"backbone": network.backbone, "E": network.final_layer, "FDM": network.decoupling}
    return {
        name: sum(v.grad.abs().sum().item() for v in part.parameters() if v.grad is not None)
        for name, part in parts.items()
        if part is not None
    }


@pytest.mark.parametrize("head", ["plain", "off_target", "target"])
def test_every_head_teaches_the_shared_parts(head: str) -> None:
    found = gradients(head)
    assert found["backbone"] > 0 and found["E"] > 0
    assert (found["FDM"] > 0) == (head != "plain")


def test_no_gradient_flows_through_the_maximum() -> None:
    """The gradient of the third head is that of a decoupling at anchors that are just numbers."""
    images, target = random_crops(), torch.rand(2, 18, 24, 16)
    one, other = make_network(), make_network()
    heads = one.forward_train(images, ANCHORS)
    assert heads.off_target is not None and other.decoupling is not None
    anchors = torch.tensor(first_maxima(heads.off_target[:, -1]))
    joint_loss(heads, target, torch.ones(2, 18))["target"].backward()
    alone = bounded(other.final_layer(other.decoupling(other.backbone(images), anchors)))
    (1.5 * heatmap_loss(alone, target, torch.ones(2, 18))).backward()
    for (name, value), again in zip(one.named_parameters(), other.parameters(), strict=True):
        assert value.grad is not None, name
        torch.testing.assert_close(value.grad, again.grad, msg=name)


def jointwise_loss(
    predicted: Tensor, target: Tensor, weights: Tensor, count: int, batch: int
) -> float:
    """HRNet's JointsMSELoss: half a mean squared error for each joint, then their mean."""
    total = 0.0
    for joint in range(count):
        mine = predicted[:, joint].reshape(batch, -1) * weights[:, joint, None]
        wanted = target[:, joint].reshape(batch, -1) * weights[:, joint, None]
        total += 0.5 * torch.nn.functional.mse_loss(mine, wanted).item()
    return total / count


def test_the_loss_is_hrnets() -> None:
    generator = torch.Generator().manual_seed(0)
    predicted, target = (torch.randn((3, 5, 4, 6), generator=generator) for _ in range(2))
    weights = torch.randint(0, 2, (3, 5), generator=generator).float()
    assert 0 < weights.sum() < 15
    expected = jointwise_loss(predicted, target, weights, 5, 3)
    assert heatmap_loss(predicted, target, weights).item() == pytest.approx(expected, rel=1e-6)


def test_the_parts_of_the_loss_are_weighted() -> None:
    heads = TrainingHeatmaps(*(torch.full((1, 2, 2, 2), value) for value in (1.0, 2.0, 3.0)))
    parts = joint_loss(heads, torch.zeros(1, 2, 2, 2), torch.ones(1, 2))
    found = {name: value.item() for name, value in parts.items()}
    assert found == {"plain": 0.5, "off_target": 2.0, "target": 1.5 * 4.5}


def test_a_channel_of_weight_zero_teaches_nothing() -> None:
    """So that ``as-published`` never changes the last layer's row of the centre."""
    network, images = make_network(tiny(variant="as-published")), random_crops()
    weights = torch.ones(2, 18)
    weights[:, -1] = 0
    parts = joint_loss(network.forward_train(images, ANCHORS), torch.rand(2, 18, 24, 16), weights)
    sum(parts.values(), torch.zeros(())).backward()
    gradient = network.final_layer.weight.grad
    assert gradient is not None
    assert gradient[:-1].abs().amax(dim=(1, 2, 3)).min() > 0
    assert not gradient[-1].any()
    assert network.final_layer.bias.grad is not None and network.final_layer.bias.grad[-1] == 0
