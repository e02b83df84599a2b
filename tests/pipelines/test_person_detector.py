"""What YOLOX, RTMDet and RF-DETR detectors share, on faked outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from posebench.config import EvalProtocol, resolve_protocol
from posebench.errors import InputError
from posebench.pipelines.rtmdet import RTMDetModel
from posebench.testing import FakeSession
from posebench.types import Image, ModelCost, Prediction

CELLS = 64 + 16 + 4
PICTURE: Image = np.zeros((32, 64, 3), np.uint8)
"""In a 64 x 64 px input its scale is 1 and the lower half is padding."""


def protocol(**postprocess: Any) -> EvalProtocol:
    pre = {"input_height": 64, "input_width": 64, "pad_position": "top-left"}
    return resolve_protocol({"preprocess": pre, "postprocess": postprocess})


def model(
    boxes: Sequence[tuple[Sequence[float], float]], rules: EvalProtocol | None = None
) -> RTMDetModel:
    """A detector that gives these x1, y1, x2, y2 and scores, from the cell at the origin on."""
    scores = np.zeros((1, CELLS, 1), np.float32)
    distances = np.zeros((1, CELLS, 4), np.float32)
    for cell, (corners, score) in enumerate(boxes):
        x = 8.0 * cell
        scores[0, cell] = score
        distances[0, cell] = [x - corners[0], -corners[1], corners[2] - x, corners[3]]
    session = FakeSession({"scores": scores, "distances": distances})
    cost = ModelCost(None, None, "a fake")
    return RTMDetModel(session, rules or protocol(), artifacts=(), cost=cost)


def found(boxes: Sequence[tuple[Sequence[float], float]], **postprocess: Any) -> Prediction:
    return model(boxes, protocol(**postprocess)).predict([PICTURE])[0]


def test_people_are_thresholded_suppressed_and_without_keypoints() -> None:
    boxes: Sequence[tuple[Sequence[float], float]] = [
        ([2, 2, 20, 30], 0.5),
        ([2, 2, 20, 29], 0.9),
        ([40, 2, 60, 30], 0.3),
        ([20, 2, 38, 30], 0.2),
    ]
    people = found(boxes, score_threshold=0.3)
    assert people.boxes is not None
    np.testing.assert_allclose(people.boxes, [[2, 2, 20, 29], [40, 2, 60, 30]], atol=1e-4)
    np.testing.assert_array_equal(people.scores, np.array([0.9, 0.3], np.float32))
    np.testing.assert_array_equal(people.box_scores, people.scores)
    assert people.keypoints.shape == (2, 0, 2)
    assert people.keypoint_scores.shape == (2, 0)
    assert people.class_ids is None
    assert len(found(boxes, score_threshold=0.3, nms="none")) == 3
    assert len(found(boxes, max_detections=1)) == 1


def test_a_box_in_the_padding_is_nobody() -> None:
    outside = ([10, 40, 20, 60], 0.9)
    people = found([outside, ([10, 20, 20, 60], 0.8)])
    assert people.boxes is not None
    np.testing.assert_allclose(people.boxes, [[10, 20, 20, 32]], atol=1e-4)
    assert len(found([outside])) == 0
    assert len(found([outside], clip_boxes=False)) == 1


def test_an_empty_picture_has_no_people() -> None:
    people = found([])
    assert people.boxes is not None
    assert (len(people), people.boxes.shape, people.num_keypoints) == (0, (0, 4), 0)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match=r"nms=in-graph.*box-iou"):
        model([], protocol(nms="in-graph"))
    with pytest.raises(InputError, match=r"has 83 rows; .* there would be 84"):
        fake(83, 64)
    with pytest.raises(InputError, match="multiple of 32"):
        fake(CELLS, 40)
    with pytest.raises(InputError, match="those of RTMDet"):
        fake(CELLS, 64, "scores")


def fake(rows: int, height: int, *names: str) -> RTMDetModel:
    """A detector with so many rows in these outputs, or in both."""
    shapes = {"scores": (1, rows, 1), "distances": (1, rows, 4)}
    outputs = {name: np.zeros(shapes[name], np.float32) for name in names or shapes}
    session = FakeSession(outputs, input_shape=(1, 3, height, 64))
    rules = resolve_protocol({"preprocess": {"input_height": height, "input_width": 64}})
    return RTMDetModel(session, rules, artifacts=(), cost=ModelCost(None, None, "a fake"))
