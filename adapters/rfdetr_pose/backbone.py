"""A small convolutional backbone in the place of DINOv2 and its projector."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from rfdetr_pose.config import ConvBackbone


class ConvEncoder(nn.Module):
    """Residual stages at strides 4 to 32 and one top-down step back to stride 16.

    Args:
        config: Widths and numbers of blocks of the four stages.
        hidden_dim: Channels of the feature map that the decoder sees.
    """

    def __init__(self, config: ConvBackbone, hidden_dim: int) -> None:
        super().__init__()
        widths = config.widths
        self.stem = _conv(3, widths[0], kernel=6, stride=4, padding=1)
        self.stages = nn.ModuleList(
            _stage(widths[max(i - 1, 0)], widths[i], config.blocks[i], downsample=i > 0)
            for i in range(4)
        )
        self.lateral = nn.ModuleList(nn.Conv2d(width, hidden_dim, 1) for width in widths[2:])
        self.smooth = nn.Sequential(_conv(hidden_dim, hidden_dim), _Residual(hidden_dim))
        self.norm = nn.GroupNorm(1, hidden_dim)

    def forward(self, pixel_values: Tensor, pixel_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, hidden_dim, H/16, W/16) and a mask of the same size, True everywhere.

        ``pixel_mask`` is part of the detector's call and not needed: inputs are never padded.
        """
        features = self.stem(pixel_values)
        levels = []
        for stage in self.stages:
            features = stage(features)
            levels.append(features)
        top = functional.interpolate(self.lateral[1](levels[3]), scale_factor=2.0, mode="nearest")
        merged = self.norm(self.smooth(top + self.lateral[0](levels[2])))
        batch, _, height, width = merged.shape
        return merged, torch.ones(batch, height, width, dtype=torch.bool, device=merged.device)


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _conv(width, width)
        self.second = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        )
        nn.init.zeros_(self.second[1].weight)  # a new block starts as the identity

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.second(self.first(x)))


def _conv(
    in_width: int, out_width: int, *, kernel: int = 3, stride: int = 1, padding: int = 1
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_width, out_width, kernel, stride, padding, bias=False),
        nn.BatchNorm2d(out_width),
        nn.ReLU(inplace=True),
    )


def _stage(in_width: int, out_width: int, blocks: int, *, downsample: bool) -> nn.Sequential:
    first = [_conv(in_width, out_width, stride=2)] if downsample else []
    return nn.Sequential(*first, *(_Residual(out_width) for _ in range(blocks)))
