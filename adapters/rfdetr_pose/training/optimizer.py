"""AdamW with a smaller learning rate the deeper a backbone layer lies, and a cosine schedule."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from typing import Any

import torch

from rfdetr_pose.config import DinoBackbone, ModelConfig
from rfdetr_pose.network import PoseNetwork
from rfdetr_pose.training.options import TrainOptions

_BACKBONE = "detector.model.backbone."
_LAYER = re.compile(r"encoder\.layer\.(\d+)\.")


def make_optimizer(network: PoseNetwork, options: TrainOptions) -> torch.optim.AdamW:
    """AdamW; only matrices are decayed: no biases, norms, tokens or position embeddings."""
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = defaultdict(list)
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            # Tokens and position embeddings are tables of several axes, but not a layer's weight.
            matrix = parameter.ndim > 1 and name.endswith(".weight")
            decay = options.weight_decay if matrix else 0.0
            groups[learning_rate(name, network.config, options), decay].append(parameter)
    described: list[dict[str, Any]] = [
        {"params": parameters, "lr": rate, "weight_decay": decay}
        for (rate, decay), parameters in groups.items()
    ]
    return torch.optim.AdamW(described, betas=(0.9, 0.999))


def learning_rate(name: str, config: ModelConfig, options: TrainOptions) -> float:
    """Of the parameter called ``name``: layer i of n has ``rate · decay^(n - i)``.

    The patch embedding counts as one below the first layer, the projector as above the last.
    """
    if not name.startswith(_BACKBONE):
        return options.learning_rate
    backbone = config.backbone
    if not isinstance(backbone, DinoBackbone) or ".projector." in name:
        return options.backbone_learning_rate
    layer = _LAYER.search(name)
    depth = int(layer.group(1)) + 1 if layer else 0 if "embeddings" in name else backbone.layers
    return options.backbone_learning_rate * options.layer_decay ** (backbone.layers - depth)


def make_schedule(
    optimizer: torch.optim.Optimizer, options: TrainOptions, steps: int
) -> torch.optim.lr_scheduler.LambdaLR:
    """Linear warm-up, then half a cosine down to ``final_learning_rate`` over ``steps`` steps."""
    warmup = max(1, round(options.warmup_epochs * steps / options.epochs))

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        progress = min(1.0, (step - warmup) / max(1, steps - warmup))
        cosine = (1 + math.cos(math.pi * progress)) / 2
        return options.final_learning_rate + (1 - options.final_learning_rate) * cosine

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
