"""Greedy non-maximum suppression of boxes, in NumPy."""

from __future__ import annotations

import numpy as np

from posebench.types import BoolArray, Float32Array, IntArray

CLASS_OFFSET_PX = 7680.0
"""Boxes of class c are moved by c times this much, so that classes never overlap."""

_BLOCK = 64


def nms(
    boxes: Float32Array,
    scores: Float32Array,
    iou_threshold: float,
    *,
    class_ids: IntArray | None = None,
    max_candidates: int = 30000,
    max_detections: int = 300,
) -> IntArray:
    """Indices of the boxes that survive, best first.

    A box is dropped if its IoU with a better one that was kept is above the threshold. Boxes of
    equal score keep their order. Candidates are taken in blocks, and the search ends with the last
    detection that is asked for, which leaves the result as it is.

    Args:
        boxes: (N, 4) float32 x1, y1, x2, y2.
        scores: (N,) float32.
        iou_threshold: 0..1.
        class_ids: (N,) int64; boxes of different classes do not suppress each other.
        max_candidates: Only so many of the best-scored boxes are looked at.
        max_detections: Only so many survivors are returned.

    Returns:
        (M,) int64 with M <= ``max_detections``.
    """
    order = np.argsort(-scores, kind="stable")[:max_candidates]
    candidates = boxes[order]
    if class_ids is not None:
        candidates = candidates + (class_ids[order, None] * CLASS_OFFSET_PX).astype(np.float32)
    kept = np.empty((0, 4), np.float32)
    survivors: list[IntArray] = []
    for start in range(0, len(order), _BLOCK):
        block = candidates[start : start + _BLOCK]
        alive = ~(_iou(kept, block) > iou_threshold).any(axis=0)
        _suppress_within(_iou(block, block) > iou_threshold, alive)
        kept = np.concatenate([kept, block[alive]])
        survivors.append(order[start : start + _BLOCK][alive])
        if len(kept) >= max_detections:
            break
    if not survivors:
        return np.zeros(0, np.int64)
    return np.concatenate(survivors)[:max_detections]


def _suppress_within(overlaps: BoolArray, alive: BoolArray) -> None:
    """Greedy pass over one block, best first; ``alive`` is changed in place."""
    crowded = np.flatnonzero(np.triu(overlaps, 1).any(axis=1))
    for index in crowded:
        if alive[index]:
            alive[index + 1 :] &= ~overlaps[index, index + 1 :]


def _iou(first: Float32Array, second: Float32Array) -> Float32Array:
    """(A, B) intersection over union of (A, 4) and (B, 4) boxes; NaN for two empty ones."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    sides = np.maximum(high - low, 0)
    inter = sides[..., 0] * sides[..., 1]
    union = _area(first)[:, None] + _area(second)[None, :] - inter
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(inter / union, np.float32)


def _area(boxes: Float32Array) -> Float32Array:
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]), np.float32)
