"""What the network should have predicted for a batch."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Targets:
    """Annotated objects of B images, padded to T objects an image.

    Attributes:
        present: (B, T) bool, False where there is only padding.
        labels: (B, T) int64 zero-based class.
        boxes: (B, T, 4) centre x, centre y, width, height, 0..1 of the image's sides.
        keypoints: (B, T, K, 2) x, y, 0..1 of the image's sides.
        visibility: (B, T, K) int64: 0 not labelled, 1 occluded, 2 visible.
        areas: (B, T) float, square pixels of the objects.
        sizes: (B, 2) float, width and height of the images in the pixels that the areas count, so
            that ``keypoints * sizes`` has equal sides also when the network's input has not.
    """

    present: Tensor
    labels: Tensor
    boxes: Tensor
    keypoints: Tensor
    visibility: Tensor
    areas: Tensor
    sizes: Tensor

    def to(self, device: torch.device) -> Targets:
        """The same on another device."""
        return Targets(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})

    @property
    def count(self) -> int:
        """Number of objects in the batch."""
        return int(self.present.sum())
