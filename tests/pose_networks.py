"""Small RF-DETR Pose networks and made-up people; only for tests that have torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from rfdetr_pose import PoseModel
from rfdetr_pose.config import ConvBackbone, ModelConfig
from rfdetr_pose.network import PoseNetwork, PoseOutput
from rfdetr_pose.targets import Targets

SIGMAS = ModelConfig().keypoints.sigmas
TINY = ModelConfig(
    size="tiny",
    resolution=64,
    backbone=ConvBackbone(widths=(8, 8, 16, 16), blocks=(1, 1, 1, 1)),
    decoder_layers=2,
    hidden_dim=32,
    feedforward_dim=32,
    self_attention_heads=2,
    cross_attention_heads=2,
    sampling_points=2,
    num_queries=8,
    query_groups=2,
)
"""Everything that a network of full size has, in a hundredth of a second."""


def shaken(network: PoseNetwork, seed: int = 0, strength: float = 0.1) -> PoseNetwork:
    """Take a network away from its start, where whole layers are zero and hide what is wrong."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in network.parameters():
            value += strength * torch.randn(value.shape, generator=generator)
    network.eval()
    return network


def make_network(config: ModelConfig = TINY, seed: int = 0) -> PoseNetwork:
    """A network in which every weight has an effect, the same for the same seed."""
    torch.manual_seed(seed)
    return shaken(PoseNetwork(config), seed)


def make_model(config: ModelConfig = TINY, seed: int = 0) -> PoseModel:
    """A model whose predictions depend on the picture, though they mean nothing."""
    model = PoseModel.from_config(config, device="cpu")
    torch.manual_seed(seed)
    shaken(model.network, seed)
    return model


def random_picture(height: int = 48, width: int = 72, seed: int = 0) -> npt.NDArray[np.uint8]:
    """(H, W, 3) coloured patches."""
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    return np.ascontiguousarray(np.kron(coarse, np.ones((8, 8, 1), np.uint8)))


def random_targets(
    counts: Sequence[int] = (2, 1),
    *,
    seed: int = 0,
    keypoints: int = 17,
    size: tuple[float, float] = (640.0, 360.0),
    classes: int = 1,
) -> Targets:
    """People with at least one labelled keypoint each.

    What is only padding looks like a person in every other respect, so that reading it shows.
    """
    rng = np.random.default_rng(seed)
    batch, most = len(counts), max([1, *counts])
    sides = rng.uniform(0.1, 0.5, (batch, most, 2))
    centres = rng.uniform(sides / 2, 1 - sides / 2)
    offsets = rng.uniform(-0.5, 0.5, (batch, most, keypoints, 2))
    visibility = rng.integers(0, 3, (batch, most, keypoints))
    visibility[..., 0] = 2
    pixels = np.array(size)
    return Targets(
        present=torch.arange(most) < torch.tensor(counts).unsqueeze(1),
        labels=torch.from_numpy(rng.integers(0, classes, (batch, most))),
        boxes=torch.from_numpy(np.concatenate([centres, sides], -1)).float(),
        keypoints=torch.from_numpy(centres[:, :, None] + offsets * sides[:, :, None]).float(),
        visibility=torch.from_numpy(visibility),
        areas=torch.from_numpy(0.53 * (sides * pixels).prod(-1)).float(),
        sizes=torch.tensor([size] * batch),
    )


def random_output(
    targets: Targets, *, layers: int = 1, queries: int = 4, classes: int = 1, seed: int = 0
) -> PoseOutput:
    """Predictions that have nothing to do with the targets but their shape."""
    generator = torch.Generator().manual_seed(seed)
    lead = (layers, len(targets.present), queries)
    count = targets.keypoints.shape[2]
    centres = torch.rand(*lead, 2, generator=generator)
    sides = torch.rand(*lead, 2, generator=generator) * 0.5 + 0.05
    return PoseOutput(
        logits=torch.randn(*lead, classes, generator=generator),
        boxes=torch.cat([centres, sides], -1),
        keypoints=torch.rand(*lead, count, 2, generator=generator),
        visibility=torch.randn(*lead, count, generator=generator),
    )


def perfect_output(targets: Targets, *, layers: int = 1, spare: int = 2) -> PoseOutput:
    """Predictions that are the targets, each followed by a few queries that found nothing."""
    batch = len(targets.present)

    def queries(value: torch.Tensor, filler: float) -> torch.Tensor:
        rest = torch.full((batch, spare, *value.shape[2:]), filler)
        return torch.cat([value, rest], 1).expand(layers, *([-1] * value.ndim)).clone()

    certain = torch.where(targets.present, 30.0, -30.0).unsqueeze(-1)
    seen = torch.where(targets.visibility == 2, 30.0, -30.0)
    return PoseOutput(
        logits=queries(certain, -30.0),
        boxes=queries(targets.boxes, 0.5),
        keypoints=queries(targets.keypoints, 0.5),
        visibility=queries(seen, 0.0),
    )
