"""The training and validation steps."""

from __future__ import annotations

from typing import Any

import lightning as L
import torch
from rfdetr_pose.training.resume import RunKind
from rfdetr_pose.training.trainer import gather, share_buffers
from torch import Tensor

from rdpose.data.batches import CropBatch, TrainingBatch
from rdpose.errors import CheckpointError
from rdpose.images import normalise
from rdpose.inference import Found, find_joints
from rdpose.losses import joint_loss
from rdpose.network import PoseNetwork
from rdpose.training.options import TrainOptions
from rdpose.training.validation import HeldOut

RUN_KIND = RunKind(
    name="RDPose",
    config_key="rdpose_config",
    options_key="rdpose_options",
    remedy="Give the --cfg and --variant that it was started with",
    error=CheckpointError,
)
_DECAY = 0.1  # of the learning rate at each milestone


class PoseModule(L.LightningModule):
    """A pose network in training.

    Args:
        network: To be trained, in place.
        options: Of the run.
        held_out: People that it is validated on; None leaves it out.
    """

    def __init__(
        self, network: PoseNetwork, options: TrainOptions, held_out: HeldOut | None = None
    ) -> None:
        super().__init__()
        self.network = network
        self._options = options
        self._held_out = held_out
        self._found: list[Found] = []

    def training_step(self, batch: TrainingBatch, batch_idx: int) -> Tensor:
        """The summed loss of a batch."""
        heatmaps = self.network.forward_train(normalise(batch.images), batch.anchors)
        parts = joint_loss(heatmaps, batch.maps, batch.weights)
        total = torch.stack(list(parts.values())).sum()
        size = len(batch.images)
        self.log("loss", total, prog_bar=True, batch_size=size)
        self.log_dict({f"loss/{k}": v for k, v in parts.items()}, batch_size=size)
        return total

    def on_validation_epoch_start(self) -> None:
        """Begin a new set of predictions, by the same network in every process."""
        self._found = []
        share_buffers(self.trainer, self.network)

    def validation_step(self, batch: CropBatch, batch_idx: int) -> None:
        """Keep the joints of a batch."""
        people = self._held_out.people if self._held_out else ()
        self._found += find_joints(self.network, batch, people, self._options.inference)

    def on_validation_epoch_end(self) -> None:
        """Figures of all processes' predictions together."""
        found = gather(self.trainer, self._found)
        # Every process computes the same figures, so that all agree which epoch is the best.
        figures = self._held_out.judge(found) if self._held_out else {}
        self.log_dict({f"val/{name}": value for name, value in figures.items()}, prog_bar=True)

    def configure_optimizers(self) -> Any:
        """Adam, its learning rate divided by ten at each milestone."""
        optimizer = torch.optim.Adam(self.network.parameters(), lr=self._options.learning_rate)
        milestones = list(self._options.milestones)
        schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones, _DECAY)
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    def transfer_batch_to_device(
        self, batch: TrainingBatch | CropBatch, device: torch.device, dataloader_idx: int
    ) -> TrainingBatch | CropBatch:
        """Move pictures and targets."""
        images = batch.images.to(device, non_blocking=True)
        if isinstance(batch, CropBatch):
            return CropBatch(images, batch.indices)
        targets = (batch.maps, batch.weights, batch.anchors)
        return TrainingBatch(images, *(part.to(device, non_blocking=True) for part in targets))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Write what the network is made of, and how it is trained, beside its weights."""
        checkpoint[RUN_KIND.config_key] = self.network.config.model_dump(mode="json")
        checkpoint[RUN_KIND.options_key] = self._options.course()
