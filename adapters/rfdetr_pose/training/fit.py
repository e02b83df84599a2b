"""A training run from the folder of a dataset to a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import lightning as L

from rfdetr_pose.checkpoint import save_checkpoint
from rfdetr_pose.data.batches import PoseDataset, collate
from rfdetr_pose.data.folders import read_training_set
from rfdetr_pose.data.samples import Sample
from rfdetr_pose.errors import DatasetError
from rfdetr_pose.network import PoseNetwork
from rfdetr_pose.training.module import RUN_KIND, PoseModule
from rfdetr_pose.training.options import TrainOptions
from rfdetr_pose.training.result import TrainResult as TrainResult
from rfdetr_pose.training.result import finish
from rfdetr_pose.training.resume import prepare_resume
from rfdetr_pose.training.trainer import make_loader, make_trainer

_MONITOR = "val/AP"


def fit(
    network: PoseNetwork,
    folders: Sequence[Path],
    options: TrainOptions,
    validation: Path | None = None,
) -> TrainResult:
    """Train a network in place and leave its best weights in it and on disk.

    Args:
        network: To be trained.
        folders: Datasets, put together.
        options: Of the run.
        validation: Folder that AP is computed on, instead of the folders' validation parts.

    Raises:
        DatasetError: The data cannot be trained on.
        CheckpointError: The checkpoint to resume is damaged, of another model or of other options.
    """
    L.seed_everything(options.seed, verbose=False)
    train, held_out = read_training_set(folders, network.config, validation)
    module = PoseModule(network.train(), options, held_out)
    trainer = make_trainer(options, _MONITOR if held_out else None)
    _fit(trainer, module, train, held_out, options)
    return finish(trainer, options, network, save_checkpoint)


def _fit(
    trainer: L.Trainer,
    module: PoseModule,
    train: Sequence[Sample],
    held_out: Sequence[Sample],
    options: TrainOptions,
) -> None:
    config = module.network.config
    training_set = PoseDataset(train, config, options.augment, options.seed)
    validation_set = PoseDataset(held_out, config)
    try:
        batches = make_loader(training_set, trainer, options, collate, shuffled=True)
        held = make_loader(validation_set, trainer, options, collate) if held_out else None
    except ValueError as error:
        raise DatasetError(str(error)) from error
    prepare_resume(trainer, batches, options, config, RUN_KIND)
    trainer.fit(module, batches, held, ckpt_path=options.resume, weights_only=True)
