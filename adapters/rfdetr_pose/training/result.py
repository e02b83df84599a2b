"""The end of a training run: the weights that are kept, and what it left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import lightning as L
from torch import nn

from rfdetr_pose.training.run_options import RunOptions
from rfdetr_pose.training.trainer import kept_epoch

CHECKPOINT = "model.safetensors"
_NETWORK = TypeVar("_NETWORK", bound=nn.Module)


@dataclass(frozen=True)
class TrainResult:
    """What a run left.

    Attributes:
        checkpoint: The weights that the options asked to keep.
        metrics: Figures by name, e.g. ``val/AP`` and ``loss``, of the epoch whose weights they are.
        out: Folder with ``metrics.csv``, TensorBoard events, ``last.ckpt`` and ``best.ckpt``.
    """

    checkpoint: Path
    metrics: dict[str, float]
    out: Path


def finish(
    trainer: L.Trainer,
    options: RunOptions,
    network: _NETWORK,
    save: Callable[[_NETWORK, Path], None],
) -> TrainResult:
    """Leave the best weights of a run that has ended in its network and on disk.

    Args:
        trainer: Of the run.
        options: Of the run.
        network: The attribute ``network`` of the module that was trained.
        save: Writes a checkpoint of it.
    """
    weights, figures = kept_epoch(trainer, options)
    network.load_state_dict(weights)
    checkpoint = options.out / CHECKPOINT
    if trainer.is_global_zero:
        save(network, checkpoint)
    trainer.strategy.barrier()
    return TrainResult(checkpoint, figures, options.out)
