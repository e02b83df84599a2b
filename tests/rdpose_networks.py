"""Small RDPose networks and made-up crops; only for tests that have torch and timm."""

from __future__ import annotations

import torch
from rdpose.config import HRNetBackbone, ModelConfig
from rdpose.network import PoseNetwork
from torch import Tensor, nn

SMALL_HRNET = HRNetBackbone(width=8, modules=(1, 1, 1), blocks=1, stem_blocks=1)
TINY = ModelConfig(backbone=SMALL_HRNET, input_size=(96, 64), variant="fixed")
"""Everything that a network of full size has; rows and columns differ in number."""


def tiny(**fields: object) -> ModelConfig:
    """The small configuration with other values, which are checked."""
    return ModelConfig.model_validate({**TINY.model_dump(), **fields})


def shaken(network: PoseNetwork, seed: int = 0) -> PoseNetwork:
    """Take a network away from its start, where heat maps are nearly 0 and hide what is wrong.

    Its features keep their size, so that nothing overflows in a deep one.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1, generator=generator)
                for value in (module.bias, module.running_mean):
                    value += 0.2 * torch.randn(value.shape, generator=generator)
            if isinstance(module, nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", generator=generator)
        for part in (network.final_layer, network.decoupling):
            for value in part.parameters() if part is not None else ():
                value += 0.1 * torch.randn(value.shape, generator=generator)
    network.eval()
    return network


def make_network(config: ModelConfig = TINY, seed: int = 0) -> PoseNetwork:
    """A network in which every weight has an effect, the same for the same seed; in eval mode."""
    torch.manual_seed(seed)
    return shaken(PoseNetwork(config), seed)


def random_crops(config: ModelConfig = TINY, batch: int = 2, seed: int = 0) -> Tensor:
    """(B, 3, H, W) crops, normalised."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((batch, 3, *config.input_size), generator=generator)
