"""RTMO networks whose weights are untrained, but whose outputs are people-sized and spread."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from support import require_mmpose

from posebench.config import Preprocess
from posebench.pipelines.letterbox import preprocess_image
from posebench.types import Image

CONFIG = "rtmo-s_8xb32-600e_coco-640x640"


def network(images: Sequence[Image], config: str = CONFIG) -> tuple[Any, Any]:
    """mmpose's own network, the same every time, and its configuration.

    With initial weights the signal overflows: batch normalisation assumes statistics that nothing
    has. Here they are those of the pictures. Boxes start at about 70 px and scores at a half, and
    keypoints are the mean of many bins, not a toss between two far ones.
    """
    require_mmpose()
    import torch
    from posebench_adapters._mmpose_checkpoint import build
    from posebench_adapters._mmpose_config import find_config, read_config

    settings = read_config(find_config(config))
    torch.manual_seed(7)
    estimator = build(settings, None)
    head = estimator.head.head_module
    for layers, bias in ((head.out_bbox, 1.5), (head.out_cls, 0.0)):
        for layer in layers:
            torch.nn.init.normal_(layer.weight, std=0.02)
            torch.nn.init.constant_(layer.bias, bias)
    for module in estimator.modules():
        if isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
            module.momentum = None  # the mean over all pictures
    with torch.no_grad():
        poses = estimator.train()(inputs(images), None)[-1]
        vectors = estimator.head._flatten_predictions(poses).flatten(0, 1)
        estimator.head.dcc.pose_to_kpts(vectors)
    for encoding in (estimator.head.dcc.x_fc, estimator.head.dcc.y_fc):
        encoding.weight.data *= 0.05
    return estimator.eval(), settings


def inputs(images: Sequence[Image]) -> Any:
    """What the network sees of pictures: (B, 3, 640, 640), BGR."""
    import torch

    wanted = Preprocess(resize="letterbox-affine", color="bgr", scale=1.0)
    return torch.from_numpy(np.concatenate([preprocess_image(i, wanted)[0] for i in images]))


def checkpoint(folder: Path, estimator: Any, name: str = "epoch_600.pth") -> Path:
    """A file like those that mmengine saves: with notes in NumPy values and a record of losses."""
    import torch
    from mmengine.logging import HistoryBuffer

    losses = HistoryBuffer()
    losses.update(1.5)
    document = {
        "meta": {"epoch": 600, "dataset_meta": {"sigmas": np.ones(17, np.float32)},
                 "loss": np.float64(1.5)},
        "message_hub": {"log_scalars": {"train/loss": losses}},
        "state_dict": estimator.state_dict(),
        "ema_state_dict": {f"module.{k}": v * 0 for k, v in estimator.state_dict().items()},
    }  # fmt: skip
    torch.save(document, folder / name)
    return folder / name
