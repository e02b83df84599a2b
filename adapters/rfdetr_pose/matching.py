"""Which query answers for which object: the Hungarian matching of DETR, group by group."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from rfdetr_pose.geometry import box_overlap, masked_mean
from rfdetr_pose.targets import Targets

_FOCAL_ALPHA = 0.25
_FOCAL_GAMMA = 2.0
_HOPELESS = 1e6


@dataclass(frozen=True)
class MatchCosts:
    """Weights of the terms of the matching cost.

    Attributes:
        classes: Focal cost of the object's class (arXiv:2010.04159, appendix).
        boxes: L1 distance of the boxes, in fractions of the image.
        giou: Negative generalised IoU.
        keypoints: Mean L1 distance of the labelled keypoints, relative to the root of the
            object's area. 0 leaves the keypoints out.
    """

    classes: float = 2.0
    boxes: float = 5.0
    giou: float = 2.0
    keypoints: float = 0.0


@dataclass(frozen=True, eq=False)
class Matches:
    """M pairs of a query and an object, as four (M,) int64 index tensors.

    Attributes:
        layer: Of the prediction.
        image: In the batch.
        query: Among all groups' queries.
        target: Among the image's objects.
    """

    layer: Tensor
    image: Tensor
    query: Tensor
    target: Tensor


@torch.no_grad()
def match(
    logits: Tensor,
    boxes: Tensor,
    targets: Targets,
    *,
    groups: int,
    costs: MatchCosts,
    keypoints: Tensor | None = None,
) -> Matches:
    """Assign every object to one query of each group, at the least total cost.

    Args:
        logits: (L, B, G·Q, classes).
        boxes: (L, B, G·Q, 4).
        targets: B images.
        groups: G; each group is matched by itself.
        costs: Weights of the terms.
        keypoints: (L, B, G·Q, K, 2), 0..1; without them their term is left out.
    """
    cost = _cost(logits.float(), boxes.float(), targets, costs)
    if keypoints is not None and costs.keypoints:
        cost = cost + costs.keypoints * _keypoint_cost(keypoints.float(), targets)
    # A diverging network gives NaN; the assignment would refuse, the loss should tell.
    table = torch.nan_to_num(cost, nan=_HOPELESS, posinf=_HOPELESS, neginf=-_HOPELESS).cpu()
    layers, images, queries, _ = table.shape
    per_group = queries // groups
    counts = targets.present.sum(1).tolist()
    found: list[Tensor] = []
    for layer in range(layers):
        for image in range(images):
            for group in range(groups if counts[image] else 0):
                first = group * per_group
                part = table[layer, image, first : first + per_group, : counts[image]].numpy()
                query, target = linear_sum_assignment(part)
                pairs = torch.empty((4, len(query)), dtype=torch.int64)
                pairs[0], pairs[1] = layer, image
                pairs[2] = torch.from_numpy(query) + first
                pairs[3] = torch.from_numpy(target)
                found.append(pairs)
    indices = torch.cat(found, 1) if found else torch.empty((4, 0), dtype=torch.int64)
    return Matches(*indices.to(logits.device))


def _cost(logits: Tensor, boxes: Tensor, targets: Targets, costs: MatchCosts) -> Tensor:
    """(L, B, N, T)."""
    scores = logits.sigmoid()
    positive = _FOCAL_ALPHA * (1 - scores) ** _FOCAL_GAMMA * -torch.log(scores + 1e-8)
    negative = (1 - _FOCAL_ALPHA) * scores**_FOCAL_GAMMA * -torch.log(1 - scores + 1e-8)
    queries = logits.shape[2]
    labels = targets.labels[None, :, None, :].expand(len(logits), -1, queries, -1)
    classes = (positive - negative).gather(-1, labels)
    wanted = targets.boxes[None, :, None]
    found = boxes.unsqueeze(3)
    distance = (found - wanted).abs().sum(-1)
    _, giou = box_overlap(found, wanted)
    return costs.classes * classes + costs.boxes * distance - costs.giou * giou


def _keypoint_cost(keypoints: Tensor, targets: Targets) -> Tensor:
    """(L, B, N, T)."""
    sizes = targets.sizes[:, None, None]
    wanted = (targets.keypoints * sizes)[None, :, None]
    found = (keypoints * sizes).unsqueeze(3)
    distance = (found - wanted).abs().sum(-1)
    labelled = (targets.visibility > 0)[None, :, None].expand(distance.shape)
    scale = targets.areas.clamp(min=1).sqrt()[None, :, None]
    return masked_mean(distance, labelled) / scale
