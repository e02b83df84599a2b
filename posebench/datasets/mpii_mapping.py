"""COCO's keypoints as MPII's joints, as far as there are any that are the same."""

from __future__ import annotations

import numpy as np

from posebench.datasets.skeletons import COCO17, MPII16
from posebench.types import BoolArray, Float64Array, FloatArray

MAPPING_NOTE = (
    "COCO's 17 keypoints were taken for MPII's joints: upper neck and head top have no "
    "counterpart, so the mean is over 12 joints instead of 14 and is no full PCKh; COCO's hips are "
    "annotated elsewhere than MPII's"
)

_MIDDLE_OF = {
    "pelvis": ("left_hip", "right_hip"),
    "thorax": ("left_shoulder", "right_shoulder"),
}
_SOURCES = [
    [COCO17.keypoints.index(name) for name in _MIDDLE_OF.get(joint, (joint,))]
    if joint in _MIDDLE_OF or joint in COCO17.keypoints
    else []
    for joint in MPII16.keypoints
]

MAPPED: BoolArray = np.array([bool(sources) for sources in _SOURCES])
"""(16,) which of MPII's joints COCO's keypoints tell."""


def coco17_to_mpii16(keypoints: FloatArray) -> Float64Array:
    """(N, 16, 2) px: limbs as they are, pelvis and thorax in the middle of hips and shoulders.

    Args:
        keypoints: (N, 17, 2) px.

    Returns:
        Joints that ``MAPPED`` does not have are at 0, 0.
    """
    joints = np.zeros((len(keypoints), len(_SOURCES), 2))
    for joint in np.flatnonzero(MAPPED):
        joints[:, joint] = keypoints[:, _SOURCES[joint]].mean(axis=1, dtype=np.float64)
    return joints
