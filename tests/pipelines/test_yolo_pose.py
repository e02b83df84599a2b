from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from posebench.config import EvalProtocol, resolve_protocol
from posebench.errors import InputError
from posebench.pipelines.yolo_pose import (
    Head,
    YoloPoseModel,
    head_from_metadata,
    metadata_protocol,
)
from posebench.testing import FakeSession
from posebench.types import Float32Array, Image, ModelCost, Prediction

COST = ModelCost(None, None, "a fake")
METADATA = {
    "task": "pose",
    "kpt_shape": "[17, 3]",
    "names": "{0: 'person'}",
    "imgsz": "[64, 64]",
    "stride": "32",
    "end2end": "False",
    "args": "{'nms': False}",
}


def protocol(**postprocess: Any) -> EvalProtocol:
    size = {"input_height": 64, "input_width": 64}
    return resolve_protocol({"preprocess": size, "postprocess": postprocess})


def anchors(rows: list[list[float]], columns: int) -> Float32Array:
    """A raw head's output with these anchors and a few empty ones."""
    output = np.zeros((1, columns, len(rows) + 5), np.float32)
    output[0, :, 3 : 3 + len(rows)] = np.array(rows, np.float32).T
    return output


def run(
    output: Float32Array, head: Head, rules: EvalProtocol, shape: tuple[int, int]
) -> Prediction:
    model = YoloPoseModel(FakeSession({"output0": output}), head, rules, artifacts=(), cost=COST)
    picture: Image = np.zeros((*shape, 3), np.uint8)
    return model.predict([picture])[0]


def test_a_raw_head_is_thresholded_suppressed_and_mapped_back() -> None:
    rows = [
        [32, 32, 20, 20, 0.6, 30, 30, 0.9],
        [33, 32, 20, 20, 0.8, 34, 30, 0.7],  # the same person, better
        [10, 30, 8, 8, 0.0009, 10, 30, 0.5],  # under the threshold
        [10, 40, 8, 8, 0.001, 12, 40, 0.4],  # at the threshold
    ]
    # 128 x 64 px into 64 x 64: scale 0.5, 16 rows of padding above.
    found = run(anchors(rows, 8), Head("yolo-pose", 1), protocol(), (64, 128))
    np.testing.assert_allclose(found.scores, [0.8, 0.001], rtol=1e-6)
    np.testing.assert_allclose(found.keypoints[:, 0], [[68, 28], [24, 48]])
    np.testing.assert_allclose(found.keypoint_scores[:, 0], [0.7, 0.4])
    assert found.boxes is not None
    np.testing.assert_allclose(found.boxes[0], [46, 12, 86, 52])
    assert found.class_ids is None
    np.testing.assert_array_equal(found.scores, found.box_scores)


def test_two_numbers_a_keypoint_have_a_constant_score() -> None:
    rows = [[32, 32, 20, 20, 0.6, 30, 30, 20, 20]]
    rules = protocol(keypoint_score="constant")
    found = run(anchors(rows, 9), Head("yolo-pose", 2, keypoint_dims=2), rules, (64, 64))
    np.testing.assert_array_equal(found.keypoints, [[[30, 30], [20, 20]]])
    np.testing.assert_array_equal(found.keypoint_scores, [[1, 1]])


def test_classes_are_told_apart_and_do_not_suppress_each_other() -> None:
    rows = [
        [32, 32, 20, 20, 0.6, 0.1, 30, 30, 0.9],
        [32, 32, 20, 20, 0.2, 0.8, 31, 31, 0.9],
    ]
    found = run(anchors(rows, 9), Head("yolo-pose", 1, num_classes=2), protocol(), (64, 64))
    assert found.class_ids is not None
    assert found.class_ids.tolist() == [1, 0]
    np.testing.assert_allclose(found.scores, [0.8, 0.6])


def test_selected_people_are_taken_as_they_are() -> None:
    output = np.zeros((1, 300, 9), np.float32)
    output[0, 0] = [10, 10, 30, 30, 0.9, 0, 20, 20, 0.8]
    output[0, 1] = [11, 10, 30, 30, 0.7, 0, 21, 20, 0.6]
    found = run(output, Head("yolo-pose-nms", 1), protocol(nms="in-graph"), (64, 64))
    np.testing.assert_allclose(found.scores, [0.9, 0.7])
    np.testing.assert_allclose(found.keypoints[:, 0], [[20, 20], [21, 20]])
    most = protocol(nms="in-graph", max_detections=1)
    assert len(run(output, Head("yolo-pose-nms", 1), most, (64, 64))) == 1


def test_without_nms_every_candidate_is_kept_best_first() -> None:
    rows = [[32, 32, 20, 20, 0.6, 30, 30, 0.9], [33, 32, 20, 20, 0.8, 34, 30, 0.7]]
    found = run(anchors(rows, 8), Head("yolo-pose", 1), protocol(nms="none"), (64, 64))
    np.testing.assert_allclose(found.scores, [0.8, 0.6])


@pytest.mark.parametrize(
    ("fields", "boxes_inside", "keypoints_inside"),
    [
        ({}, True, False),
        ({"clip_boxes": False}, False, False),
        ({"clip_keypoints": True}, True, True),
    ],
)
def test_clipping_is_the_protocols(
    fields: dict[str, bool], boxes_inside: bool, keypoints_inside: bool
) -> None:
    rows = [[2, 2, 20, 20, 0.6, -4, 70, 0.9]]
    found = run(anchors(rows, 8), Head("yolo-pose", 1), protocol(**fields), (64, 64))
    assert found.boxes is not None
    assert bool(found.boxes.min() >= 0) is boxes_inside
    assert (found.keypoints[0, 0].tolist() == [0, 64]) is keypoints_inside


def test_nobody_is_a_prediction_too() -> None:
    found = run(np.zeros((1, 56, 84), np.float32), Head("yolo-pose", 17), protocol(), (64, 64))
    assert len(found) == 0
    assert found.keypoints.shape == (0, 17, 2)
    assert found.boxes is not None


def test_metadata_describes_the_head() -> None:
    assert head_from_metadata(METADATA) == Head("yolo-pose", 17, 3, 1)
    assert head_from_metadata(METADATA | {"end2end": "True"}) == Head("yolo-pose-nms", 17, 3, 1)
    selected = METADATA | {"args": "{'nms': True}", "kpt_shape": "[4, 2]", "names": "{0:'a',1:'b'}"}
    assert head_from_metadata(selected) == Head("yolo-pose-nms", 4, 2, 2)
    assert head_from_metadata({"producer": "someone else"}) is None


def test_metadata_decides_sizes_nms_and_keypoint_scores() -> None:
    assert metadata_protocol({}) == {}
    raw = metadata_protocol(METADATA | {"imgsz": "[320, 256]", "stride": "64"})
    assert raw["preprocess"] == {"input_height": 320, "input_width": 256, "pad_stride": 64}
    assert raw["postprocess"] == {"nms": "box-iou", "keypoint_score": "visibility"}
    assert metadata_protocol(METADATA | {"end2end": "True"})["postprocess"]["nms"] == "none"
    graph = metadata_protocol(METADATA | {"args": "{'nms': True}", "kpt_shape": "[4, 2]"})
    assert graph["postprocess"] == {"nms": "in-graph", "keypoint_score": "constant"}


@pytest.mark.parametrize(
    "change",
    [
        {"task": "detect"},
        {"kpt_shape": "17"},
        {"kpt_shape": "__import__('os').system('true')"},
        {"names": "{0: 'person'"},
        {"args": "[]"},
    ],
)
def test_unreadable_metadata_is_an_input_error(change: dict[str, str]) -> None:
    with pytest.raises(InputError):
        head_from_metadata(METADATA | change)


@pytest.mark.parametrize(
    ("head", "rules", "message"),
    [
        (Head("yolo-pose", 16), {}, "has 53 on axis 1"),
        (Head("yolo-pose-nms", 17), {"nms": "none"}, "has 57 on axis 2"),
        (Head("yolo-pose", 17), {"nms": "in-graph"}, "gives every anchor"),
        (Head("yolo-pose-nms", 17), {"nms": "box-iou"}, "selects people itself"),
    ],
)
def test_a_head_that_does_not_fit_is_refused(
    head: Head, rules: dict[str, str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        run(np.zeros((1, 56, 84), np.float32), head, protocol(**rules), (64, 64))
