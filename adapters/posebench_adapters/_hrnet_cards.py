"""HRNet as mmpose trained it on COCO, and the small one that is installed with posebench.

Figures are those of mmpose's own tables; the files that mmpose is installed with repeat some of
them a little lower.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from posebench.types import Claim, ModelCard, Weights

_FOLDER = "https://download.openmmlab.com/mmpose/v1/body_2d_keypoint/topdown_heatmap/coco/"
_SOURCE = "mmpose 1.3.2, docs of its COCO models, commit 759b39c"
_MEASURED = (
    "val2017, 5,000 pictures, boxes of a detector of person AP .564, flip test, mmpose's CocoMetric"
)
_IMAGENET = {"mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375)}
_PARAMS_M = {"w32": 28.5, "w48": 63.6}
_TOP_DOWN: Mapping[str, Mapping[str, Any]] = {
    "": {"warp": "classic", "decode": "quarter-shift", "shift_flipped": True},
    "dark": {"warp": "classic", "decode": "dark", "shift_flipped": True},
    "udp": {"warp": "udp", "decode": "udp-dark", "shift_flipped": False},
}
_SMALLER = 256
_RESULTS = ("AP", "AP50", "AP75", "AR")

# width, variant, input height, file name behind the configuration's, AP, AP50, AP75, AR
_PUBLISHED = (
    ("w32", "", 256, "81c58e40_20220909", 0.749, 0.906, 0.821, 0.804),
    ("w32", "", 384, "ca5956af_20220909", 0.761, 0.908, 0.826, 0.811),
    ("w48", "", 256, "0e67c616_20220913", 0.756, 0.908, 0.826, 0.809),
    ("w48", "", 384, "c161b7de_20220915", 0.767, 0.911, 0.832, 0.817),
    ("w32", "dark", 256, "0e00bf12_20220914", 0.757, 0.907, 0.825, 0.807),
    ("w32", "dark", 384, "9bab4c9b_20220917", 0.766, 0.907, 0.829, 0.815),
    ("w48", "dark", 256, "e1ebdd6f_20220913", 0.764, 0.907, 0.831, 0.814),
    ("w48", "dark", 384, "39c3c381_20220916", 0.772, 0.911, 0.833, 0.821),
    ("w32", "udp", 256, "73ede547_20220914", 0.762, 0.907, 0.829, 0.810),
    ("w32", "udp", 384, "9a3f7c85_20220914", 0.768, 0.909, 0.832, 0.815),
    ("w48", "udp", 256, "3feaef8f_20220913", 0.768, 0.908, 0.833, 0.817),
    ("w48", "udp", 384, "70d7ab01_20220913", 0.773, 0.911, 0.836, 0.821),
)


def _config_name(width: str, variant: str, height: int) -> str:
    """Mmpose's configuration of one of its HRNets."""
    gpus = "8xb32" if width == "w48" else "8xb64"
    recipe = f"{variant}-{gpus}" if variant else gpus
    return f"td-hm_hrnet-{width}_{recipe}-210e_coco-{height}x{height * 3 // 4}"


def _protocol(variant: str) -> Mapping[str, Mapping[str, Any]]:
    return {
        "preprocess": {"scale": 1.0, "pad_value": 0, **_IMAGENET},
        "postprocess": {
            "nms": "oks",
            "nms_threshold": 0.9,
            "score_mode": "box-keypoint",
            "keypoint_score": "heatmap-max",
        },
        "augmentation": {"flip_test": True},
        "top_down": _TOP_DOWN[variant],
    }


def _card(width: str, variant: str, height: int, suffix: str, *figures: float) -> ModelCard:
    shape = f"{height}x{height * 3 // 4}"
    short = "-".join(part for part in ("hrnet", width, variant) if part)
    config = _config_name(width, variant, height)
    prefix = suffix.partition("_")[0]
    return ModelCard(
        name=f"{short}-{shape}",
        family="HRNet",
        paradigm="top-down",
        skeleton="coco17",
        input_size=(height, height * 3 // 4),
        licence="Apache-2.0",
        aliases=(config, *((short,) if height == _SMALLER else ())),
        weights=(
            Weights(f"{_FOLDER}{config}-{suffix}.pth", "Apache-2.0", f"sha256-prefix:{prefix}"),
        ),
        extra="mmpose",
        training_data=("COCO train2017",),
        params_m=_PARAMS_M[width],
        protocol=_protocol(variant),
        claims=tuple(
            Claim(name, value, _SOURCE, _MEASURED)
            for name, value in zip(_RESULTS, figures, strict=True)
        ),
        note="Figures depend on the people's boxes: say where from with --boxes.",
    )


HRNET_CARDS = tuple(_card(*published) for published in _PUBLISHED)

_DEMO_SHA256 = "bfb6a52bc81b5a731a7edcb3db0f1a6d12c7b67dc5c07c9c1155e6cb65b3f875"
HRNET_DEMO = ModelCard(
    name="hrnet-demo",
    family="HRNet",
    paradigm="top-down",
    skeleton="coco17",
    input_size=(256, 192),
    licence="Apache-2.0",
    weights=(
        Weights(
            "",
            "Apache-2.0",
            f"sha256:{_DEMO_SHA256}",
            packaged=Path(__file__).with_name("models") / "hrnet-demo.onnx",
        ),
    ),
    extra="onnxruntime",
    training_data=("synthetic-easy:5000:101", "synthetic-easy:5000:102", "synthetic:4000:103"),
    protocol={
        **_protocol("udp"),
        "augmentation": {"flip_test": False},
        "detector": {"name": "rfdetr-pose-demo", "postprocess": {"score_threshold": 0.2}},
    },
    note="A small network trained on rendered people only; it is installed with posebench.",
)
