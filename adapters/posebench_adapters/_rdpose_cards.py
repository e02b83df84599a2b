"""RDPose in every size, way of training and way of inference, and HRNet as its authors trained it.

No weights of RDPose are published: its cards are for checkpoints that ``rdpose`` trained. What the
authors of HRNet published can be loaded into the bare network, but lies where it cannot be fetched
without a browser.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rdpose.config import HRNetBackbone, Inference, ModelConfig, Variant
from rdpose.protocol import protocol_of

from posebench.types import Claim, ModelCard, Weights

_SOURCE = "README of leoxiaobin/deep-high-resolution-net.pytorch, commit 6f69e46"
_COCO = "val2017, 5,000 pictures, boxes of a detector of person AP .564, flip test"
_MPII = "MPII val, annotated people, flip test, mean of the visible joints"
_FIGURES = ("AP", "AP50", "AP75", "APm", "APl", "AR")
_PARAMS_M = {32: 28.5, 48: 63.6}
_TRAININGS: Mapping[Variant, str] = {
    "as-published": "Trained as the published code does it, its defects included",
    "fixed": "Trained with a supervised centre and the anchor in the middle of the map",
    "perturbed": "Trained with anchors on other people and on the background",
}
_SIZES = (
    (32, (256, 192)),
    (32, (384, 288)),
    (48, (256, 192)),
    (48, (384, 288)),
    (32, (256, 256)),
    (48, (256, 256)),
)
_AP = {
    (32, 256): (0.744, 0.905, 0.819, 0.708, 0.810, 0.798),
    (32, 384): (0.758, 0.906, 0.825, 0.720, 0.827, 0.809),
    (48, 256): (0.751, 0.906, 0.822, 0.715, 0.818, 0.804),
    (48, 384): (0.763, 0.908, 0.829, 0.723, 0.834, 0.812),
}
_PCKH = {32: 0.903}


@dataclass(frozen=True)
class Network:
    """What a card is of.

    Attributes:
        config: Of the checkpoint that belongs to it.
        inference: ``plain``: the heat maps of the features as they are; ``fdm``: of the features
            that were decoupled once.
    """

    config: ModelConfig
    inference: Inference = "plain"


def _config(width: int, input_size: tuple[int, int], variant: Variant) -> ModelConfig:
    height, across = input_size
    return ModelConfig(
        backbone=HRNetBackbone(width=width),
        joints="mpii16" if height == across else "coco17",
        input_size=input_size,
        sigma=3.0 if height == 384 else 2.0,
        variant=variant,
    )


def _size_of(width: int, config: ModelConfig) -> str:
    """Width, input and dataset as names have them, e.g. ``w32-256x256-mpii``."""
    height, across = config.input_size
    return f"w{width}-{height}x{across}" + ("-mpii" if config.joints == "mpii16" else "")


def _card(
    name: str, family: str, width: int, config: ModelConfig, note: str, **fields: Any
) -> ModelCard:
    return ModelCard(
        name=name,
        family=family,
        paradigm="top-down",
        skeleton=config.joints,
        input_size=config.input_size,
        licence="Apache-2.0",
        extra="rdpose",
        training_data=("MPII train" if config.joints == "mpii16" else "COCO train2017",),
        params_m=_PARAMS_M[width],
        protocol=protocol_of(config),
        note=note,
        **fields,
    )


def _original(width: int, config: ModelConfig) -> ModelCard:
    height, across = config.input_size
    claims = [Claim("PCKh@0.5", value, _SOURCE, _MPII) for value in (_PCKH.get(width),) if value]
    if config.joints == "coco17":
        figures = zip(_FIGURES, _AP[width, height], strict=True)
        claims = [Claim(name, value, _SOURCE, _COCO) for name, value in figures]
    file = f"pose_hrnet_w{width}_{height}x{across}.pth"
    name = f"hrnet-original-{_size_of(width, config)}"
    note = f"For the authors' own {file}, from the folder in their README: pass NAME=FILE."
    return _card(name, "HRNet", width, config, note, claims=tuple(claims))


def _networks() -> Iterator[tuple[ModelCard, Network]]:
    for width, input_size in _SIZES:
        bare = _config(width, input_size, "bare")
        if bare.joints == "coco17" or width in _PCKH:
            yield _original(width, bare), Network(bare)
        for variant, how in _TRAININGS.items():
            config = _config(width, input_size, variant)
            name = f"rdpose-{_size_of(width, config)}-{variant}"
            note = f"{how}; no weights are published."
            yield _card(name, "RDPose", width, config, note), Network(config)
            note = f"{how}, run with decoupling; no weights are published."
            yield _card(f"{name}-fdm", "RDPose", width, config, note), Network(config, "fdm")


DEMO = ModelConfig(
    backbone=HRNetBackbone(width=16, modules=(1, 1, 1), blocks=2, stem_blocks=1),
    input_size=(128, 96),
    sigma=1.5,
    variant="perturbed",
)
"""Of the network that is installed with posebench."""

DEMO_PROTOCOL = {**protocol_of(DEMO), "augmentation": {"flip_test": False}}  # half the time
"""How it is run; its file says the same."""

_DEMO_SHA256 = "6302addf24a154e8d44e29e5258789d22cfa4cc03a0c2068bef36294701a4d57"
_DEMO_CARD = ModelCard(
    name="rdpose-demo-perturbed-fdm",
    family="RDPose",
    paradigm="top-down",
    skeleton=DEMO.joints,
    input_size=DEMO.input_size,
    licence="Apache-2.0",
    aliases=("rdpose-demo",),
    weights=(
        Weights(
            "",
            "Apache-2.0",
            f"sha256:{_DEMO_SHA256}",
            packaged=Path(__file__).with_name("models") / "rdpose-demo.onnx",
        ),
    ),
    extra="onnxruntime",
    training_data=("synthetic-crowded:600:201",),
    protocol={
        **DEMO_PROTOCOL,
        "detector": {"name": "rfdetr-pose-demo", "postprocess": {"score_threshold": 0.2}},
    },
    note="A small network for a comparison, trained on rendered crowds; installed with posebench.",
)

_ALL = (*_networks(), (_DEMO_CARD, Network(DEMO, "fdm")))
RDPOSE_CARDS = tuple(card for card, _ in _ALL)
NETWORKS: Mapping[str, Network] = {card.name: network for card, network in _ALL}
"""By the name of the card."""
