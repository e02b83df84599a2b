"""The feature decoupling module: features are re-weighted by how they go with an anchor's.

The formulas are those of the public code (github.com/wz-cloud/RDPose, lib/models/pose_hrnet.py),
which are those of CID's global feature decoupling (Wang and Zhang, CVPR 2022).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

OFFSET_SCALE = 32.0
"""Cells from the anchor that count as 1."""


class FeatureDecoupling(nn.Module):
    """FDM: features of the whole crop to features of the person at an anchor.

    With a = F[:, row, col] the anchor's features:

    - channels: F_c = F · (W_c a + b_c), one factor for every channel, without activation;
    - space: F_s = F · sigmoid(Conv5x5([m, Δx, Δy])), one factor for every cell, where
      m = Σ_k F_k (W_s a + b_s)_k, Δx = (col - x) / 32 and Δy = (row - y) / 32;
    - together: ReLU(Conv1x1([F_c, F_s])).

    Parameters: 2 (C² + C) of the linear layers, 76 of the 5x5 convolution (3·25 + 1) and 2C² + C of
    the last one. With the C + 1 of the centre's heat map in the network's last layer they are 4,301
    for C = 32 and 9,485 for C = 48.

    Args:
        channels: C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channel_factors = nn.Linear(channels, channels)
        self.correlation = nn.Linear(channels, channels)
        self.mask = nn.Conv2d(3, 1, 5, padding=2)
        self.fusion = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, features: Tensor, anchors: Tensor) -> Tensor:
        """The features that belong to the anchors' person.

        Args:
            features: (B, C, h, w).
            anchors: (B, 2) int64, row and column of a cell.

        Returns:
            (B, C, h, w), not negative.
        """
        at_anchors = _sample(features, anchors)
        by_channel = features * self.channel_factors(at_anchors)[:, :, None, None]
        weights = self.correlation(at_anchors)[:, :, None, None]
        correlation = (features * weights).sum(1, keepdim=True)
        spatial = torch.cat((correlation, _offsets(features, anchors)), 1)
        by_cell = features * self.mask(spatial).sigmoid()
        fused: Tensor = self.fusion(torch.cat((by_channel, by_cell), 1)).relu()
        return fused


def _sample(features: Tensor, anchors: Tensor) -> Tensor:
    """(B, C) features of the anchors' cells."""
    cells = anchors[:, 0] * features.shape[3] + anchors[:, 1]
    where = cells[:, None, None].expand(-1, features.shape[1], -1)
    return features.flatten(2).gather(2, where).squeeze(2)


def _offsets(features: Tensor, anchors: Tensor) -> Tensor:
    """(B, 2, h, w) ways from every cell to its anchor, x then y, in units of 32 cells."""
    height, width = features.shape[2:]
    rows = torch.arange(height, device=features.device)[None, :, None]
    columns = torch.arange(width, device=features.device)[None, None, :]
    across = (anchors[:, 1, None, None] - columns).expand(-1, height, -1)
    down = (anchors[:, 0, None, None] - rows).expand(-1, -1, width)
    return torch.stack((across, down), 1).to(features.dtype) / OFFSET_SCALE
