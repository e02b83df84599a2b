"""Person detectors for top-down models: YOLOX, RF-DETR and RTMDet.

The cards only, so that listing models stays cheap; what loads one is in ``_detectors_model``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posebench_adapters import rfdetr_pose

from posebench.types import Claim, ModelCard, Weights

if TYPE_CHECKING:
    from posebench.config import EvalProtocol
    from posebench.protocols import OpenSession, PoseModel

DECODE_VERSION = 1

_Protocol = Mapping[str, Mapping[str, Any]]
_ALL_CLASSES = "COCO val2017, all 80 classes"
_NOTE = "Finds people for a top-down model; predicts no keypoints."

_YOLOX_URL = "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0/"
_YOLOX_SOURCE = "Megvii-BaseDetection/YOLOX, docs/model_zoo.md"
_YOLOX_PROTOCOL: _Protocol = {
    "preprocess": {"pad_position": "top-left", "color": "bgr", "scale": 1.0},
    "postprocess": {"nms_threshold": 0.65, "keypoint_score": "none"},
}

_RFDETR_SOURCE = "PyPI metadata of rfdetr 1.11.2"
_RFDETR_PROTOCOL: _Protocol = {
    "preprocess": {
        "resize": "stretch",
        "mean": (0.485, 0.456, 0.406),
        "std": (0.229, 0.224, 0.225),
    },
    "postprocess": {"nms": "none", "max_detections": 300, "keypoint_score": "none"},
}

_RTMDET_URL = "https://download.openmmlab.com/mmpose/v1/projects/rtmpose/"
_RTMDET_SOURCE = "open-mmlab/mmpose, projects/rtmpose/README.md"
_RTMDET_PROTOCOL: _Protocol = {
    "preprocess": {
        "pad_position": "top-left",
        "color": "bgr",
        "scale": 1.0,
        "mean": (103.53, 116.28, 123.675),
        "std": (57.375, 57.12, 58.395),
        "gain": "exact",
    },
    "postprocess": {
        "score_threshold": 0.05,
        "nms_threshold": 0.6,
        "max_detections": 100,
        "keypoint_score": "none",
    },
}


def _yolox(
    size: str, side: int, ap: float, params_m: float, gflops: float, sha256: str | None = None
) -> ModelCard:
    digest = f"sha256:{sha256}" if sha256 else None
    return ModelCard(
        name=f"yolox-{size}",
        family="YOLOX",
        paradigm="detector",
        skeleton="none",
        input_size=(side, side),
        licence="Apache-2.0",
        weights=(Weights(f"{_YOLOX_URL}yolox_{size}.onnx", "Apache-2.0", digest),),
        extra="onnxruntime",
        training_data=("COCO train2017",),
        params_m=params_m,
        gflops=gflops,
        protocol=_YOLOX_PROTOCOL,
        claims=(Claim("box_AP", ap, _YOLOX_SOURCE, f"{_ALL_CLASSES}, scores from .001, NMS .65"),),
        note=_NOTE,
    )


def _rfdetr(size: str, side: int, ap: float, params_m: float) -> ModelCard:
    sizes = {alias: card for card in rfdetr_pose.CARDS for alias in card.aliases}
    return ModelCard(
        name=f"rfdetr-{size}",
        family="RF-DETR",
        paradigm="detector",
        skeleton="none",
        input_size=(side, side),
        licence="Apache-2.0",
        weights=sizes[f"rfdetr-pose-{size}"].weights,
        extra="rfdetr",
        training_data=("Objects365", "COCO train2017"),
        params_m=params_m,
        protocol=_RFDETR_PROTOCOL,
        claims=(Claim("box_AP", ap, _RFDETR_SOURCE, _ALL_CLASSES),),
        note=_NOTE,
    )


def _rtmdet(
    size: str, side: int, ap: float, params_m: float, gflops: float, digits: str
) -> ModelCard:
    file = f"rtmdet_{size}_8xb32-100e_coco-obj365-person-{digits}.pth"
    return ModelCard(
        name=f"rtmdet-{size}-person",
        family="RTMDet",
        paradigm="detector",
        skeleton="none",
        input_size=(side, side),
        licence="Apache-2.0",
        weights=(Weights(_RTMDET_URL + file, "Apache-2.0", f"sha256-prefix:{digits}"),),
        extra="mmpose",
        training_data=("COCO train2017", "Objects365"),
        params_m=params_m,
        gflops=gflops,
        protocol=_RTMDET_PROTOCOL,
        claims=(Claim("box_AP", ap, _RTMDET_SOURCE, "COCO, people only"),),
        note=_NOTE,
    )


CARDS = (
    # Megvii publishes no checksums; these are the ones by which independent projects pin the files.
    _yolox(
        "nano", 416, 0.258, 0.91, 1.08,
        "c789161ed43c8269fcd4e67c67eeeb4e80c622da2eb296a20bc6007bd18a0b7d",
    ),
    _yolox(
        "tiny", 416, 0.328, 5.06, 6.45,
        "427cc366d34e27ff7a03e2899b5e3671425c262ea2291f88bb942bc1cc70b0f7",
    ),
    _yolox(
        "s", 640, 0.405, 9.0, 26.8,
        "c5c2d13e59ae883e6af3b45daea64af4833a4951c92d116ec270d9ddbe998063",
    ),
    _yolox("m", 640, 0.469, 25.3, 73.8),
    _yolox("l", 640, 0.497, 54.2, 155.6),
    _yolox("x", 640, 0.511, 99.1, 281.9),
    _rfdetr("nano", 384, 0.484, 30.5),
    _rfdetr("small", 512, 0.530, 32.1),
    _rfdetr("medium", 576, 0.547, 33.7),
    _rtmdet("nano", 320, 0.403, 0.99, 0.31, "05d8511e"),
    _rtmdet("m", 640, 0.625, 24.66, 38.95, "235e8209"),
)  # fmt: skip


def load(
    card: ModelCard,
    weights: Path | None,
    protocol: EvalProtocol,
    open_session: OpenSession | None,
) -> PoseModel:
    """Load a detector, see ``_detectors_model.load``."""
    from posebench_adapters import _detectors_model

    return _detectors_model.load(card, weights, protocol, open_session)
