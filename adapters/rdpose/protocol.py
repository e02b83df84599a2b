"""What a file of ours says of itself, and how it is to be run; torch is not needed to read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from rdpose.config import ModelConfig

CONFIG_KEY = "rdpose.config"
"""Metadata of checkpoints and exported files: the network's configuration as JSON."""

INFERENCE_KEY = "rdpose.inference"
"""Metadata of exported files: ``plain`` or ``fdm``."""

HEAD_KEY = "posebench.heatmaps"
"""Metadata of exported files under which posebench looks for what the heat maps are."""

Protocol: TypeAlias = Mapping[str, Mapping[str, Any]]

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's


def protocol_of(config: ModelConfig) -> dict[str, dict[str, Any]]:
    """How HRNet's authors test such a network, as posebench's protocol spells it.

    On MPII every annotated person is predicted once, so nobody is suppressed.
    """
    height, width = config.input_size
    suppression = (
        {"nms": "oks", "nms_threshold": 0.9} if config.joint_set.sigmas else {"nms": "none"}
    )
    return {
        "preprocess": {
            "input_height": height,
            "input_width": width,
            "color": "rgb",
            "scale": 1 / 255,
            "mean": _MEAN,
            "std": _STD,
            "pad_value": 0,
        },
        "postprocess": {
            **suppression,
            "score_mode": "box-keypoint",
            "keypoint_score": "heatmap-max",
        },
        "augmentation": {"flip_test": True},
        "top_down": {
            "box_padding": 1.25,
            "warp": "classic",
            "decode": "quarter-shift",
            "shift_flipped": True,
        },
    }
