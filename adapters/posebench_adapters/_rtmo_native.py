"""mmpose's own RTMO: its test pipeline, its network, its NMS, its decoding.

Only the last steps are the protocol's: people beyond ``max_detections`` are dropped, and boxes and
keypoints are clipped to the picture if they are to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from posebench_adapters._mmpose_import import quiet
from posebench_adapters._torch_cost import module_cost

from posebench.artifacts.exported import artifact
from posebench.config import EvalProtocol
from posebench.errors import InputError
from posebench.types import (
    Artifact,
    Float32Array,
    Image,
    ModelCost,
    PersonBoxes,
    Prediction,
)

_FIXED: dict[str, dict[str, Any]] = {
    "preprocess": {
        "resize": "letterbox-affine",
        "pad_position": "center",
        "color": "bgr",
        "scale": 1.0,
        "mean": (0.0, 0.0, 0.0),
        "std": (1.0, 1.0, 1.0),
        "coordinates": "pixel-edges",
    },
    "postprocess": {"nms": "box-iou", "clip_boxes": True, "score_mode": "box"},
    "augmentation": {"flip_test": False},
}


class NativeRtmo:
    """A network that mmpose runs itself, on the CPU, one picture at a time.

    Args:
        network: As mmpose built it, with its weights, in eval mode.
        config: mmengine's ``Config`` that it was built from.
        weights: What it was loaded from.
        protocol: Of the run.

    Raises:
        InputError: The protocol asks for what mmpose cannot do.
    """

    def __init__(self, network: Any, config: Any, weights: Path, protocol: EvalProtocol) -> None:
        _check_protocol(protocol)
        self._network = network
        self._weights = weights
        self._protocol = protocol
        network.test_cfg = {**network.test_cfg, **_test_settings(protocol)}
        self._pipeline = _pipeline(config, protocol)

    @property
    def num_keypoints(self) -> int:
        """K of the loaded weights."""
        return int(self._network.head.num_keypoints)

    def predict(
        self, images: Sequence[Image], boxes: Sequence[PersonBoxes] | None = None
    ) -> list[Prediction]:
        """Predict picture by picture; ``boxes`` is for top-down models and not used."""
        return [self._predict_one(image) for image in images]

    def artifacts(self) -> Sequence[Artifact]:
        """The checkpoint."""
        return (artifact(self._weights, "network"),)

    def cost(self) -> ModelCost:
        """Counted in the torch modules; decoding the keypoints adds parameters only."""
        pre = self._protocol.preprocess
        return module_cost(self._network, (1, 3, pre.input_height, pre.input_width), None)

    def close(self) -> None:
        """Nothing is held beyond the network, which is freed with the model."""

    def _predict_one(self, image: Image) -> Prediction:
        import torch

        collate = import_module("mmengine.dataset").pseudo_collate
        bgr = np.ascontiguousarray(image[..., ::-1])
        with quiet(), torch.no_grad():
            batch = collate([self._pipeline({"img": bgr})])
            found = self._network.test_step(batch)[0].pred_instances
        height, width = image.shape[:2]
        return self._prediction(found, np.array([width, height], np.float32))

    def _prediction(self, found: Any, size: Float32Array) -> Prediction:
        post = self._protocol.postprocess
        kept = slice(post.max_detections)
        scores = np.asarray(found.scores[kept], np.float32)
        corners = np.asarray(found.bboxes[kept], np.float32).reshape(-1, 2, 2)
        keypoints = np.asarray(found.keypoints[kept], np.float32)
        if post.clip_keypoints:
            keypoints = np.clip(keypoints, 0, size)
        return Prediction(
            keypoints=keypoints,
            keypoint_scores=np.asarray(found.keypoint_scores[kept], np.float32),
            box_scores=scores,
            scores=scores,
            boxes=np.clip(corners, 0, size).reshape(-1, 4),
        )


def _test_settings(protocol: EvalProtocol) -> dict[str, Any]:
    post = protocol.postprocess
    threshold = np.float32(post.score_threshold)
    return {
        # mmpose keeps scores above, the protocol those at or above.
        "score_thr": float(np.nextafter(threshold, np.float32(-1))),
        "nms_thr": post.nms_threshold,
        "nms_pre": post.max_candidates,
    }


def _pipeline(config: Any, protocol: EvalProtocol) -> Any:
    """The configuration's test pipeline, at the protocol's size and padding."""
    pre = protocol.preprocess
    wanted = {
        "input_size": (pre.input_width, pre.input_height),
        "pad_val": (pre.pad_value,) * 3,
    }
    steps = [
        {**step, **wanted} if step["type"] == "BottomupResize" else dict(step)
        for step in config.test_dataloader.dataset.pipeline
    ]
    return import_module("mmengine.dataset").Compose(steps)


def _check_protocol(protocol: EvalProtocol) -> None:
    wrong = [
        f"{section}.{field}={getattr(getattr(protocol, section), field)}"
        for section, fields in _FIXED.items()
        for field, value in fields.items()
        if getattr(getattr(protocol, section), field) != value
    ]
    if protocol.postprocess.nms_threshold >= 1:
        wrong.append(f"postprocess.nms_threshold={protocol.postprocess.nms_threshold}")
    if protocol.top_down is not None:
        wrong.append("top_down")
    if wrong:
        raise InputError(
            f"mmpose's own RTMO cannot do {', '.join(wrong)}.", remedy="Use --runtime onnxruntime."
        )
