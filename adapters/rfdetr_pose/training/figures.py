"""The figures of an epoch, written beside its weights."""

from __future__ import annotations

from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback

FIGURES_KEY = "figures_of_the_epoch"
"""Under which a checkpoint holds them."""

_VALIDATION = "val/"


class EpochFigures(Callback):
    """Lets a checkpoint say how good its own weights are, and not those of a later epoch."""

    def __init__(self) -> None:
        self._validated: int | None = None

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Note the epoch: an epoch that is not validated still has the figures of an earlier."""
        self._validated = trainer.current_epoch

    def on_save_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Write the last logged figures that are of this epoch."""
        validated = self._validated == trainer.current_epoch
        checkpoint[FIGURES_KEY] = {
            name: float(value)
            for name, value in trainer.callback_metrics.items()
            if validated or not name.startswith(_VALIDATION)
        }
