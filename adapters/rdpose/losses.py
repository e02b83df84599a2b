"""The loss: HRNet's squared error of heat maps, summed over the three heads."""

from __future__ import annotations

from torch import Tensor

from rdpose.network import TrainingHeatmaps

HEAD_WEIGHTS = {"plain": 1.0, "off_target": 1.0, "target": 1.5}
"""Of the heads in the sum (github.com/wz-cloud/RDPose, lib/models/pose_hrnet.py)."""


def heatmap_loss(predicted: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Half the mean squared error of weighted heat maps (HRNet, lib/core/loss.py).

    A joint of weight 0 adds nothing but is counted in the mean.

    Args:
        predicted: (B, K', h, w).
        target: (B, K', h, w).
        weights: (B, K').

    Returns:
        A scalar, float32.
    """
    error = (predicted.float() - target.float()) * weights.float()[:, :, None, None]
    return error.square().mean() / 2


def joint_loss(heatmaps: TrainingHeatmaps, target: Tensor, weights: Tensor) -> dict[str, Tensor]:
    """The parts of the loss; their sum is the loss.

    Args:
        heatmaps: Of all heads.
        target: (B, K', h, w).
        weights: (B, K').

    Returns:
        ``plain``, and of a decoupled network ``off_target`` and ``target``, already weighted.
    """
    heads = {name: getattr(heatmaps, name) for name in HEAD_WEIGHTS}
    return {
        name: HEAD_WEIGHTS[name] * heatmap_loss(predicted, target, weights)
        for name, predicted in heads.items()
        if predicted is not None
    }
