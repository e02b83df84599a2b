"""RF-DETR Pose: the in-house models in four sizes, and the small one that is installed with them.

The cards only, so that listing models stays cheap; what loads one is in ``_rfdetr_pose_model``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posebench.types import ModelCard, Weights

if TYPE_CHECKING:
    from posebench.config import EvalProtocol
    from posebench.protocols import OpenSession, PoseModel

DECODE_VERSION = 1

_DETECTORS = "https://storage.googleapis.com/rfdetr/"
_IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
_PROTOCOL: Mapping[str, Mapping[str, Any]] = {
    "preprocess": {"resize": "stretch", **_IMAGENET},
    "postprocess": {"nms": "none", "keypoint_score": "visibility"},
}
_NOTE = "Only detection weights are published: the keypoint head has to be trained first."
_LARGE = (
    " No detector of 768 px and 6 decoder layers is published; it starts from the one of 704 px "
    "and 4 layers."
)
_DEMO_SHA256 = "fb37f5afd8fbd811afc53186fc8d4c3e64a5a0a86ff0bb1d200c204ec86e07f1"


def _card(letter: str, size: str, pixels: int, file: str, md5: str, note: str = "") -> ModelCard:
    return ModelCard(
        name=f"rfdetr-pose-{letter}",
        family="RF-DETR-Pose",
        paradigm="one-stage",
        skeleton="coco17",
        input_size=(pixels, pixels),
        licence="Apache-2.0",
        aliases=(f"rfdetr-pose-{size}",),
        weights=(Weights(_DETECTORS + file, "Apache-2.0", f"md5:{md5}", generation="detection"),),
        extra="rfdetr-pose",
        training_data=("Objects365", "COCO train2017"),
        protocol=_PROTOCOL,
        note=_NOTE + note,
    )


_DEMO = ModelCard(
    name="rfdetr-pose-demo",
    family="RF-DETR-Pose",
    paradigm="one-stage",
    skeleton="coco17",
    input_size=(192, 192),
    licence="Apache-2.0",
    weights=(
        Weights(
            "",
            "Apache-2.0",
            f"sha256:{_DEMO_SHA256}",
            packaged=Path(__file__).with_name("models") / "rfdetr-pose-demo.onnx",
        ),
    ),
    extra="onnxruntime",
    training_data=("synthetic-easy:5000:101", "synthetic-easy:5000:102", "synthetic:4000:103"),
    protocol=_PROTOCOL,
    note="A small network trained on rendered people only; it is installed with posebench.",
)

CARDS = (
    _card(
        "n",
        "nano",
        384,
        "nano_coco/checkpoint_best_regular.pth",
        "fb6504cce7fbdc783f7a46991f07639f",
    ),
    _card(
        "s",
        "small",
        512,
        "small_coco/checkpoint_best_regular.pth",
        "fb37061c1af7bace359c91b723a8d5c1",
    ),
    _card(
        "m",
        "medium",
        576,
        "medium_coco/checkpoint_best_regular.pth",
        "7223f764a87b863f02eb8d52bf0ce2ee",
    ),
    _card(
        "l",
        "large",
        768,
        "rf-detr-large-2026.pth",
        "5cb72153541cbcb9aa6efa26222acc75",
        _LARGE,
    ),
    _DEMO,
)


def load(
    card: ModelCard,
    weights: Path | None,
    protocol: EvalProtocol,
    open_session: OpenSession | None,
) -> PoseModel:
    """Load a model, see ``_rfdetr_pose_model.load``."""
    from posebench_adapters import _rfdetr_pose_model

    return _rfdetr_pose_model.load(card, weights, protocol, open_session)


def recommend(card: ModelCard, weights: Path) -> Mapping[str, Mapping[str, Any]]:
    """Protocol overrides from the file itself, see ``_rfdetr_pose_model.recommend``."""
    from posebench_adapters import _rfdetr_pose_model

    return _rfdetr_pose_model.recommend(weights)
