"""The network of a checkpoint, whichever of the two kinds it is."""

from __future__ import annotations

from pathlib import Path

from rfdetr_pose.training.comparison import differences

from rdpose.checkpoint import load_checkpoint, load_original
from rdpose.config import ModelConfig
from rdpose.errors import CheckpointError
from rdpose.network import PoseNetwork

_STATE = ".ckpt"
_ORIGINAL = (".pth", ".pt", ".tar")


def load_network(path: Path, wanted: ModelConfig | None = None) -> PoseNetwork:
    """The network of a run's ``model.safetensors``, or of one of HRNet's own pose checkpoints.

    Args:
        path: Of the checkpoint.
        wanted: What it should be; the variant is the checkpoint's. HRNet's own do not say what
            they are, so they need it.

    Raises:
        CheckpointError: It is damaged, is of another network, or does not say of which.
    """
    if path.suffix == _STATE:
        raise CheckpointError(
            f"{path}: the state of a training run, with which it can go on. Give the "
            "model.safetensors that the run left in the same folder at its end."
        )
    if path.suffix in _ORIGINAL:
        if wanted is None:
            raise CheckpointError(f"{path}: does not say what it is of. Name the run with --cfg.")
        bare = ModelConfig.model_validate({**wanted.model_dump(), "variant": "bare"})
        network = PoseNetwork(bare)
        load_original(network, path)
        return network
    network = load_checkpoint(path)
    if wanted is not None:
        _check_same(path, network.config, wanted)
    return network


def _check_same(path: Path, found: ModelConfig, wanted: ModelConfig) -> None:
    saved, given = (
        config.model_dump(mode="json", exclude={"variant"}) for config in (found, wanted)
    )
    different = differences(saved, given)
    if different:
        raise CheckpointError(
            f"{path}: a checkpoint of another run: {', '.join(different)} differ. Give the --cfg "
            "that it was trained with."
        )
