"""Checkpoints: our own, those of HRNet's authors, and ImageNet weights to start from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from rfdetr_pose.checkpoint_format import CheckpointFormat
from torch import Tensor, nn

from rdpose.config import ModelConfig
from rdpose.errors import CheckpointError
from rdpose.network import PoseNetwork
from rdpose.protocol import CONFIG_KEY

_NO_WEIGHTS_OF_OURS = {
    "hrnet": ("incre_modules.", "downsamp_modules.", "final_layer.", "classifier."),
    "resnet": ("fc.",),
}
"""Of ImageNet checkpoints: what classifies, by the kind of backbone."""

_MADE_HERE = "deconv_layers."
_COUNTERS = ".num_batches_tracked"  # old checkpoints have none
_SHOWN = 3


_FORMAT = CheckpointFormat(CONFIG_KEY, ModelConfig, "an RDPose checkpoint", CheckpointError)


def save_checkpoint(network: PoseNetwork, path: Path) -> None:
    """Write weights and configuration as safetensors; the file appears whole or not at all.

    Raises:
        OSError: It cannot be written.
    """
    _FORMAT.save(network, network.config, path)


def read_config(path: Path) -> ModelConfig:
    """What the network of a checkpoint is made of, without its weights.

    Args:
        path: Written by :func:`save_checkpoint`.

    Raises:
        CheckpointError: No such file, it is damaged, or it is no RDPose checkpoint.
    """
    return _FORMAT.read_config(path)


def load_checkpoint(path: Path) -> PoseNetwork:
    """The network that a checkpoint describes, with its weights.

    Args:
        path: Written by :func:`save_checkpoint`.

    Raises:
        CheckpointError: As :func:`read_config`, or weights and configuration disagree.
    """
    network = PoseNetwork(read_config(path))
    _FORMAT.fill(network, path)
    return network


def load_original(network: PoseNetwork, path: Path) -> None:
    """Fill a bare network from a pose checkpoint of the original code of HRNet or SimpleBaseline.

    Args:
        network: Bare; its weights are replaced, or left alone if there is an error.
        path: ``.pth``: the weights, or a training's state with them as ``state_dict``; their names
            may begin with ``module.``.

    Raises:
        CheckpointError: No such file, it is damaged, needs code to be run, or holds the weights of
            a network of another width, depth or set of joints.
        ValueError: The network is not bare.
    """
    if network.config.decoupled:
        raise ValueError("original checkpoints have no decoupling: give a network that is bare.")
    state = {_our_name(name): value for name, value in _read_pickle(path).items()}
    _fill(network, state, path)


def load_backbone(network: PoseNetwork, path: Path) -> None:
    """Start a network's backbone from ImageNet weights, e.g. ``hrnet_w32-36af842e.pth``.

    What classifies pictures in them and the resolutions that the pose network does not use are left
    out; everything else must fit. The deconvolutions of a ResNet keep their random weights.

    Args:
        network: Its backbone's weights are replaced, or left alone if there is an error.
        path: ``.pth``.

    Raises:
        CheckpointError: No such file, it is damaged, needs code to be run, or holds the weights of
            another backbone.
    """
    backbone, kind = network.backbone, network.config.backbone.kind
    heads, wanted = _NO_WEIGHTS_OF_OURS[kind], backbone.state_dict()
    state = {
        name: value
        for name, value in _read_pickle(path).items()
        if not name.startswith(heads) and not _is_unused_fusion(name, wanted)
    }
    made_here = {name: value for name, value in wanted.items() if name.startswith(_MADE_HERE)}
    _fill(backbone, made_here | state, path)


def _our_name(name: str) -> str:
    return name if name.startswith("final_layer.") else f"backbone.{name}"


def _is_unused_fusion(name: str, wanted: Mapping[str, Tensor]) -> bool:
    """Whether a weight makes a lower resolution of the last stage, which pose networks drop."""
    stage, _, rest = name.partition(".fuse_layers.")
    return bool(rest) and stage.startswith("stage4.") and name not in wanted


def _fill(module: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    wanted = module.state_dict()
    found = {n: v for n, v in wanted.items() if n.endswith(_COUNTERS)} | dict(state)
    problems = [
        *(f"{name} is missing" for name in wanted if name not in found),
        *(f"{name} is not part of it" for name in found if name not in wanted),
        *(
            f"{name} is {_shape(found[name])}, not {_shape(value)}"
            for name, value in wanted.items()
            if name in found and found[name].shape != value.shape
        ),
    ]
    if problems:
        shown = "; ".join(problems[:_SHOWN])
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise CheckpointError(
            f"{path}: the weights of another network: {shown}{more}. Give the checkpoint of the "
            "configuration's backbone, width and joints."
        )
    module.load_state_dict(found)


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "a number"


def _read_pickle(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint that torch saved, without running code from it."""
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint.")
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch's reader fails in a way of its own for every damage
        reason = str(error).partition("\n")[0]
        raise CheckpointError(
            f"{path}: damaged, or not a file of weights alone, and code is never run from one: "
            f"{type(error).__name__}: {reason}"
        ) from error
    return _tensors(content, path)


def _tensors(content: Any, path: Path) -> dict[str, Tensor]:
    state = content.get("state_dict", content) if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping) or not state:
        raise CheckpointError(f"{path}: holds no weights.")
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise CheckpointError(f"{path}: holds no weights: {name!r} is no tensor.")
    return {name.removeprefix("module."): value for name, value in state.items()}
