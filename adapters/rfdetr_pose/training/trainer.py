"""Lightning's trainer as our runs use it: what it writes, how it loads, which weights stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback, LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch import nn
from torch.utils.data import DataLoader, Dataset

from rfdetr_pose.training.averaging import averaging
from rfdetr_pose.training.figures import FIGURES_KEY, EpochFigures
from rfdetr_pose.training.run_options import RunOptions
from rfdetr_pose.training.sampling import EpochSampler

_MODULE_PREFIX = "network."


def make_trainer(options: RunOptions, monitor: str | None) -> L.Trainer:
    """A trainer that leaves ``metrics.csv``, TensorBoard events, ``last.ckpt`` and ``best.ckpt``.

    Args:
        options: Of the run.
        monitor: Logged figure whose highest value makes an epoch the best; None where nothing is
            validated.
    """
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
        callbacks=_callbacks(options, monitor),
        logger=[
            CSVLogger(options.out, name="", version=""),
            TensorBoardLogger(options.out, name="", version="tensorboard"),
        ],
    )


def make_loader(
    dataset: Dataset[Any],
    trainer: L.Trainer,
    options: RunOptions,
    collate: Callable[..., Any],
    *,
    shuffled: bool = False,
) -> Any:
    """This process's share of a dataset, in batches.

    Args:
        dataset: With a length.
        trainer: Which tells the number of processes.
        options: Of the run.
        collate: Makes a batch of examples.
        shuffled: For training: another order each epoch, and only whole batches.

    Raises:
        ValueError: There are fewer pictures than processes.
    """
    length = len(dataset)
    if length < trainer.world_size:  # one without a picture would leave the others waiting
        part = "training" if shuffled else "validation"
        raise ValueError(
            f"{length} {part} images are too few for {trainer.world_size} processes. Use "
            "fewer devices."
        )
    sampler = EpochSampler(
        length, options.seed if shuffled else None, trainer.global_rank, trainer.world_size
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


def kept_epoch(trainer: L.Trainer, options: RunOptions) -> tuple[dict[str, Any], dict[str, float]]:
    """The chosen epoch, as the checkpoint callbacks wrote it.

    Returns:
        The (averaged) weights of the module's attribute ``network``, and the epoch's figures by
        name; none where an earlier release wrote the checkpoint.
    """
    first = trainer.checkpoint_callback
    # A run that ended before its first validation has no best epoch.
    best = first.best_model_path if options.keep == "best" and first.monitor else ""
    path = best or options.out / "last.ckpt"
    state = torch.load(path, map_location="cpu", weights_only=True)
    weights = {
        name.removeprefix(_MODULE_PREFIX): value
        for name, value in state["state_dict"].items()
        if name.startswith(_MODULE_PREFIX)
    }
    return weights, state.get(FIGURES_KEY, {})


def share_buffers(trainer: L.Trainer, network: nn.Module) -> None:
    """Give every process the first one's running means.

    Each has its own until its next step; the first one's are what is kept.
    """
    if trainer.world_size > 1:
        for value in network.buffers():
            torch.distributed.broadcast(value, 0)


def gather(trainer: L.Trainer, rows: list[Any]) -> list[Any]:
    """The rows of all processes."""
    if trainer.world_size == 1:
        return rows
    gathered: list[Any] = [None] * trainer.world_size
    torch.distributed.all_gather_object(gathered, rows)
    return [row for part in gathered for row in part]


def _callbacks(options: RunOptions, monitor: str | None) -> list[Callback]:
    callbacks: list[Callback] = [
        LearningRateMonitor(logging_interval="step"),
        EpochFigures(),
        ModelCheckpoint(
            options.out, filename="last", enable_version_counter=False, save_on_train_epoch_end=True
        ),
    ]
    if monitor:
        best = ModelCheckpoint(
            options.out, "best", monitor=monitor, mode="max", enable_version_counter=False
        )
        callbacks.insert(0, best)  # before "last", which keeps what is known of the best
    if options.ema_decay:
        callbacks.insert(0, averaging(options.ema_decay))
    return callbacks
