"""Going on where a run was stopped: the checkpoint it left and the curve that it logged."""

from __future__ import annotations

import csv
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.loggers import CSVLogger
from pydantic import ValidationError

from rfdetr_pose.config import ModelConfig
from rfdetr_pose.errors import CheckpointError

CONFIG_KEY = "rfdetr_pose_config"
METRICS = "metrics.csv"


def resumable_step(path: Path, config: ModelConfig) -> int:
    """Number of updates of the weights before a checkpoint was written.

    Args:
        path: A ``last.ckpt``.
        config: Of the model that is to go on.

    Raises:
        CheckpointError: There is no such file, it is damaged or of something else, or the run was
            of another model.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint to resume.")
    if not zipfile.is_zipfile(path):  # the directory of a zip file stands at its end
        raise CheckpointError(f"{path}: not a checkpoint of a run, or cut off.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{path}: not a checkpoint of a run: {error}") from error
    if not isinstance(state, dict) or CONFIG_KEY not in state:
        raise CheckpointError(f"{path}: not a checkpoint of an RF-DETR Pose run.")
    _check_same(path, state[CONFIG_KEY], config)
    return int(state["global_step"])


def continue_curve(logger: CSVLogger, folder: Path, step: int) -> None:
    """Write into a new log what was logged before a checkpoint; a logger begins with none.

    Args:
        logger: That has not written yet.
        folder: With the ``metrics.csv`` of the run that was stopped.
        step: Rows from this one on will be logged again.
    """
    for row in _rows(folder / METRICS):
        number = int(row.pop("step"))
        if number < step:
            logger.log_metrics({name: value for name, value in row.items() if value}, number)
    logger.save()


def _rows(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    with path.open(newline="") as stream:
        # The last row of a run that was killed may be a part of one.
        return [row for row in csv.DictReader(stream) if None not in row.values()]


def _check_same(path: Path, saved: Any, wanted: ModelConfig) -> None:
    try:
        found = ModelConfig.model_validate(saved)
    except ValidationError as error:
        raise CheckpointError(f"{path}: its configuration is not valid: {error}") from error
    different = [
        name for name in ModelConfig.model_fields if getattr(found, name) != getattr(wanted, name)
    ]
    if different:
        raise CheckpointError(
            f"{path}: the run was of another model: {', '.join(different)} differ. Construct the "
            "model as it was, or start a new run."
        )
