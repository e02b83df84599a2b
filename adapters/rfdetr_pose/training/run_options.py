"""What every training run can be told, whatever network it trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveInt


class RunOptions(BaseModel):
    """Settings of the trainer; a network's own options derive from it.

    Raises:
        pydantic.ValidationError: A value is out of range, or a name is unknown.
    """

    FREE: ClassVar[frozenset[str]] = frozenset(
        "keep validate_every workers accelerator devices nodes strategy out resume progress".split()
    )
    """Fields that may be others when a run goes on."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    epochs: PositiveInt
    batch_size: PositiveInt = Field(4, description="pictures a process and step")
    accumulate: PositiveInt = Field(1, description="steps whose gradients are added up")
    clip_norm: NonNegativeFloat = Field(0.0, description="0 leaves gradients as they are")
    ema_decay: float = Field(0.0, ge=0, lt=1, description="0 turns averaging off")
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    keep: Literal["best", "last"] = Field(
        "best", description="best: of the epoch with the highest validation figure, if there is one"
    )
    validate_every: PositiveInt = Field(1, description="epochs")
    seed: NonNegativeInt = 0
    workers: NonNegativeInt = Field(2, description="processes that load pictures")
    accelerator: str = "auto"
    devices: int | str = "auto"
    nodes: PositiveInt = 1
    strategy: str = "auto"
    out: Path
    resume: Path | None = Field(None, description="a last.ckpt of the same run")
    progress: bool = True

    def course(self) -> dict[str, Any]:
        """What the course of the run depends on, as JSON has it."""
        return self.model_dump(mode="json", exclude=set(self.FREE))
