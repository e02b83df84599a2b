"""What an RF-DETR Pose network is made of; it travels inside every checkpoint."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from rfdetr_pose.keypoints import COCO_KEYPOINTS, KeypointSchema


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DinoBackbone(_Frozen):
    """DINOv2 with windowed attention, as RF-DETR uses it (arXiv:2511.09554, section 3)."""

    kind: Literal["dinov2-windowed"] = "dinov2-windowed"
    width: PositiveInt = 384
    layers: PositiveInt = 12
    heads: PositiveInt = 6
    patch_size: PositiveInt = 16
    windows: PositiveInt = Field(2, description="windows a side that attention is limited to")
    out_layers: tuple[PositiveInt, ...] = Field(
        (3, 6, 9, 12), description="layers whose output the projector sees; they attend globally"
    )

    @property
    def stride(self) -> int:
        """Pixels of the input that one side of the feature map's cell covers."""
        return self.patch_size

    @property
    def divisor(self) -> int:
        """The input's side must be a multiple of this."""
        return self.patch_size * self.windows


class ConvBackbone(_Frozen):
    """A small residual network with one top-down step, for models that fit in a wheel."""

    kind: Literal["conv"] = "conv"
    widths: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt] = (32, 64, 128, 160)
    blocks: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt] = (1, 2, 3, 1)

    @property
    def stride(self) -> int:
        """Pixels of the input that one side of the feature map's cell covers."""
        return 16

    @property
    def divisor(self) -> int:
        """The input's side must be a multiple of this."""
        return 32


class ModelConfig(_Frozen):
    """Architecture, classes and keypoints of a network. The defaults are the Medium size.

    Raises:
        pydantic.ValidationError: A value is out of range, the resolution does not fit the
            backbone, or the feature map has fewer cells than there are queries.
    """

    size: str = Field("medium", description="name of the geometry, for messages")
    resolution: PositiveInt = Field(576, description="side of the square input, px")
    backbone: DinoBackbone | ConvBackbone = Field(DinoBackbone(), discriminator="kind")
    decoder_layers: PositiveInt = 4
    hidden_dim: PositiveInt = 256
    feedforward_dim: PositiveInt = 2048
    self_attention_heads: PositiveInt = 8
    cross_attention_heads: PositiveInt = 16
    sampling_points: PositiveInt = 2
    num_queries: PositiveInt = 300
    query_groups: PositiveInt = Field(
        13, description="groups of queries in training (Group DETR, arXiv:2207.13085)"
    )
    class_names: tuple[str, ...] = Field(("person",), min_length=1)
    keypoints: KeypointSchema = COCO_KEYPOINTS

    @model_validator(mode="after")
    def _fits(self) -> ModelConfig:
        divisor = self.backbone.divisor
        if self.resolution % divisor:
            raise ValueError(f"resolution {self.resolution} is not a multiple of {divisor}")
        cells = (self.resolution // self.backbone.stride) ** 2
        if cells < self.num_queries:
            raise ValueError(
                f"{self.num_queries} queries, but at {self.resolution} px the feature map has only "
                f"{cells} cells to draw them from"
            )
        return self


NANO = ModelConfig(size="nano", resolution=384, decoder_layers=2)
SMALL = ModelConfig(size="small", resolution=512, decoder_layers=3)
MEDIUM = ModelConfig(size="medium", resolution=576, decoder_layers=4)
LARGE = ModelConfig(size="large", resolution=768, decoder_layers=6)
DEMO = ModelConfig(
    size="demo",
    resolution=192,
    backbone=ConvBackbone(),
    decoder_layers=2,
    hidden_dim=128,
    feedforward_dim=384,
    self_attention_heads=4,
    cross_attention_heads=8,
    sampling_points=4,
    num_queries=32,
    query_groups=3,
)
"""A network of three million parameters: small enough to train on two cores."""
