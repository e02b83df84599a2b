"""The keypoint model of Roboflow's rfdetr package.

The card only, so that listing models stays cheap; what loads it is in ``_rfdetr_model``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from posebench.types import Claim, ModelCard, Weights

if TYPE_CHECKING:
    from posebench.config import EvalProtocol
    from posebench.protocols import OpenSession, PoseModel

DECODE_VERSION = 1

_SOURCE = "PyPI metadata of rfdetr 1.11.2"
_QUERIES = 100

CARDS = (
    ModelCard(
        name="rfdetr-keypoint-preview",
        family="RF-DETR-Keypoint",
        paradigm="one-stage",
        skeleton="coco17",
        input_size=(576, 576),
        licence="Apache-2.0",
        weights=(
            Weights(
                "https://storage.googleapis.com/rfdetr/rf-detr-keypoint-preview-xlarge.pth",
                "Apache-2.0",
                "md5:6de511943ee85a547d4c5cb527daf0eb",
            ),
        ),
        extra="rfdetr",
        training_data=("COCO train2017",),
        params_m=40.7,
        protocol={
            "preprocess": {
                "resize": "stretch",
                "mean": (0.485, 0.456, 0.406),
                "std": (0.229, 0.224, 0.225),
            },
            "postprocess": {
                "nms": "none",
                "max_detections": _QUERIES,
                "score_mode": "uncertainty-fused",
                "keypoint_score": "visibility",
            },
        },
        claims=(
            Claim(
                "AP",
                0.718,
                _SOURCE,
                "val2017, 5,000 pictures, pycocotools in their SAB, which does not fuse the score: "
                "postprocess.score_mode=box",
            ),
            Claim("latency_ms", 9.7, _SOURCE, "T4, TensorRT, FP16, batch 1"),
        ),
        note="Ranked as the package's predict ranks; the published AP was measured with "
        "postprocess.score_mode=box.",
    ),
)


def load(
    card: ModelCard,
    weights: Path | None,
    protocol: EvalProtocol,
    open_session: OpenSession | None,
) -> PoseModel:
    """Load the model, see ``_rfdetr_model.load``."""
    from posebench_adapters import _rfdetr_model

    return _rfdetr_model.load(card, weights, protocol, open_session)
