"""From people to batches of crops, the same whatever the number of loading processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from rdpose.anchors import off_target_anchor
from rdpose.config import STRIDE, ModelConfig
from rdpose.data.augment import (
    AugmentConfig,
    View,
    mirrored_image,
    mirrored_joints,
    mirrored_points,
    random_view,
)
from rdpose.data.crop import Float32Array, Float64Array, Image, crop_matrix, cut_out, map_points
from rdpose.data.samples import BoolArray, Person, read_image
from rdpose.targets import heatmap_targets, labelled_center


@dataclass(frozen=True, eq=False)
class Example:
    """One person as the network is trained on it.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        maps: (K', h, w) float32, what the heat maps should be.
        weights: (K',) float32, which of them count.
        anchor: Row and column of a cell off the target.
    """

    image: Image
    maps: Float32Array
    weights: Float32Array
    anchor: tuple[int, int]


@dataclass(frozen=True, eq=False)
class TrainingBatch:
    """B people.

    Attributes:
        images: (B, 3, H, W) uint8 RGB.
        maps: (B, K', h, w) float32.
        weights: (B, K') float32.
        anchors: (B, 2) int64 rows and columns.
    """

    images: Tensor
    maps: Tensor
    weights: Tensor
    anchors: Tensor


@dataclass(frozen=True, eq=False)
class CropBatch:
    """B people to be looked into.

    Attributes:
        images: (B, 3, H, W) uint8 RGB.
        indices: Their positions in the dataset.
    """

    images: Tensor
    indices: tuple[int, ...]


class TrainingSet(Dataset[Example]):
    """People by ``epoch · length + position``.

    The position and the epoch seed every random choice, so that a person of an epoch is the same
    in every process, and again after a resume.

    Args:
        people: Annotated.
        config: Of the model.
        augment: None shows every person as its box is.
        seed: Of the choices.
    """

    def __init__(
        self,
        people: Sequence[Person],
        config: ModelConfig,
        augment: AugmentConfig | None = None,
        seed: int = 0,
    ) -> None:
        self._people, self._config, self._augment, self._seed = people, config, augment, seed
        self._joint_set = config.joint_set

    def __len__(self) -> int:
        return len(self._people)

    def __getitem__(self, key: int) -> Example:
        epoch, index = divmod(key, len(self._people))
        person = self._people[index]
        random = np.random.default_rng([self._seed, epoch, index])
        image = read_image(person.image)
        view = self._view(person, image.shape[1], random)
        matrix = crop_matrix(view.region, self._config.input_size, view.rotation)
        joints, visible, neighbours = self._seen(person, view, image.shape[1], matrix)
        shown = mirrored_image(image) if view.mirrored else image
        maps, weights = heatmap_targets(joints, visible, self._config)
        crop = cut_out(shown, matrix, self._config.input_size)
        center = labelled_center(joints, visible)
        cell = None if center is None else center / STRIDE
        anchor = off_target_anchor(self._config, cell, neighbours / STRIDE, random)
        return Example(crop, maps, weights, anchor)

    def _view(self, person: Person, width: int, random: np.random.Generator) -> View:
        if self._augment is None:
            return View(person.region)
        size = self._config.input_size
        return random_view(person, width, self._augment, self._joint_set, size, random)

    def _seen(
        self, person: Person, view: View, width: int, matrix: Float64Array
    ) -> tuple[Float32Array, BoolArray, Float32Array]:
        """Joints, labels and the neighbours' centres in px of the network's input."""
        joints, visible, neighbours = person.joints, person.visible, person.neighbours
        if view.mirrored:
            joints, visible = mirrored_joints(joints, visible, width, self._joint_set.flip_pairs)
            neighbours = mirrored_points(neighbours, width)
        return map_points(joints, matrix), visible, map_points(neighbours, matrix)


class CropSet(Dataset[tuple[Image, int]]):
    """People as their boxes are, for validation and tests.

    Args:
        people: With their boxes.
        config: Of the model.
    """

    def __init__(self, people: Sequence[Person], config: ModelConfig) -> None:
        self._people, self._input_size = people, config.input_size

    def __len__(self) -> int:
        return len(self._people)

    def __getitem__(self, index: int) -> tuple[Image, int]:
        person = self._people[index]
        matrix = crop_matrix(person.region, self._input_size)
        return cut_out(read_image(person.image), matrix, self._input_size), index


def collate_training(examples: Sequence[Example]) -> TrainingBatch:
    """Stack examples."""
    return TrainingBatch(
        _stacked([example.image for example in examples]),
        torch.from_numpy(np.stack([example.maps for example in examples])),
        torch.from_numpy(np.stack([example.weights for example in examples])),
        torch.tensor([example.anchor for example in examples], dtype=torch.int64),
    )


def collate_crops(examples: Sequence[tuple[Image, int]]) -> CropBatch:
    """Stack crops."""
    images, indices = zip(*examples, strict=True)
    return CropBatch(_stacked(images), tuple(indices))


def _stacked(images: Sequence[Image]) -> Tensor:
    """(B, 3, H, W)."""
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()
