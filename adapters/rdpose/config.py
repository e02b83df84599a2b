"""What an RDPose network is made of; it travels inside every checkpoint."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

from rdpose.joints import JOINTS, JointSet

STRIDE = 4
"""Pixels of the input that one side of a heat map's cell covers."""

DIVISOR = 32
"""The input's sides must be multiples of this: the coarsest branch has a 32nd of them."""

Variant: TypeAlias = Literal["bare", "as-published", "fixed", "perturbed"]
Inference: TypeAlias = Literal["plain", "fdm"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class HRNetBackbone(_Frozen):
    """HRNet (Sun et al., CVPR 2019); the defaults are those of its pose networks."""

    kind: Literal["hrnet"] = "hrnet"
    width: PositiveInt = Field(
        32, description="channels of the highest resolution; then 2, 4, 8 times that"
    )
    modules: tuple[PositiveInt, PositiveInt, PositiveInt] = Field(
        (1, 4, 3), description="modules of stages 2, 3 and 4"
    )
    blocks: PositiveInt = Field(4, description="residual blocks of every branch of a module")
    stem_blocks: PositiveInt = Field(4, description="bottlenecks of the first stage")


class ResNetBackbone(_Frozen):
    """SimpleBaseline (Xiao et al., ECCV 2018): ResNet, then three deconvolutions."""

    kind: Literal["resnet"] = "resnet"
    depth: Literal[50, 101, 152] = 50


class ModelConfig(_Frozen):
    """Backbone, joints, sizes, and how the features are decoupled.

    The four variants:

    - ``bare``: no decoupling at all, K heat maps; original checkpoints of HRNet load into it.
    - ``as-published``: as the public code computes it. Its centre channel never gets a target, and
      its off-target anchor is a fixed cell.
    - ``fixed``: the centre is the mean of the labelled joints, the off-target anchor the middle
      cell.
    - ``perturbed``: as ``fixed``, but the off-target anchor is drawn anew every time, on another
      person or on the background (:mod:`rdpose.anchors`).

    Raises:
        pydantic.ValidationError: A value is out of range, or a side of the input is no multiple
            of 32.
    """

    backbone: HRNetBackbone | ResNetBackbone = Field(HRNetBackbone(), discriminator="kind")
    joints: Literal["coco17", "mpii16"] = "coco17"
    input_size: tuple[PositiveInt, PositiveInt] = Field((256, 192), description="height, width, px")
    sigma: PositiveFloat = Field(2.0, description="cells, of the targets' Gaussians")
    variant: Variant = "fixed"

    @model_validator(mode="after")
    def _fits(self) -> ModelConfig:
        if any(side % DIVISOR for side in self.input_size):
            raise ValueError(f"input_size {self.input_size} is not made of multiples of {DIVISOR}")
        return self

    @property
    def heatmap_size(self) -> tuple[int, int]:
        """Rows and columns of a heat map."""
        height, width = self.input_size
        return height // STRIDE, width // STRIDE

    @property
    def decoupled(self) -> bool:
        """Whether there is a feature decoupling module, and with it a centre channel."""
        return self.variant != "bare"

    @property
    def joint_set(self) -> JointSet:
        """What the K joints are."""
        return JOINTS[self.joints]

    @property
    def channels(self) -> int:
        """Heat maps of the last layer: K, and one for the centre if decoupled."""
        return self.joint_set.count + self.decoupled

    @property
    def bounded(self) -> bool:
        """Whether decoupled heat maps go through a sigmoid.

        The public code leaves it out in its ResNet, and has it in its HRNet.
        """
        return not (self.variant == "as-published" and self.backbone.kind == "resnet")
