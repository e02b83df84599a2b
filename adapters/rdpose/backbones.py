"""Backbones: pictures to feature maps of a quarter of their sides.

timm's modules keep the parameter names of the original code, so that its checkpoints fit.
"""

from __future__ import annotations

from typing import Any

from rfdetr_pose.torchvision_import import repair_torchvision
from torch import Tensor, nn

from rdpose.config import HRNetBackbone, ResNetBackbone

repair_torchvision()

from timm.models.hrnet import HighResolutionNet  # noqa: E402
from timm.models.resnet import Bottleneck, ResNet  # noqa: E402

INITIAL_DEVIATION = 0.001
"""Of weights that no checkpoint brings (HRNet, lib/models/pose_hrnet.py)."""

_RESNET_BLOCKS = {50: [3, 4, 6, 3], 101: [3, 4, 23, 3], 152: [3, 8, 36, 3]}
_DECONVOLUTIONS = 3
_DECONVOLUTION_CHANNELS = 256


class HRNetFeatures(HighResolutionNet):
    """HRNet up to the highest-resolution branch of its fourth stage.

    Attributes:
        channels: C of the feature map.
    """

    def __init__(self, config: HRNetBackbone) -> None:
        super().__init__(_hrnet_layout(config), head="")
        self.channels = config.width
        last = self.stage4[-1]
        # The pose networks have no use for the other resolutions, and no weights for them.
        last.fuse_layers = last.fuse_layers[:1]

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) pictures to (B, C, H/4, W/4) features."""
        features: Tensor = self.forward_features(images)[0]
        return features


class ResNetFeatures(ResNet):
    """ResNet and three deconvolutions of 4x4, each with batch normalisation and ReLU.

    Attributes:
        channels: C of the feature map.
    """

    def __init__(self, config: ResNetBackbone) -> None:
        super().__init__(Bottleneck, _RESNET_BLOCKS[config.depth], num_classes=0)
        self.channels = _DECONVOLUTION_CHANNELS
        self.deconv_layers = _deconvolutions(self.num_features)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) pictures to (B, C, H/4, W/4) features."""
        features: Tensor = self.deconv_layers(self.forward_features(images))
        return features


def make_backbone(config: HRNetBackbone | ResNetBackbone) -> HRNetFeatures | ResNetFeatures:
    """The backbone of a configuration, with timm's random weights (Kaiming)."""
    if isinstance(config, HRNetBackbone):
        return HRNetFeatures(config)
    return ResNetFeatures(config)


def _hrnet_layout(config: HRNetBackbone) -> dict[str, Any]:
    layout: dict[str, Any] = {"stem_width": 64, "stage1": _stage(1, (64,), config.stem_blocks)}
    layout["stage1"]["block_type"] = "BOTTLENECK"
    for stage, modules in enumerate(config.modules, start=2):
        widths = tuple(config.width * 2**branch for branch in range(stage))
        layout[f"stage{stage}"] = _stage(modules, widths, config.blocks)
    return layout


def _stage(modules: int, widths: tuple[int, ...], blocks: int) -> dict[str, Any]:
    return {
        "num_modules": modules,
        "num_branches": len(widths),
        "block_type": "BASIC",
        "num_blocks": (blocks,) * len(widths),
        "num_channels": widths,
        "fuse_method": "SUM",
    }


def _deconvolutions(channels: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(_DECONVOLUTIONS):
        deconvolution = nn.ConvTranspose2d(
            channels, _DECONVOLUTION_CHANNELS, 4, stride=2, padding=1, bias=False
        )
        nn.init.normal_(deconvolution.weight, std=INITIAL_DEVIATION)
        layers += [deconvolution, nn.BatchNorm2d(_DECONVOLUTION_CHANNELS), nn.ReLU(inplace=True)]
        channels = _DECONVOLUTION_CHANNELS
    return nn.Sequential(*layers)
