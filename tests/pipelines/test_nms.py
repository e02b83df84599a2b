from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from posebench.pipelines.nms import nms
from posebench.types import Float32Array, IntArray


def reference(boxes: Float32Array, scores: Float32Array, threshold: float) -> list[int]:
    """The definition, pair by pair."""
    kept: list[int] = []
    for index in sorted(range(len(boxes)), key=lambda i: -scores[i]):
        if all(not _iou(boxes[index], boxes[other]) > np.float32(threshold) for other in kept):
            kept.append(index)
    return kept


def _iou(a: Float32Array, b: Float32Array) -> np.float32:
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    inter = np.prod(np.maximum(high - low, 0), dtype=np.float32)
    union = np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - inter
    return np.float32(np.nan) if union == 0 else np.float32(inter / union)


def crowd(seed: int, count: int) -> tuple[Float32Array, Float32Array]:
    """Boxes that overlap a lot, scores with ties."""
    random = np.random.default_rng(seed)
    corners = random.uniform(0, 60, (count, 2))
    boxes = np.concatenate([corners, corners + random.uniform(0, 40, (count, 2))], axis=1)
    return boxes.astype(np.float32), random.integers(1, 50, count).astype(np.float32) / 50


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 120), st.sampled_from([0.0, 0.3, 0.5, 0.7, 1.0]))
def test_equals_the_definition(seed: int, count: int, threshold: float) -> None:
    boxes, scores = crowd(seed, count)
    assert nms(boxes, scores, threshold).tolist() == reference(boxes, scores, threshold)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 100))
def test_fewer_detections_are_the_first_ones(seed: int, most: int) -> None:
    boxes, scores = crowd(seed, 300)
    every = nms(boxes, scores, 0.6, max_detections=300)
    np.testing.assert_array_equal(nms(boxes, scores, 0.6, max_detections=most), every[:most])


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_candidates_are_cut_before_suppression(seed: int) -> None:
    boxes, scores = crowd(seed, 200)
    best = np.argsort(-scores, kind="stable")[:50]
    expected = best[nms(boxes[best], scores[best], 0.5)]
    np.testing.assert_array_equal(nms(boxes, scores, 0.5, max_candidates=50), expected)


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_classes_do_not_suppress_each_other(seed: int) -> None:
    boxes, scores = crowd(seed, 120)
    class_ids: IntArray = np.random.default_rng(seed).integers(0, 3, 120)
    kept = set(nms(boxes, scores, 0.5, class_ids=class_ids).tolist())
    for class_id in range(3):
        members: npt.NDArray[np.intp] = np.flatnonzero(class_ids == class_id)
        alone = members[nms(boxes[members], scores[members], 0.5)]
        assert kept & set(members.tolist()) == set(alone.tolist())


def test_thirty_thousand_candidates() -> None:
    boxes, scores = crowd(3, 30_000)
    order = np.argsort(-scores, kind="stable")
    kept = nms(boxes, scores, 0.7)
    assert len(kept) == 300
    # The first 300 survivors all come from the best few thousand.
    best = order[: int(np.flatnonzero(order == kept[-1])[0]) + 1]
    assert best[reference(boxes[best], scores[best], 0.7)].tolist() == kept.tolist()


def test_nothing_gives_nothing() -> None:
    none = nms(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), 0.7)
    assert none.shape == (0,)
    assert none.dtype == np.int64


def test_empty_boxes_are_kept() -> None:
    boxes = np.zeros((3, 4), np.float32)
    assert nms(boxes, np.array([0.1, 0.3, 0.2], np.float32), 0.5).tolist() == [1, 2, 0]
