"""The four sizes."""

from __future__ import annotations

from rfdetr_pose.config import LARGE, MEDIUM, NANO, SMALL
from rfdetr_pose.model import PoseModel


class RFDETRPoseNano(PoseModel):
    """384 px, 2 decoder layers."""

    base_config = NANO


class RFDETRPoseSmall(PoseModel):
    """512 px, 3 decoder layers."""

    base_config = SMALL


class RFDETRPoseMedium(PoseModel):
    """576 px, 4 decoder layers."""

    base_config = MEDIUM


class RFDETRPoseLarge(PoseModel):
    """768 px, 6 decoder layers."""

    base_config = LARGE


RFDETRPose = RFDETRPoseMedium
