"""The keypoint head, and the sizes of the networks that carry it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pose_networks import TINY, make_network
from rfdetr_pose import (
    PoseModel,
    RFDETRPose,
    RFDETRPoseLarge,
    RFDETRPoseMedium,
    RFDETRPoseNano,
    RFDETRPoseSmall,
)
from rfdetr_pose.heads import KeypointHead, place_in_box
from rfdetr_pose.network import PoseNetwork, detector_config
from rfdetr_pose.upstream import RfDetrForObjectDetection

pytestmark = pytest.mark.framework
SHARES = st.floats(0, 1)
BOXES = st.tuples(SHARES, SHARES, st.floats(0, 1), st.floats(0, 1))
IMAGES = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 4 - 2


def parameters(module: Any) -> int:
    return sum(value.numel() for value in module.parameters())


def random_boxes(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, 4, generator=torch.Generator().manual_seed(1))


def test_parameters_of_the_head() -> None:
    head = KeypointHead(256, 17)
    assert parameters(head.coordinates) == 140_322
    assert parameters(head.visibility) == 135_953


def test_every_keypoint_starts_exactly_at_the_centre_of_its_box() -> None:
    boxes = random_boxes(3, 5)
    keypoints, visibility = KeypointHead(32, 4)(torch.randn(3, 5, 32), boxes)
    assert keypoints.shape == (3, 5, 4, 2)
    assert visibility.shape == (3, 5, 4)
    assert torch.equal(keypoints, boxes[:, :, None, :2].expand_as(keypoints))


def test_a_new_network_starts_at_the_centre_and_at_the_cells_of_the_feature_map() -> None:
    network = PoseNetwork(TINY).eval()
    output = network(IMAGES)
    assert torch.equal(output.keypoints, output.boxes[..., None, :2].expand_as(output.keypoints))
    # Centres of the 4 x 4 cells; a reference point that is not zero would scatter them.
    cells = output.boxes[..., :2] * 4 - 0.5
    torch.testing.assert_close(cells, cells.round(), rtol=0, atol=1e-5)
    torch.testing.assert_close(output.boxes[..., 2:], torch.full((2, 8, 2), 0.05))


def test_outputs_are_keypoint_by_keypoint_x_before_y() -> None:
    head = KeypointHead(8, 3)
    with torch.no_grad():
        head.coordinates.layers[-1].bias[2 * 1 + 1] = 100.0  # y of keypoint 1, to the lower edge
        head.visibility.layers[-1].weight.zero_()
        head.visibility.layers[-1].bias.copy_(torch.tensor([1.0, 2.0, 3.0]))
    keypoints, visibility = head(torch.randn(1, 8), torch.tensor([[0.5, 0.25, 0.2, 0.1]]))
    expected = torch.tensor([[[0.5, 0.25], [0.5, 0.3], [0.5, 0.25]]])
    torch.testing.assert_close(keypoints, expected)
    assert visibility.tolist() == [[1.0, 2.0, 3.0]]


@given(box=BOXES, offset=st.tuples(SHARES, SHARES))
def test_offsets_run_linearly_from_edge_to_edge(
    box: tuple[float, float, float, float], offset: tuple[float, float]
) -> None:
    centre, size = torch.tensor(box[:2]).double(), torch.tensor(box[2:]).double()
    inner = torch.tensor(offset).double()
    offsets = torch.stack([torch.zeros(2), torch.ones(2), torch.tensor([0.0, 1.0]), inner])
    low, high, mixed, found = place_in_box(offsets.double(), torch.cat([centre, size]))
    torch.testing.assert_close(low, centre - size / 2)
    torch.testing.assert_close(high, centre + size / 2)
    torch.testing.assert_close(mixed, torch.stack([low[0], high[1]]))
    torch.testing.assert_close(found, (1 - inner) * low + inner * high)
    assert bool((found >= low - 1e-12).all() and (found <= high + 1e-12).all())


@given(seed=st.integers(0, 2**31), strength=st.sampled_from([0.1, 10.0, 1e4]))
def test_a_keypoint_cannot_leave_its_box(seed: int, strength: float) -> None:
    torch.manual_seed(seed)
    head = KeypointHead(8, 5)
    torch.nn.init.normal_(head.coordinates.layers[-1].weight, std=strength)
    boxes = torch.rand(6, 4)
    with torch.no_grad():
        keypoints, _ = head(torch.randn(6, 8) * 10, boxes)
    distance = (keypoints - boxes[:, None, :2]).abs()
    half = boxes[:, None, 2:] / 2
    assert bool((distance <= half + 1e-6).all())
    # And it may go up to the very edge.
    assert strength < 1e4 or bool((distance >= half - 1e-6).any())


def test_coordinates_and_visibility_share_no_weights() -> None:
    head = KeypointHead(8, 3)
    torch.nn.init.normal_(head.coordinates.layers[-1].weight)
    for part, other in ((0, head.visibility), (1, head.coordinates)):
        head.zero_grad()
        head(torch.randn(2, 8), random_boxes(2))[part].sum().backward()
        assert all(value.grad is None for value in other.parameters())
        mine = head.coordinates if part == 0 else head.visibility
        assert all(bool(value.grad.any()) for value in mine.parameters())


def test_every_decoder_layer_places_keypoints_in_its_own_boxes() -> None:
    network = make_network()
    last = network.keypoint_head.coordinates.layers[-1]
    torch.nn.init.zeros_(last.weight)
    torch.nn.init.zeros_(last.bias)
    output, _ = network.train().forward_train(IMAGES)
    assert output.boxes.shape == (2, 2, 16, 4)  # layers, images, both groups' queries
    assert not torch.allclose(output.boxes[0], output.boxes[1], atol=1e-3)
    assert torch.equal(output.keypoints, output.boxes[..., None, :2].expand_as(output.keypoints))


def test_evaluation_gives_the_last_layer_of_the_first_group() -> None:
    network = make_network()
    output = network(IMAGES)
    every, _ = network.forward_train(IMAGES)
    assert output.logits.shape == (2, 8, 1)
    assert output.keypoints.shape == (2, 8, 17, 2)
    for part in ("logits", "boxes", "keypoints", "visibility"):
        torch.testing.assert_close(getattr(output, part), getattr(every, part)[-1])


@pytest.mark.parametrize(
    ("model", "resolution", "layers", "millions"),
    [
        (RFDETRPoseNano, 384, 2, 30.47),
        (RFDETRPoseSmall, 512, 3, 32.11),
        (RFDETRPoseMedium, 576, 4, 33.69),
        (RFDETRPoseLarge, 768, 6, None),
    ],
)
def test_the_four_sizes(
    model: type[PoseModel], resolution: int, layers: int, millions: float | None
) -> None:
    config = model.base_config
    assert (config.resolution, config.decoder_layers) == (resolution, layers)
    with torch.device("meta"):
        network = PoseNetwork(config)
        published = RfDetrForObjectDetection(detector_config(config, num_classes=91))
    assert len(network.detector.model.decoder.layers) == layers
    assert parameters(network.keypoint_head) == 140_322 + 135_953
    if millions is not None:
        assert round(parameters(published) / 1e6, 2) == millions


def test_medium_is_the_default() -> None:
    assert RFDETRPose is RFDETRPoseMedium
