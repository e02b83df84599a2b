"""Pictures as the network takes them."""

from __future__ import annotations

import torch
from torch import Tensor

_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)


def normalise(images: Tensor) -> Tensor:
    """(B, 3, H, W) uint8 RGB to float32 with ImageNet's mean and standard deviation."""
    mean = torch.tensor(_MEAN, device=images.device).view(3, 1, 1)
    std = torch.tensor(_STD, device=images.device).view(3, 1, 1)
    return (images.float() / 255 - mean) / std
