"""RF-DETR Pose: boxes and keypoints of people or other objects in one pass of a transformer.

``from rfdetr_pose import RFDETRPose``; nothing heavy is imported before a name is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rfdetr_pose.drawing import draw_keypoints
    from rfdetr_pose.errors import CheckpointError, DatasetError, RFDETRPoseError
    from rfdetr_pose.keypoints import COCO_KEYPOINT_NAMES, COCO_SKELETON, KeypointSchema
    from rfdetr_pose.model import PoseModel
    from rfdetr_pose.sizes import (
        RFDETRPose,
        RFDETRPoseLarge,
        RFDETRPoseMedium,
        RFDETRPoseNano,
        RFDETRPoseSmall,
    )

_HOMES = {
    "COCO_KEYPOINT_NAMES": "keypoints",
    "COCO_SKELETON": "keypoints",
    "CheckpointError": "errors",
    "DatasetError": "errors",
    "KeypointSchema": "keypoints",
    "PoseModel": "model",
    "RFDETRPose": "sizes",
    "RFDETRPoseError": "errors",
    "RFDETRPoseLarge": "sizes",
    "RFDETRPoseMedium": "sizes",
    "RFDETRPoseNano": "sizes",
    "RFDETRPoseSmall": "sizes",
    "draw_keypoints": "drawing",
}

__all__ = [
    "COCO_KEYPOINT_NAMES",
    "COCO_SKELETON",
    "CheckpointError",
    "DatasetError",
    "KeypointSchema",
    "PoseModel",
    "RFDETRPose",
    "RFDETRPoseError",
    "RFDETRPoseLarge",
    "RFDETRPoseMedium",
    "RFDETRPoseNano",
    "RFDETRPoseSmall",
    "draw_keypoints",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'rfdetr_pose' has no attribute {name!r}")
    return getattr(import_module(f"rfdetr_pose.{_HOMES[name]}"), name)
