"""The exponential moving average of the weights, which is what is validated and kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor


def averaging(decay: float) -> WeightAveraging:
    """Lightning's callback with a decay that grows to ``decay``, so that the start is forgotten.

    Buffers (running means of batch normalisation) are averaged like the weights.
    """

    def average(averaged: Sequence[Tensor], current: Sequence[Tensor], count: Any) -> None:
        updates = int(count)
        share = 1 - min(decay, (1 + updates) / (10 + updates))
        if torch.is_floating_point(averaged[0]):
            torch._foreach_lerp_(list(averaged), list(current), share)
        else:
            for old, new in zip(averaged, current, strict=True):
                old.copy_(new)

    return WeightAveraging(multi_avg_fn=average)
