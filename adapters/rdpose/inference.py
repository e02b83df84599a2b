"""A network's answer for people that were cut out: joints and how sure they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rdpose.config import Inference, ModelConfig
from rdpose.data.batches import CropBatch
from rdpose.data.crop import Float32Array, to_picture
from rdpose.data.samples import Person
from rdpose.decoding import average_flipped, decode
from rdpose.errors import RDPoseError
from rdpose.images import normalise
from rdpose.network import PoseNetwork


@dataclass(frozen=True, eq=False)
class Found:
    """One person's joints.

    Attributes:
        index: Position of the person in its dataset.
        joints: (K, 2) float32 px of the picture.
        scores: (K,) float32 maxima of the heat maps.
    """

    index: int
    joints: Float32Array
    scores: Float32Array


def check_inference(config: ModelConfig, mode: Inference) -> None:
    """Refuse to decouple where there is nothing that does.

    Raises:
        RDPoseError: ``fdm`` of a bare network.
    """
    if mode == "fdm" and not config.decoupled:
        raise RDPoseError(
            "a network of the variant bare has no feature decoupling. Use --inference plain."
        )


def find_joints(
    network: PoseNetwork, batch: CropBatch, people: Sequence[Person], mode: Inference
) -> list[Found]:
    """The joints of a batch of people, with the flip test.

    Args:
        network: In evaluation mode.
        batch: On the network's device.
        people: The dataset that the batch is from.
        mode: Whether features are decoupled before heat maps are made of them.
    """
    config = network.config
    maps = flip_tested(network, normalise(batch.images), mode)
    points, scores = decode(maps, config.input_size)
    return [
        Found(index, to_picture(points[row], people[index].region, config.input_size), scores[row])
        for row, index in enumerate(batch.indices)
    ]


def flip_tested(network: PoseNetwork, images: Tensor, mode: Inference) -> Float32Array:
    """(B, K, h, w) mean of the heat maps of (B, 3, H, W) normalised crops and their mirror images.

    One network pass for each: a batch of both would need twice the memory.
    """
    straight = _heatmaps(network, images, mode)
    flipped = _heatmaps(network, images.flip(-1), mode)
    return average_flipped(straight, flipped, network.config.joint_set.flip_pairs)


def find_all(
    network: PoseNetwork,
    batches: Iterable[CropBatch],
    people: Sequence[Person],
    mode: Inference,
    device: torch.device,
) -> list[Found]:
    """The joints of a whole dataset, in its order."""
    network.to(device).eval()
    found: list[Found] = []
    with torch.inference_mode():
        for batch in batches:
            there = CropBatch(batch.images.to(device, non_blocking=True), batch.indices)
            found += find_joints(network, there, people, mode)
    return found


def _heatmaps(network: PoseNetwork, images: Tensor, mode: Inference) -> Float32Array:
    return np.asarray(network(images, mode).float().cpu().numpy(), np.float32)
