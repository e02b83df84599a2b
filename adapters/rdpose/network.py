"""The network: a backbone, one shared last layer, and the feature decoupling between them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rdpose.backbones import INITIAL_DEVIATION, make_backbone
from rdpose.config import Inference, ModelConfig
from rdpose.decoupling import FeatureDecoupling

_LEAST = 1e-4


@dataclass(frozen=True, eq=False)
class TrainingHeatmaps:
    """Heat maps of the three heads, (B, K + 1, h, w); the last channel is the centre's.

    Of a bare network there is only ``plain``, of K channels.

    Attributes:
        plain: Of the features as they are, not bounded.
        off_target: Decoupled with the off-target anchors (the perturbed decoupling module).
        target: Decoupled with the anchors that ``off_target`` leads to.
    """

    plain: Tensor
    off_target: Tensor | None = None
    target: Tensor | None = None


class PoseNetwork(nn.Module):
    """Heat maps of the joints of the person in the middle of each crop.

    Args:
        config: Backbone, joints and variant. The weights are random: the backbone's as timm draws
            them, those of all other convolutions from N(0, .001²), as HRNet draws them.

    Attributes:
        config: As given.
        backbone: Pictures to features.
        decoupling: The feature decoupling module, None in a bare network.
        final_layer: Features to heat maps, 1x1; all heads share it.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = make_backbone(config.backbone)
        channels = self.backbone.channels
        self.decoupling = FeatureDecoupling(channels) if config.decoupled else None
        self.final_layer = nn.Conv2d(channels, config.channels, 1)
        for part in (self.decoupling, self.final_layer):
            _initialise(part)

    def forward(self, images: Tensor, mode: Inference = "plain") -> Tensor:
        """Heat maps of the joints, without the centre's.

        ``plain`` costs what the bare network costs. ``fdm`` takes the anchor from the maximum of
        the centre's heat map and decouples the features once.

        Args:
            images: (B, 3, H, W) RGB 0..1, ImageNet's mean and deviation taken off.
            mode: Of the two ways.

        Returns:
            (B, K, H/4, W/4).

        Raises:
            ValueError: ``fdm`` of a bare network.
        """
        features = self.backbone(images)
        heatmaps = self.final_layer(features)
        if mode == "fdm":
            heatmaps = self._decoupled(features, peaks(heatmaps[:, -1]))
        return heatmaps[:, : self.config.joint_set.count]

    def forward_train(self, images: Tensor, anchors: Tensor) -> TrainingHeatmaps:
        """Heat maps of all heads, from one pass of the backbone.

        Args:
            images: As for :meth:`forward`.
            anchors: (B, 2) int64, rows and columns of the off-target anchors; not looked at in a
                bare network.
        """
        features = self.backbone(images)
        plain = self.final_layer(features)
        if self.decoupling is None:
            return TrainingHeatmaps(plain)
        off_target = self._decoupled(features, anchors)
        target = self._decoupled(features, peaks(off_target[:, -1]))
        return TrainingHeatmaps(plain, off_target, target)

    def _decoupled(self, features: Tensor, anchors: Tensor) -> Tensor:
        if self.decoupling is None:
            raise ValueError("a bare network has no feature decoupling; its mode is 'plain'.")
        heatmaps: Tensor = self.final_layer(self.decoupling(features, anchors))
        return bounded(heatmaps) if self.config.bounded else heatmaps


def bounded(heatmaps: Tensor) -> Tensor:
    """φ: the sigmoid, kept between 1e-4 and 1 - 1e-4."""
    return heatmaps.sigmoid().clamp(_LEAST, 1 - _LEAST)


def peaks(heatmaps: Tensor) -> Tensor:
    """The cells of the maxima, the first where there are several; no gradient flows through them.

    Args:
        heatmaps: (B, h, w).

    Returns:
        (B, 2) int64, rows and columns.
    """
    width = heatmaps.shape[2]
    cells = heatmaps.detach().flatten(1).argmax(1)
    rows = torch.div(cells, width, rounding_mode="trunc")  # one node in a graph; // is four
    return torch.stack((rows, cells - rows * width), 1)


def _initialise(part: nn.Module | None) -> None:
    for layer in part.modules() if part is not None else ():
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, std=INITIAL_DEVIATION)
            nn.init.zeros_(layer.bias)


def without_decoupling(network: PoseNetwork) -> PoseNetwork:
    """The bare network whose heat maps are the plain ones of a network, with copies of its weights.

    The last layer loses the centre's channel, so that nothing of the decoupling is left.
    """
    bare = PoseNetwork(network.config.model_copy(update={"variant": "bare"}))
    count = network.config.joint_set.count
    state = {
        name: value[:count] if name.startswith("final_layer.") else value
        for name, value in network.state_dict().items()
        if not name.startswith("decoupling.")
    }
    bare.load_state_dict(state)
    bare.train(network.training)
    return bare
