"""Each keypoint loss by itself: what its gradient reaches, and that a network learns by it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
import torch
from pose_networks import SIGMAS, TINY, make_network, random_targets
from rfdetr_pose.losses import LossConfig, PoseLoss
from rfdetr_pose.network import PoseNetwork
from torch import Tensor

pytestmark = pytest.mark.framework
PARTS = ["keypoints_l1", "keypoints_oks", "visibility"]
TARGETS = random_targets((2, 1, 3, 2), seed=2)
IMAGES = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def only(*names: str) -> PoseLoss:
    """A loss of which every part but these is turned off."""
    every = ("classes", "boxes", "giou", "keypoints_l1", "keypoints_oks", "visibility")
    config = LossConfig(**{name: float(name in names) for name in every})  # type: ignore[arg-type]
    return PoseLoss(config, SIGMAS, TINY.query_groups)


def total(network: PoseNetwork, loss: PoseLoss) -> Tensor:
    output, proposals = network.forward_train(IMAGES)
    return torch.stack(list(loss(output, proposals, TARGETS, TARGETS.count).values())).sum()


def reached(parameters: Iterable[torch.nn.Parameter]) -> bool:
    gradients = [value.grad for value in parameters if value.grad is not None]
    assert all(bool(gradient.isfinite().all()) for gradient in gradients)
    return any(bool(gradient.any()) for gradient in gradients)


def settled(network: PoseNetwork) -> PoseNetwork:
    """Let boxes and scores be the same whatever the features.

    The keypoint losses move neither, so the assignment would change from step to step at random.
    The boxes are large enough for the keypoints, which cannot leave them.
    """
    detector = network.detector
    last = detector.bbox_embed.layers[-1]
    for layer in (last, detector.class_embed, *detector.model.enc_out_class_embed):
        torch.nn.init.zeros_(layer.weight)
    with torch.no_grad():
        last.bias.copy_(torch.tensor([0.0, 0.0, 3.0, 3.0]))
    return network


@pytest.mark.parametrize("part", PARTS)
def test_a_network_learns_by_each_part_alone(part: str) -> None:
    network, loss = settled(make_network()).train(), only(part)
    optimizer = torch.optim.AdamW(network.parameters(), lr=5e-3)
    course = []
    for _ in range(12):
        optimizer.zero_grad()
        value = total(network, loss)
        value.backward()
        optimizer.step()
        course.append(value.item())
    assert course[-1] < 0.9 * course[0]


@pytest.mark.parametrize("part", PARTS)
def test_what_the_gradient_of_each_part_reaches(part: str) -> None:
    network = make_network().train()
    total(network, only(part)).backward()
    head, detector = network.keypoint_head, network.detector
    assert reached(head.coordinates.parameters()) == (part != "visibility")
    assert reached(head.visibility.parameters()) == (part == "visibility")
    assert reached(detector.model.backbone.parameters())
    assert reached(detector.model.decoder.parameters())
    # Boxes are detached, of the last layer and of every one before it.
    assert not reached(detector.bbox_embed.parameters())
    assert not reached(detector.model.enc_out_bbox_embed.parameters())
    assert not reached(detector.class_embed.parameters())


def test_the_boxes_learn_by_their_own_loss() -> None:
    network = make_network().train()
    total(network, only("boxes", "giou")).backward()
    assert reached(network.detector.bbox_embed.parameters())
    assert reached(network.detector.model.enc_out_bbox_embed.parameters())
    assert not reached(network.keypoint_head.parameters())


def test_every_decoder_layer_is_supervised() -> None:
    """Of the coordinates, in every layer's own boxes."""
    network = make_network().train()
    output, proposals = network.forward_train(IMAGES)
    output.keypoints.retain_grad()
    loss = only("keypoints_l1")
    loss(output, proposals, TARGETS, TARGETS.count)["keypoints_l1"].backward()
    gradient = output.keypoints.grad
    assert gradient is not None
    # As many queries as there are objects, in each layer and group.
    touched = gradient.flatten(3).any(-1).sum((1, 2)).tolist()
    assert touched == [TARGETS.count * TINY.query_groups] * TINY.decoder_layers


def test_all_parts_together_fit_one_batch() -> None:
    network, loss = make_network().train(), PoseLoss(LossConfig(), SIGMAS, TINY.query_groups)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
    first = total(network, loss).item()
    for _ in range(25):
        optimizer.zero_grad()
        total(network, loss).backward()
        optimizer.step()
    assert total(network, loss).item() < 0.7 * first


def test_diverged_predictions_give_a_loss_that_says_so() -> None:
    network = make_network().train()
    torch.nn.init.constant_(network.keypoint_head.coordinates.layers[-1].bias, float("nan"))
    output, proposals = network.forward_train(IMAGES)
    found = PoseLoss(LossConfig(), SIGMAS, 2)(output, proposals, TARGETS, TARGETS.count)
    assert bool(found["keypoints_l1"].isnan())
    assert not bool(found["boxes"].isnan())
