"""The output of detection transformers with a keypoint head, read into people.

Four outputs by name, one row a query: ``boxes`` (1, Q, 4) x1, y1, x2, y2 and ``keypoints``
(1, Q, K, 2) x, y in pixels of the network's input, ``scores`` (1, Q, C) and
``keypoint_confidences`` (1, Q, K), both 0..1. Nothing is suppressed: each person has one query.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from posebench.config import EvalProtocol
from posebench.errors import InputError
from posebench.pipelines.letterbox import Geometry, to_source
from posebench.pipelines.staged import StagedModel, refuse_suppression
from posebench.protocols import Session
from posebench.types import Artifact, Float32Array, ModelCost, Prediction, Tensor

CONFIG_KEY = "rfdetr_pose_config"
"""Where an exported RF-DETR Pose network says what it is."""

_IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


@dataclass(frozen=True)
class DetrHead:
    """What the outputs hold: K keypoints of C classes."""

    num_keypoints: int
    num_classes: int = 1


def detr_head(metadata: Mapping[str, str]) -> DetrHead | None:
    """The head that an exported RF-DETR Pose network describes, or None if it does not.

    Raises:
        InputError: The description cannot be read.
    """
    if CONFIG_KEY not in metadata:
        return None
    config = _config(metadata)
    return DetrHead(len(config["keypoints"]["names"]), len(config["class_names"]))


def detr_protocol(metadata: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The protocol fields that follow from the description in an exported RF-DETR Pose network.

    Raises:
        InputError: The description cannot be read.
    """
    return stretched_protocol(int(_config(metadata)["resolution"]))


def stretched_protocol(side: int) -> dict[str, dict[str, Any]]:
    """RF-DETR's own protocol for a network that takes ``side`` x ``side`` pixels."""
    size = {"input_height": side, "input_width": side}
    return {
        "preprocess": {**size, "resize": "stretch", **_IMAGENET},
        "postprocess": {"nms": "none", "keypoint_score": "visibility"},
    }


def _config(metadata: Mapping[str, str]) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads(metadata[CONFIG_KEY])
        config["resolution"], config["class_names"], config["keypoints"]["names"]
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(f"the exported model's {CONFIG_KEY} cannot be read: {error!r}.") from error
    return config


class DetrPoseModel(StagedModel):
    """A detection transformer with a keypoint head in any runtime.

    Args:
        session: The network.
        head: K and C.
        protocol: Of the run.
        artifacts: The files it runs from.
        cost: Parameters and GFLOPs.
        untrained: Why its figures would say nothing, or ``""``.

    Raises:
        InputError: The network's input or outputs do not fit the protocol or the head.
    """

    def __init__(
        self,
        session: Session,
        head: DetrHead,
        protocol: EvalProtocol,
        *,
        artifacts: Sequence[Artifact],
        cost: ModelCost,
        untrained: str = "",
    ) -> None:
        super().__init__(session, protocol, artifacts=artifacts, cost=cost)
        refuse_suppression(protocol)
        _check_outputs({spec.name: spec.shape for spec in session.outputs}, head)
        self._head = head
        self.untrained = untrained

    @property
    def num_keypoints(self) -> int:
        """K of the loaded weights."""
        return self._head.num_keypoints

    def decode(self, outputs: Mapping[str, Tensor], geometry: Geometry) -> Prediction:
        """The best pairs of a query and a class, in pixels of the original picture."""
        post = self._protocol.postprocess
        scores = np.asarray(outputs["scores"][0], np.float32)
        best = _best(scores, post.score_threshold, post.max_detections)
        query, label = np.divmod(best, scores.shape[1])
        boxes = np.asarray(outputs["boxes"][0], np.float32)[query].reshape(-1, 2, 2)
        keypoints = np.asarray(outputs["keypoints"][0], np.float32)[query]
        ranked = scores.reshape(-1)[best]
        return Prediction(
            keypoints=to_source(keypoints, geometry, clip=post.clip_keypoints),
            keypoint_scores=np.asarray(outputs["keypoint_confidences"][0], np.float32)[query],
            box_scores=ranked,
            scores=ranked,
            boxes=to_source(boxes, geometry, clip=post.clip_boxes).reshape(-1, 4),
            class_ids=label if self._head.num_classes > 1 else None,
        )


def _best(scores: Float32Array, threshold: float, limit: int) -> Any:
    """Flat indices of the scores that reach the threshold, best first; ties keep their order."""
    flat = scores.reshape(-1)
    order = np.argsort(-flat, kind="stable")[:limit]
    return order[flat[order] >= np.float32(threshold)]


def _check_outputs(shapes: Mapping[str, tuple[int | None, ...]], head: DetrHead) -> None:
    last = {
        "boxes": (4,),
        "scores": (head.num_classes,),
        "keypoints": (head.num_keypoints, 2),
        "keypoint_confidences": (head.num_keypoints,),
    }
    for name, expected in last.items():
        found = shapes.get(name, ())[2:]
        if len(found) != len(expected) or any(
            f not in (None, e) for f, e in zip(found, expected, strict=True)
        ):
            raise InputError(
                f"the network's outputs are {dict(shapes)}; with {head.num_keypoints} keypoints "
                f"and {head.num_classes} classes {name!r} would end in {expected}.",
                remedy="Correct the keypoints, classes or decoder it was described with.",
            )
