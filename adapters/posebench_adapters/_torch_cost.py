"""Parameters and arithmetic of torch modules."""

from __future__ import annotations

from math import prod
from typing import Any

from posebench.types import ModelCost

CONVENTION = (
    "parameters: all of the torch modules, batch normalisation not folded, every head; GFLOPs: 2 x "
    "multiply-accumulates of convolutions and linear layers, batch 1"
)


def module_cost(network: Any, shape: tuple[int, int, int, int], *others: Any) -> ModelCost:
    """Parameters and convolution FLOPs of a torch network, as it is before fusing.

    Args:
        network: Called with a zero tensor; its mode is put back afterwards.
        shape: Of that tensor.
        *others: Further arguments of the call.
    """
    import torch

    flops: list[int] = []

    def count(module: Any, inputs: Any, output: Any) -> None:
        flops.append(2 * prod(output.shape) * prod(module.weight.shape[1:]))

    kinds = (torch.nn.Conv2d, torch.nn.Linear)
    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, kinds)]
    was_training = network.training
    try:
        with torch.no_grad():
            network.eval()(torch.zeros(shape), *others)
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
    return ModelCost(
        params=sum(parameter.numel() for parameter in network.parameters()),
        gflops=sum(flops) / 1e9,
        convention=CONVENTION,
    )
