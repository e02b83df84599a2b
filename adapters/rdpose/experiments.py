"""The runs that have a name: those of RDPose's and HRNet's yaml files.

HRNet's are RDPose's ``experiments/*/hrnet``; of SimpleBaseline RDPose has ResNet-50 at 256 x 192
only, the others are HRNet's. Pictures are RGB in all of them: the ResNet files say BGR, which is
not what the ImageNet weights that they start from were trained on.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeAlias

from rdpose.config import HRNetBackbone, ModelConfig, ResNetBackbone, Variant
from rdpose.data.augment import AugmentConfig
from rdpose.data.layout import DatasetName
from rdpose.errors import RDPoseError
from rdpose.training.options import TrainOptions

_Backbone: TypeAlias = HRNetBackbone | ResNetBackbone

_COCO_HRNET = AugmentConfig()
_COCO_RESNET = AugmentConfig(rotation=40, scale=0.3, half_body=0)
_MPII = AugmentConfig(rotation=30, scale=0.25, half_body=0)


@dataclass(frozen=True)
class Experiment:
    """A named run.

    Attributes:
        name: Of it.
        dataset: What it is trained and tested on.
        model: Of it.
        options: Of it.
    """

    name: str
    dataset: DatasetName
    model: ModelConfig
    options: TrainOptions


def experiment(name: str, variant: Variant = "fixed") -> Experiment:
    """The run of a name or of a yaml file's path, such as ``w32_256x192``.

    ``experiments/coco/hrnet/w32_256x192_adam_lr1e-3.yaml`` names the same run; no file is read.

    Args:
        name: Of the run.
        variant: Of the model.

    Raises:
        RDPoseError: There is no such run, or not on the dataset that the path names.
    """
    path = PurePosixPath(name)
    stem = path.name.removesuffix(".yaml").partition("_adam")[0].partition("_d256x3")[0]
    chosen = EXPERIMENTS.get(stem)
    if chosen is None:
        near = difflib.get_close_matches(stem.lower(), EXPERIMENTS, n=3)
        remedy = f"Did you mean {', '.join(near)}?" if near else f"Known: {', '.join(EXPERIMENTS)}."
        raise RDPoseError(f"--cfg {name}: there is no such run. {remedy}")
    elsewhere = {"coco", "mpii"} & set(path.parts) - {chosen.dataset}
    if elsewhere:
        raise RDPoseError(
            f"--cfg {name}: {stem} is a run on {chosen.dataset}, not on {', '.join(elsewhere)}."
        )
    model = ModelConfig.model_validate({**chosen.model.model_dump(), "variant": variant})
    return Experiment(chosen.name, chosen.dataset, model, chosen.options)


def _hrnet(width: int, size: tuple[int, int]) -> Experiment:
    batch = 24 if (width, size[0]) == (48, 384) else 32
    options = TrainOptions(batch_size=batch, augment=_MPII if _square(size) else _COCO_HRNET)
    return _experiment(f"w{width}", HRNetBackbone(width=width), size, options)


def _resnet(depth: int, size: tuple[int, int]) -> Experiment:
    augment = _MPII if _square(size) else _COCO_RESNET
    options = TrainOptions(epochs=140, milestones=(90, 120), augment=augment)
    return _experiment(f"res{depth}", ResNetBackbone(depth=depth), size, options)


def _experiment(
    prefix: str, backbone: _Backbone, size: tuple[int, int], options: TrainOptions
) -> Experiment:
    dataset: DatasetName = "mpii" if _square(size) else "coco"
    model = ModelConfig(
        backbone=backbone,
        joints="mpii16" if dataset == "mpii" else "coco17",
        input_size=size,
        sigma=3.0 if size[0] == 384 else 2.0,
        variant="fixed",
    )
    return Experiment(f"{prefix}_{size[0]}x{size[1]}", dataset, model, options)


def _square(size: tuple[int, int]) -> bool:
    """MPII's runs have square inputs, COCO's do not."""
    return size[0] == size[1]


_SIZES = ((256, 192), (384, 288), (256, 256))
EXPERIMENTS = {
    run.name: run
    for run in (
        *(_hrnet(width, size) for width in (32, 48) for size in _SIZES),
        *(_resnet(depth, size) for depth in (50, 101, 152) for size in _SIZES),
    )
}
"""By name."""
