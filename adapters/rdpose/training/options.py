"""Everything that a training run can be told."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt
from rfdetr_pose.training.run_options import RunOptions

from rdpose.config import Inference
from rdpose.data.augment import AugmentConfig


class TrainOptions(RunOptions):
    """Settings of a training run; the defaults are those of HRNet on COCO.

    Raises:
        pydantic.ValidationError: A value is out of range, or a name is unknown.
    """

    epochs: PositiveInt = 210
    batch_size: PositiveInt = Field(32, description="people a process and step")
    learning_rate: PositiveFloat = Field(1e-3, description="of Adam, without weight decay")
    milestones: tuple[NonNegativeInt, ...] = Field(
        (170, 200), description="epochs before which the learning rate is divided by 10"
    )
    augment: AugmentConfig | None = AugmentConfig()
    inference: Inference = Field(
        "plain", description="how the network is validated: with or without decoupling"
    )
    out: Path = Path("runs/rdpose")

    def shortened(self, epochs: int) -> TrainOptions:
        """The same schedule squeezed or stretched to another number of epochs."""
        milestones = tuple(round(m * epochs / self.epochs) for m in self.milestones)
        return self.model_copy(update={"epochs": epochs, "milestones": milestones})
