"""From annotated images to batches, the same whatever the number of loading processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from rfdetr_pose.config import ModelConfig
from rfdetr_pose.data.augment import (
    AugmentConfig,
    Image,
    objects_in_view,
    random_view,
    recolour,
    render_view,
    whole,
)
from rfdetr_pose.data.samples import Sample
from rfdetr_pose.errors import DatasetError
from rfdetr_pose.targets import Targets


@dataclass(frozen=True, eq=False)
class Example:
    """One picture at the network's size and its objects as the view shows them."""

    image: Image
    objects: Sample
    size: tuple[float, float]
    index: int


@dataclass(frozen=True, eq=False)
class Batch:
    """B pictures.

    Attributes:
        images: (B, 3, S, S) uint8 RGB.
        targets: Their objects.
        indices: Positions of the pictures in the dataset.
    """

    images: Tensor
    targets: Targets
    indices: tuple[int, ...]


class PoseDataset(Dataset[Example]):
    """Pictures by position; in training by ``epoch · length + position``.

    The position and the epoch seed the augmentation, so that a picture of an epoch is the same in
    every process, and again after a resume.

    Args:
        samples: Annotated images.
        config: Of the model.
        augment: None shows the whole images as they are.
        seed: Of the augmentation.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        config: ModelConfig,
        augment: AugmentConfig | None = None,
        seed: int = 0,
    ) -> None:
        self.samples = samples
        self._side = config.resolution
        self._flip_order = config.keypoints.flip_order
        self._augment = augment
        self._seed = seed

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, key: int) -> Example:
        epoch, index = divmod(key, len(self.samples))
        sample = self.samples[index]
        image = read_image(sample)
        view = whole(sample)
        if self._augment is not None:
            random = np.random.default_rng([self._seed, epoch, index])
            view = random_view(sample, self._augment, random)
            picture = recolour(render_view(image, view, self._side), self._augment, random)
        else:
            picture = np.asarray(cv2.resize(image, (self._side, self._side)), np.uint8)
        objects = objects_in_view(sample, view, self._flip_order)
        return Example(picture, objects, (view.width, view.height), index)


def read_image(sample: Sample) -> Image:
    """The (H, W, 3) uint8 RGB picture of a sample.

    Raises:
        DatasetError: It cannot be read, or has another size than its annotations say.
    """
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imread(str(sample.path), flags)
    if image is None:
        raise DatasetError(f"{sample.path}: not a readable image.")
    if image.shape[:2] != (sample.height, sample.width):
        raise DatasetError(
            f"{sample.path}: is {image.shape[1]} x {image.shape[0]} px, its annotation says "
            f"{sample.width} x {sample.height}."
        )
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def collate(examples: Sequence[Example]) -> Batch:
    """Stack pictures and pad their objects to the same number."""
    count = max(1, max(len(example.objects.labels) for example in examples))
    keypoints = examples[0].objects.keypoints.shape[1]
    batch = len(examples)
    present = torch.zeros(batch, count, dtype=torch.bool)
    labels = torch.zeros(batch, count, dtype=torch.int64)
    boxes = torch.full((batch, count, 4), 0.5)
    points = torch.zeros(batch, count, keypoints, 2)
    visibility = torch.zeros(batch, count, keypoints, dtype=torch.int64)
    areas = torch.ones(batch, count)
    for row, example in enumerate(examples):
        objects, n = example.objects, len(example.objects.labels)
        width, height = example.size
        edges = objects.boxes / np.array([width, height, width, height], np.float32)
        present[row, :n] = True
        labels[row, :n] = torch.from_numpy(objects.labels)
        boxes[row, :n, :2] = torch.from_numpy((edges[:, :2] + edges[:, 2:]) / 2)
        boxes[row, :n, 2:] = torch.from_numpy(edges[:, 2:] - edges[:, :2])
        scaled = objects.keypoints[..., :2] / np.array([width, height], np.float32)
        points[row, :n] = torch.from_numpy(scaled)
        visibility[row, :n] = torch.from_numpy(objects.keypoints[..., 2].astype(np.int64))
        areas[row, :n] = torch.from_numpy(objects.areas)
    sizes = torch.tensor([example.size for example in examples])
    images = torch.from_numpy(np.stack([example.image for example in examples]))
    return Batch(
        images.permute(0, 3, 1, 2).contiguous(),
        Targets(present, labels, boxes, points, visibility, areas, sizes),
        tuple(example.index for example in examples),
    )
