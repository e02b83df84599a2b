"""From the network's queries to objects, best first."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rfdetr_pose.geometry import to_corners
from rfdetr_pose.network import PoseOutput


@dataclass(frozen=True, eq=False)
class Decoded:
    """The M best objects of each of B images, best first; coordinates 0..1 of the image's sides.

    Attributes:
        scores: (B, M) 0..1.
        labels: (B, M) int64 zero-based class.
        boxes: (B, M, 4) left, top, right, bottom.
        keypoints: (B, M, K, 2) x, y.
        confidences: (B, M, K) probability that the keypoint is visible.
    """

    scores: Tensor
    labels: Tensor
    boxes: Tensor
    keypoints: Tensor
    confidences: Tensor


def decode(output: PoseOutput, limit: int) -> Decoded:
    """The ``limit`` best pairs of a query and a class.

    Args:
        output: Of the last layer.
        limit: M; the number of pairs if there are fewer.
    """
    logits = output.logits.float()
    batch, queries, classes = logits.shape
    best = logits.flatten(1).topk(min(limit, queries * classes), dim=1)
    query = best.indices // classes
    rows = torch.arange(batch, device=query.device).unsqueeze(1)
    return Decoded(
        scores=best.values.sigmoid(),
        labels=best.indices % classes,
        boxes=to_corners(output.boxes[rows, query].float()),
        keypoints=output.keypoints[rows, query].float(),
        confidences=output.visibility[rows, query].float().sigmoid(),
    )
