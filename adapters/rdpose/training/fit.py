"""A training run from people to a checkpoint."""

from __future__ import annotations

import lightning as L
from rfdetr_pose.training.result import TrainResult, finish
from rfdetr_pose.training.resume import prepare_resume
from rfdetr_pose.training.trainer import make_loader, make_trainer

from rdpose.checkpoint import save_checkpoint
from rdpose.data.batches import CropSet, TrainingSet, collate_crops, collate_training
from rdpose.errors import DatasetError, RDPoseError
from rdpose.inference import check_inference
from rdpose.network import PoseNetwork
from rdpose.training.module import RUN_KIND, PoseModule
from rdpose.training.options import TrainOptions
from rdpose.training.validation import TrainingData


def fit(network: PoseNetwork, data: TrainingData, options: TrainOptions) -> TrainResult:
    """Train a network in place and leave its best weights in it and on disk.

    Args:
        network: To be trained.
        data: People to be trained on, and those it is validated on.
        options: Of the run.

    Returns:
        The checkpoint ``model.safetensors`` in ``options.out``, and the
        figures of its epoch.

    Raises:
        DatasetError: There are fewer people than processes, or a picture cannot be read.
        RDPoseError: A bare network is to be validated with decoupled features, or a run is to go on
            in another folder.
        CheckpointError: The checkpoint to resume is damaged, of another model or of other options.
    """
    _check_folder(options)
    check_inference(network.config, options.inference)
    L.seed_everything(options.seed, verbose=False)
    held_out = data.held_out
    module = PoseModule(network.train(), options, held_out)
    trainer = make_trainer(options, f"val/{held_out.monitor}" if held_out else None)
    _fit(trainer, module, data, options)
    return finish(trainer, options, network, save_checkpoint)


def _check_folder(options: TrainOptions) -> None:
    """The best epoch so far lies beside the checkpoint, and would be forgotten elsewhere."""
    if options.resume and options.resume.resolve().parent != options.out.resolve():
        raise RDPoseError(
            f"the run of {options.resume} cannot go on in {options.out}. Leave out --out, or give "
            f"the checkpoint's folder, {options.resume.parent}."
        )


def _fit(trainer: L.Trainer, module: PoseModule, data: TrainingData, options: TrainOptions) -> None:
    config = module.network.config
    training_set = TrainingSet(data.people, config, options.augment, options.seed)
    validation_set = CropSet(data.held_out.people if data.held_out else (), config)
    try:
        batches = make_loader(training_set, trainer, options, collate_training, shuffled=True)
        held = (
            make_loader(validation_set, trainer, options, collate_crops) if data.held_out else None
        )
    except ValueError as error:
        raise DatasetError(str(error)) from error
    prepare_resume(trainer, batches, options, config, RUN_KIND)
    trainer.fit(module, batches, held, ckpt_path=options.resume, weights_only=True)
