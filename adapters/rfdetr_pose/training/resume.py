"""Going on where a run was stopped: the checkpoint it left and the curve that it logged."""

from __future__ import annotations

import csv
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.loggers import CSVLogger
from pydantic import BaseModel, ValidationError

from rfdetr_pose.training.comparison import differences
from rfdetr_pose.training.run_options import RunOptions

METRICS = "metrics.csv"


@dataclass(frozen=True)
class RunKind:
    """What the runs of one package are told apart by.

    Attributes:
        name: For messages, such as ``RF-DETR Pose``.
        config_key: Under which a checkpoint of the run holds the model's configuration.
        options_key: Under which it holds what the options say of the run's course.
        remedy: What to do where the model is another one; begins a sentence.
        error: Raised where a checkpoint cannot be resumed.
    """

    name: str
    config_key: str
    options_key: str
    remedy: str
    error: type[Exception]


@dataclass(frozen=True)
class Progress:
    """How far a run had come when its checkpoint was written.

    Attributes:
        step: Updates of the weights.
        epoch: Finished epochs.
    """

    step: int
    epoch: int


def prepare_resume(
    trainer: L.Trainer, batches: Any, options: RunOptions, config: BaseModel, kind: RunKind
) -> None:
    """See that a run can go on, and carry over what it logged before its checkpoint.

    A run that resumes nothing is left alone.

    Args:
        trainer: That has logged nothing yet.
        batches: Of training, of ``trainer.make_loader``.
        options: Of the run; beside the checkpoint that they resume is its ``metrics.csv``.
        config: Of the model that is to go on.
        kind: Of the run.

    Raises:
        Exception: ``kind.error``, as :func:`read_progress`.
    """
    if options.resume is None:
        return
    progress = read_progress(options.resume, options.course(), config, kind)
    # Lightning tells the sampler after the loading processes have begun with their first batches,
    # and does not begin anew in the epoch that it resumes with.
    batches.sampler.set_epoch(progress.epoch)
    if trainer.is_global_zero:
        continue_curve(trainer.loggers[0], options.resume.parent, progress.step)


def read_progress(
    path: Path, course: Mapping[str, Any], config: BaseModel, kind: RunKind
) -> Progress:
    """How far the run of a checkpoint had come.

    Args:
        path: A ``last.ckpt``.
        course: What the options say of the run that is to go on.
        config: Of the model that is to go on.
        kind: Of the run.

    Raises:
        Exception: ``kind.error``: there is no such file, it is damaged or of something else, or
            the run was of another model or took another course.
    """
    state = _read_state(path, kind)
    _check_same_model(path, state[kind.config_key], config, kind)
    # Earlier releases did not write the options.
    _check_same_course(path, state.get(kind.options_key, {}), course, kind)
    epochs = state["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"]
    return Progress(int(state["global_step"]), int(epochs))


def _read_state(path: Path, kind: RunKind) -> dict[str, Any]:
    if not path.is_file():
        raise kind.error(f"{path}: no such checkpoint to resume.")
    if not zipfile.is_zipfile(path):  # the directory of a zip file stands at its end
        raise kind.error(f"{path}: not a checkpoint of a run, or cut off.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        raise kind.error(f"{path}: not a checkpoint of a run: {error}") from error
    if not isinstance(state, dict) or kind.config_key not in state:
        raise kind.error(f"{path}: not a checkpoint of an {kind.name} run.")
    return state


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


def _check_same_model(path: Path, saved: Any, wanted: BaseModel, kind: RunKind) -> None:
    try:
        found = type(wanted).model_validate(saved)
    except ValidationError as error:
        raise kind.error(f"{path}: its configuration is not valid: {error}") from error
    different = differences(found.model_dump(mode="json"), wanted.model_dump(mode="json"))
    if different:
        raise kind.error(
            f"{path}: the run was of another model: {', '.join(different)} differ. {kind.remedy}, "
            "or start a new run."
        )


def _check_same_course(
    path: Path, saved: Mapping[str, Any], wanted: Mapping[str, Any], kind: RunKind
) -> None:
    different = differences(saved, wanted)
    if different:
        changes = "; ".join(f"{n} was {old}, is {new}" for n, (old, new) in different.items())
        raise kind.error(
            f"{path}: the run had other options: {changes}. Give them as they were, or start a "
            "new run."
        )
