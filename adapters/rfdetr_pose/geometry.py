"""Boxes and keypoints as tensors: conversions, overlaps, similarities."""

from __future__ import annotations

import torch
from torch import Tensor


def to_corners(boxes: Tensor) -> Tensor:
    """(..., 4) centre x, centre y, width, height to left, top, right, bottom."""
    centre, half = boxes[..., :2], boxes[..., 2:] / 2
    return torch.cat([centre - half, centre + half], dim=-1)


def to_centres(boxes: Tensor) -> Tensor:
    """(..., 4) left, top, right, bottom to centre x, centre y, width, height."""
    low, high = boxes[..., :2], boxes[..., 2:]
    return torch.cat([(low + high) / 2, high - low], dim=-1)


def box_overlap(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Intersection over union and its generalised form (arXiv:1902.09630) of paired boxes.

    Args:
        a: (..., 4) centre x, centre y, width, height, not negative.
        b: Likewise; the leading axes are broadcast.

    Returns:
        IoU in 0..1 and GIoU in -1..1, of the broadcast shape.
    """
    a, b = to_corners(a), to_corners(b)
    inside = _extent(torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:]))
    hull = _extent(torch.minimum(a[..., :2], b[..., :2]), torch.maximum(a[..., 2:], b[..., 2:]))
    union = _extent(a[..., :2], a[..., 2:]) + _extent(b[..., :2], b[..., 2:]) - inside
    tiny = torch.finfo(union.dtype).tiny
    iou = inside / union.clamp(min=tiny)
    return iou, iou - (hull - union) / hull.clamp(min=tiny)


def keypoint_similarity(
    predicted: Tensor, truth: Tensor, labelled: Tensor, areas: Tensor, sigmas: Tensor
) -> Tensor:
    """Object keypoint similarity, as COCO defines it.

    The mean over the labelled keypoints of ``exp(-d² / (2 · area · (2 sigma)²))``
    (https://cocodataset.org/#keypoints-eval).

    Distances are taken in pixels of equal sides, whatever the shape of the image.

    Args:
        predicted: (..., K, 2) pixels.
        truth: (..., K, 2) pixels.
        labelled: (..., K) bool, v > 0.
        areas: (...) square pixels of the objects, positive.
        sigmas: (K,) tolerances.

    Returns:
        (...) in 0..1; 0 where no keypoint is labelled.
    """
    squared = (predicted - truth).square().sum(-1)
    exponent = squared / (2 * areas.unsqueeze(-1) * (2 * sigmas).square())
    return masked_mean(torch.exp(-exponent), labelled)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the last axis where ``mask`` is True; 0 where it is True nowhere."""
    weights = mask.to(values.dtype)
    # where, not a product: an infinite value under a False mask would give NaN.
    kept = torch.where(mask, values, torch.zeros_like(values))
    return kept.sum(-1) / weights.sum(-1).clamp(min=1)


def _extent(low: Tensor, high: Tensor) -> Tensor:
    return (high - low).clamp(min=0).prod(-1)
