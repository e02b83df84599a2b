"""The training and validation steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lightning as L
import torch
from torch import Tensor
from torch.nn import functional

from rfdetr_pose.data.batches import Batch
from rfdetr_pose.data.samples import Sample
from rfdetr_pose.decoding import decode
from rfdetr_pose.errors import CheckpointError
from rfdetr_pose.images import normalise
from rfdetr_pose.losses import PoseLoss
from rfdetr_pose.network import PoseNetwork
from rfdetr_pose.training.evaluation import MAX_DETECTIONS, average_precision, results
from rfdetr_pose.training.optimizer import make_optimizer, make_schedule
from rfdetr_pose.training.options import TrainOptions
from rfdetr_pose.training.resume import RunKind
from rfdetr_pose.training.trainer import gather, share_buffers

RUN_KIND = RunKind(
    name="RF-DETR Pose",
    config_key="rfdetr_pose_config",
    options_key="rfdetr_pose_options",
    remedy="Construct the model as it was",
    error=CheckpointError,
)

# DINOv2 needs it for its own pre-training only. Processes that train together wait for the
# gradient of every parameter that has one.
_UNUSED = ".mask_token"


class PoseModule(L.LightningModule):
    """A pose network in training.

    Args:
        network: To be trained, in place.
        options: Of the run.
        validation: Images that AP is computed on; none leaves it out.
    """

    def __init__(
        self, network: PoseNetwork, options: TrainOptions, validation: Sequence[Sample] = ()
    ) -> None:
        super().__init__()
        self.network = network
        self._options = options
        self._validation = validation
        config = network.config
        self._loss = PoseLoss(options.loss, config.keypoints.sigmas, config.query_groups)
        self._rows: list[Any] = []
        for name, parameter in network.named_parameters():
            if name.endswith(_UNUSED):
                parameter.requires_grad_(False)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The summed loss of a batch."""
        output, proposals = self.network.forward_train(self._rescale(normalise(batch.images)))
        parts = self._loss(output, proposals, batch.targets, self._objects(batch))
        total = torch.stack(list(parts.values())).sum()
        size = len(batch.indices)
        self.log("loss", total, prog_bar=True, batch_size=size)
        self.log_dict({f"loss/{k}": v for k, v in parts.items()}, batch_size=size)
        return total

    def on_validation_epoch_start(self) -> None:
        """Begin a new set of predictions, by the same network in every process."""
        self._rows = []
        share_buffers(self.trainer, self.network)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Keep the predictions of a batch."""
        decoded = decode(self.network(normalise(batch.images)), MAX_DETECTIONS)
        self._rows += results(decoded, batch.indices, self._validation)

    def on_validation_epoch_end(self) -> None:
        """AP of all processes' predictions together."""
        rows = gather(self.trainer, self._rows)
        # Every process computes the same figures, so that all agree which epoch is the best.
        figures = average_precision(rows, self._validation, self.network.config)
        self.log_dict({f"val/{name}": value for name, value in figures.items()}, prog_bar=True)

    def configure_optimizers(self) -> Any:
        """AdamW and its schedule, stepped with every update of the weights."""
        optimizer = make_optimizer(self.network, self._options)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = make_schedule(optimizer, self._options, steps)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def transfer_batch_to_device(
        self, batch: Batch, device: torch.device, dataloader_idx: int
    ) -> Batch:
        """Move pictures and targets."""
        images = batch.images.to(device, non_blocking=True)
        return Batch(images, batch.targets.to(device), batch.indices)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Write what the network is made of, and how it is trained, beside its weights."""
        checkpoint[RUN_KIND.config_key] = self.network.config.model_dump(mode="json")
        checkpoint[RUN_KIND.options_key] = self._options.course()

    def _objects(self, batch: Batch) -> float:
        """Objects a process, on average: all must divide by the same number."""
        count = torch.tensor(float(batch.targets.count), device=self.device)
        if self.trainer.world_size > 1:
            torch.distributed.all_reduce(count)
        return float(count) / int(self.trainer.world_size)

    def _rescale(self, images: Tensor) -> Tensor:
        """Another resolution for this step, the same in every process and after a resume."""
        config = self.network.config
        seed = self._options.seed * 1_000_003 + self.trainer.fit_loop.total_batch_idx
        pick = torch.Generator().manual_seed(seed)
        index = int(torch.randint(len(self._options.scales), (), generator=pick))
        divisor = config.backbone.divisor
        side = round(config.resolution * self._options.scales[index] / divisor) * divisor
        least = -(-(config.num_queries**0.5 * config.backbone.stride) // divisor) * divisor
        side = max(side, int(least))
        if side == images.shape[-1]:
            return images
        return functional.interpolate(images, size=(side, side), mode="bilinear")
