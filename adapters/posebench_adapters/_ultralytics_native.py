"""Ultralytics' own predictor: its letterbox, its network, its NMS.

Only the last step is taken over: the selected rows are mapped to the original picture by the
protocol's geometry, because Ultralytics clips to the picture and maps back in its own way whatever
is asked. With ``gain=exact`` and both ``clip_*`` fields on, the poses are its ``Results``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from posebench_adapters._torch_cost import module_cost
from posebench_adapters._ultralytics_network import head_of, is_network

from posebench.artifacts.exported import artifact, format_of, read_metadata
from posebench.config import EvalProtocol, Preprocess
from posebench.errors import InputError
from posebench.pipelines.letterbox import plan
from posebench.pipelines.network_cost import onnx_cost
from posebench.pipelines.yolo_pose import (
    Head,
    check_nms,
    head_from_metadata,
    rows_to_prediction,
)
from posebench.types import Artifact, Image, ModelCost, PersonBoxes, Prediction

_FIXED: dict[str, Any] = {
    "pad_position": "center",
    "pad_value": 114,
    "color": "rgb",
    "scale": 1 / 255,
    "mean": (0.0, 0.0, 0.0),
    "std": (1.0, 1.0, 1.0),
}


class NativeYolo:
    """A model that Ultralytics runs itself, on the CPU.

    Args:
        yolo: Ultralytics' ``YOLO``.
        weights: What it was loaded from.
        protocol: Of the run.

    Raises:
        InputError: The protocol asks for what Ultralytics' predictor cannot do.
    """

    def __init__(self, yolo: Any, weights: Path, protocol: EvalProtocol) -> None:
        self._yolo = yolo
        self._weights = weights
        self._protocol = protocol
        self._head = _head(yolo, weights, protocol)
        _check_protocol(protocol, torch_network=is_network(yolo))
        check_nms(self._head, protocol.postprocess)
        self._options = _predict_options(protocol)
        self._predictor = _predictor_class(stretch=protocol.preprocess.resize == "stretch")

    @property
    def num_keypoints(self) -> int:
        """K of the loaded weights."""
        return self._head.num_keypoints

    def predict(
        self, images: Sequence[Image], boxes: Sequence[PersonBoxes] | None = None
    ) -> list[Prediction]:
        """Predict picture by picture; ``boxes`` is for top-down models and not used.

        One at a time, because Ultralytics gives up NMS on a batch that takes long, and pads
        pictures of a batch to each other's size.
        """
        return [self._predict_one(image) for image in images]

    def artifacts(self) -> Sequence[Artifact]:
        """The weights."""
        return (artifact(self._weights, "network"),)

    def cost(self) -> ModelCost:
        """Counted in the torch modules, or in the ONNX file."""
        pre = self._protocol.preprocess
        shape = (1, 3, pre.input_height, pre.input_width)
        if is_network(self._yolo):
            return module_cost(self._yolo.model, shape)
        if format_of(self._weights) == "onnx":
            return onnx_cost(self._weights, shape)
        return ModelCost(None, None, f"not counted for {format_of(self._weights)} run natively")

    def close(self) -> None:
        """Free the network."""
        self._yolo = None

    def _predict_one(self, image: Image) -> Prediction:
        bgr = np.ascontiguousarray(image[..., ::-1])
        self._yolo.predict(bgr, predictor=self._predictor, **self._options)
        rows, height, width = self._yolo.predictor.selected[0]
        geometry = plan(image.shape[0], image.shape[1], self._protocol.preprocess)
        if (height, width) != (geometry.height, geometry.width):
            raise InputError(
                f"Ultralytics made a {width} x {height} px input, the protocol asks for "
                f"{geometry.width} x {geometry.height} px.",
                remedy="Use an input size that is a multiple of the stride, or the exported size.",
            )
        return rows_to_prediction(rows, self._head, geometry, self._protocol.postprocess)


def _head(yolo: Any, weights: Path, protocol: EvalProtocol) -> Head:
    if is_network(yolo):
        return head_of(yolo, one_to_one=protocol.postprocess.nms == "none")
    head = head_from_metadata(read_metadata(weights))
    if head is None:
        raise InputError(
            f"{weights}: it does not say how many keypoints it predicts.",
            remedy="Export it with Ultralytics, which writes metadata into the file.",
        )
    return head


def _predict_options(protocol: EvalProtocol) -> dict[str, Any]:
    pre, post = protocol.preprocess, protocol.postprocess
    threshold = np.float32(post.score_threshold)
    return {
        # Ultralytics keeps scores above, the protocol those at or above.
        "conf": float(np.nextafter(threshold, np.float32(0))),
        "iou": post.nms_threshold,
        "max_det": post.max_detections,
        "imgsz": [pre.input_height, pre.input_width],
        "rect": pre.resize == "letterbox-rect",
        "nms": False if post.nms == "none" else None,
        "device": "cpu",
        "verbose": False,
        "save": False,
    }


def _predictor_class(*, stretch: bool) -> type:
    """Ultralytics' pose predictor, keeping the rows that it selected."""
    from ultralytics.models.yolo.pose import PosePredictor

    class SelectedRows(PosePredictor):  # type: ignore[misc]
        scale_fill = stretch

        def construct_results(self, preds: Any, img: Any, orig_imgs: Any) -> Any:
            height, width = img.shape[2:]
            # Copies: Ultralytics scales these rows in place.
            self.selected = [(p.cpu().numpy().astype(np.float32), height, width) for p in preds]
            return super().construct_results(preds, img, orig_imgs)

    return SelectedRows


def _check_protocol(protocol: EvalProtocol, *, torch_network: bool) -> None:
    pre: Preprocess = protocol.preprocess
    wrong = [f"preprocess.{k}={getattr(pre, k)}" for k, v in _FIXED.items() if getattr(pre, k) != v]
    if protocol.postprocess.max_candidates != 30000:
        wrong.append(f"postprocess.max_candidates={protocol.postprocess.max_candidates}")
    if protocol.postprocess.score_mode != "box":
        wrong.append(f"postprocess.score_mode={protocol.postprocess.score_mode}")
    if pre.resize == "letterbox-rect" and not torch_network:
        wrong.append("preprocess.resize=letterbox-rect (exported files have a fixed size)")
    if wrong:
        raise InputError(
            f"Ultralytics' own predictor cannot do {', '.join(wrong)}.",
            remedy="Use --runtime onnxruntime.",
        )
