"""Checkpoints: safetensors with the model's configuration inside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from rfdetr_pose.config import ModelConfig
from rfdetr_pose.errors import CheckpointError
from rfdetr_pose.network import PoseNetwork

_CONFIG_KEY = "rfdetr_pose_config"


def save_checkpoint(network: PoseNetwork, path: Path) -> None:
    """Write weights and configuration; the file appears whole or not at all.

    Raises:
        OSError: It cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.partial")
    state = {
        name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()
    }
    try:
        save_file(state, temporary, {_CONFIG_KEY: network.config.model_dump_json()})
    except SafetensorError as error:
        temporary.unlink(missing_ok=True)
        raise OSError(f"{path}: cannot be written: {error}") from error
    temporary.replace(path)


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
    with _opened(path) as stream:
        description = (stream.metadata() or {}).get(_CONFIG_KEY)
    if description is None:
        raise CheckpointError(f"{path}: not an RF-DETR Pose checkpoint: no configuration in it.")
    try:
        return ModelConfig.model_validate_json(description)
    except ValidationError as error:
        raise CheckpointError(f"{path}: its configuration is not valid: {error}") from error


def load_network(path: Path) -> PoseNetwork:
    """The network that a pose checkpoint describes, with its weights.

    Raises:
        CheckpointError: As :func:`read_config`, or weights and configuration disagree.
    """
    network = PoseNetwork(read_config(path))
    with _opened(path) as stream:
        state = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise CheckpointError(f"{path}: its weights are not those it describes: {error}") from error
    return network


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="pt") as stream:
            yield stream
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: not a readable safetensors file: {error}.") from error
