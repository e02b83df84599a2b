"""Everything that a training run of RF-DETR Pose can be told."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from rfdetr_pose.data.augment import AugmentConfig
from rfdetr_pose.losses import LossConfig
from rfdetr_pose.training.run_options import RunOptions


class TrainOptions(RunOptions):
    """Settings of a training run.

    Raises:
        pydantic.ValidationError: A value is out of range, or a name is unknown.
    """

    # A run may be made longer; its learning rate is then that of the longer one.
    FREE: ClassVar[frozenset[str]] = RunOptions.FREE | {"epochs"}

    epochs: PositiveInt = 50
    accumulate: PositiveInt = Field(4, description="steps whose gradients are added up")
    learning_rate: NonNegativeFloat = 1e-4
    backbone_learning_rate: NonNegativeFloat = 1.5e-4
    layer_decay: float = Field(
        0.8, gt=0, le=1, description="factor of the learning rate from a backbone layer to the next"
    )
    weight_decay: NonNegativeFloat = 1e-4
    warmup_epochs: NonNegativeFloat = 1.0
    final_learning_rate: float = Field(0.02, ge=0, le=1, description="share left at the end")
    clip_norm: NonNegativeFloat = 0.1
    ema_decay: float = Field(0.9997, ge=0, lt=1, description="0 turns averaging off")
    augment: AugmentConfig | None = AugmentConfig()
    scales: tuple[PositiveFloat, ...] = Field(
        (0.75, 1.0, 1.25), min_length=1, description="multi-scale: shares of the resolution"
    )
    loss: LossConfig = LossConfig()
    out: Path = Path("runs/rfdetr-pose")
