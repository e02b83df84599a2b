"""A training run from the folder of a dataset to a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback, LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch.utils.data import DataLoader

from rfdetr_pose.checkpoint import save_checkpoint
from rfdetr_pose.data.batches import EpochSampler, PoseDataset, collate
from rfdetr_pose.data.folders import read_training_set
from rfdetr_pose.data.samples import Sample
from rfdetr_pose.errors import DatasetError
from rfdetr_pose.network import PoseNetwork
from rfdetr_pose.training.averaging import averaging
from rfdetr_pose.training.module import PoseModule
from rfdetr_pose.training.options import TrainOptions
from rfdetr_pose.training.resume import continue_curve, resumable_step

CHECKPOINT = "model.safetensors"
_MODULE_PREFIX = "network."
_MONITOR = "val/AP"


@dataclass(frozen=True)
class TrainResult:
    """What a run left.

    Attributes:
        checkpoint: The weights that the options asked to keep.
        metrics: Last logged figures by name, e.g. ``val/AP`` and ``loss``.
        out: Folder with ``metrics.csv``, TensorBoard events, ``last.ckpt`` and ``best.ckpt``.
    """

    checkpoint: Path
    metrics: dict[str, float]
    out: Path


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
        CheckpointError: The checkpoint to resume is damaged or of another model.
    """
    L.seed_everything(options.seed, verbose=False)
    train, held_out = read_training_set(folders, network.config, validation)
    module = PoseModule(network.train(), options, held_out)
    trainer = _trainer(options, validate=bool(held_out))
    _fit(trainer, module, train, held_out, options)
    network.load_state_dict(_kept_weights(trainer, options))
    checkpoint = options.out / CHECKPOINT
    if trainer.is_global_zero:
        save_checkpoint(network, checkpoint)
    trainer.strategy.barrier()
    metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
    return TrainResult(checkpoint, metrics, options.out)


def _fit(
    trainer: L.Trainer,
    module: PoseModule,
    train: Sequence[Sample],
    held_out: Sequence[Sample],
    options: TrainOptions,
) -> None:
    config = module.network.config
    training_set = PoseDataset(train, config, options.augment, options.seed)
    batches = _loader(training_set, trainer, options, shuffled=True)
    validation = _loader(PoseDataset(held_out, config), trainer, options) if held_out else None
    if options.resume:
        step = resumable_step(options.resume, config)
        if trainer.is_global_zero:
            continue_curve(trainer.loggers[0], options.resume.parent, step)
    trainer.fit(module, batches, validation, ckpt_path=options.resume, weights_only=True)


def _loader(
    dataset: PoseDataset, trainer: L.Trainer, options: TrainOptions, *, shuffled: bool = False
) -> Any:
    if len(dataset) < trainer.world_size:  # one without a picture would leave the others waiting
        part = "training" if shuffled else "validation"
        raise DatasetError(
            f"{len(dataset)} {part} images are too few for {trainer.world_size} processes. Use "
            "fewer devices."
        )
    sampler = EpochSampler(
        len(dataset), options.seed if shuffled else None, trainer.global_rank, trainer.world_size
    )
    return DataLoader(
        dataset,
        batch_size=options.batch_size,
        sampler=sampler,
        num_workers=options.workers,
        collate_fn=collate,
        drop_last=shuffled and len(sampler) >= options.batch_size,
        persistent_workers=options.workers > 0,
        pin_memory=torch.cuda.is_available(),
    )


def _trainer(options: TrainOptions, *, validate: bool) -> L.Trainer:
    callbacks: list[Callback] = [
        LearningRateMonitor(logging_interval="step"),
        ModelCheckpoint(
            options.out, filename="last", enable_version_counter=False, save_on_train_epoch_end=True
        ),
    ]
    if validate:
        best = ModelCheckpoint(
            options.out, "best", monitor=_MONITOR, mode="max", enable_version_counter=False
        )
        callbacks.insert(0, best)  # before "last", which keeps what is known of the best
    if options.ema_decay:
        callbacks.insert(0, averaging(options.ema_decay))
    return L.Trainer(
        max_epochs=options.epochs,
        accelerator=options.accelerator,
        devices=options.devices,
        num_nodes=options.nodes,
        strategy=options.strategy,
        precision=options.precision,
        accumulate_grad_batches=options.accumulate,
        gradient_clip_val=options.clip_norm or None,
        check_val_every_n_epoch=options.validate_every,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        enable_progress_bar=options.progress,
        enable_model_summary=False,
        default_root_dir=options.out,
        log_every_n_steps=10,
        callbacks=callbacks,
        logger=[
            CSVLogger(options.out, name="", version=""),
            TensorBoardLogger(options.out, name="", version="tensorboard"),
        ],
    )


def _kept_weights(trainer: L.Trainer, options: TrainOptions) -> dict[str, Any]:
    """The averaged weights of the chosen epoch, as the checkpoint callbacks wrote them."""
    first = trainer.checkpoint_callback
    # A run that ended before its first validation has no best epoch.
    best = first.best_model_path if options.keep == "best" and first.monitor else ""
    path = best or options.out / "last.ckpt"
    state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    return {
        name.removeprefix(_MODULE_PREFIX): value
        for name, value in state.items()
        if name.startswith(_MODULE_PREFIX)
    }
