"""Everything that a training run can be told."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)

from rfdetr_pose.data.augment import AugmentConfig
from rfdetr_pose.losses import LossConfig


class TrainOptions(BaseModel):
    """Settings of a training run.

    Raises:
        pydantic.ValidationError: A value is out of range, or a name is unknown.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    epochs: PositiveInt = 50
    batch_size: PositiveInt = Field(4, description="pictures a process and step")
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
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    augment: AugmentConfig | None = AugmentConfig()
    scales: tuple[PositiveFloat, ...] = Field(
        (0.75, 1.0, 1.25), min_length=1, description="multi-scale: shares of the resolution"
    )
    loss: LossConfig = LossConfig()
    keep: Literal["best", "last"] = Field(
        "best", description="best: of the epoch with the highest validation AP, if there is one"
    )
    validate_every: PositiveInt = Field(1, description="epochs")
    seed: NonNegativeInt = 0
    workers: NonNegativeInt = Field(2, description="processes that load pictures")
    accelerator: str = "auto"
    devices: int | str = "auto"
    nodes: PositiveInt = 1
    strategy: str = "auto"
    out: Path = Path("runs/rfdetr-pose")
    resume: Path | None = Field(None, description="a last.ckpt of the same run")
    progress: bool = True
