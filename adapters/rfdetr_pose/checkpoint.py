"""Checkpoints: safetensors with the model's configuration inside."""

from __future__ import annotations

from pathlib import Path

from rfdetr_pose.checkpoint_format import CheckpointFormat
from rfdetr_pose.config import ModelConfig
from rfdetr_pose.errors import CheckpointError
from rfdetr_pose.network import PoseNetwork

_FORMAT = CheckpointFormat(
    "rfdetr_pose_config", ModelConfig, "an RF-DETR Pose checkpoint", CheckpointError
)


def save_checkpoint(network: PoseNetwork, path: Path) -> None:
    """Write weights and configuration; the file appears whole or not at all.

    Raises:
        OSError: It cannot be written.
    """
    _FORMAT.save(network, network.config, path)


def is_safetensors(path: Path) -> bool:
    """Whether a file is a safetensors file, whatever it is called.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as stream:
        return stream.read(9)[8:] == b"{"  # a length of 8 bytes, then JSON


def read_config(path: Path) -> ModelConfig:
    """What the network of a pose checkpoint is made of, without its weights.

    Raises:
        CheckpointError: No such file, it is damaged, or it is not a pose checkpoint.
    """
    return _FORMAT.read_config(path)


def load_network(path: Path) -> PoseNetwork:
    """The network that a pose checkpoint describes, with its weights.

    Raises:
        CheckpointError: As :func:`read_config`, or weights and configuration disagree.
    """
    network = PoseNetwork(read_config(path))
    _FORMAT.fill(network, path)
    return network
