from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from posebench.config import EvalProtocol, resolve_protocol
from posebench.errors import InputError
from posebench.pipelines.detr_pose import (
    CONFIG_KEY,
    DetrHead,
    DetrPoseModel,
    detr_head,
    detr_protocol,
    stretched_protocol,
)
from posebench.testing import FakeSession
from posebench.types import Float32Array, ModelCost, Prediction

COST = ModelCost(None, None, "a fake")
CONFIG = {"resolution": 64, "class_names": ["person"], "keypoints": {"names": ["a", "b"]}}


def protocol(**postprocess: Any) -> EvalProtocol:
    return resolve_protocol(stretched_protocol(64), {"postprocess": postprocess})


def queries(scores: list[list[float]], keypoints: int = 2) -> dict[str, Float32Array]:
    """Outputs of a network: query i has its box and keypoints at i."""
    count = len(scores)
    place = np.arange(count, dtype=np.float32)
    return {
        "boxes": np.stack([place, place + 1, place + 10, place + 20], -1)[None],
        "scores": np.array(scores, np.float32)[None],
        "keypoints": np.tile(place[None, :, None, None], (1, 1, keypoints, 2)) + 4,
        "keypoint_confidences": np.tile(place[None, :, None], (1, 1, keypoints)) / 100,
    }


def run(outputs: dict[str, Float32Array], head: DetrHead, rules: EvalProtocol) -> Prediction:
    model = DetrPoseModel(FakeSession(outputs), head, rules, artifacts=(), cost=COST)
    return model.predict([np.zeros((32, 128, 3), np.uint8)])[0]


def test_queries_are_ranked_and_mapped_back_by_each_side_s_own_scale() -> None:
    # 128 x 32 px stretched to 64 x 64: half the width, twice the height.
    found = run(queries([[0.2], [0.9], [0.0009], [0.001]]), DetrHead(2), protocol())
    np.testing.assert_allclose(found.scores, [0.9, 0.2, 0.001], rtol=1e-6)
    np.testing.assert_array_equal(found.keypoints[0], [[10, 2.5], [10, 2.5]])
    np.testing.assert_allclose(found.keypoint_scores[:, 0], [0.01, 0, 0.03], atol=1e-7)
    assert found.boxes is not None
    np.testing.assert_array_equal(found.boxes[0], [2, 1, 22, 10.5])
    assert found.class_ids is None


def test_boxes_are_cut_at_the_picture_and_keypoints_are_not() -> None:
    outputs = queries([[0.5]])
    outputs["boxes"][:] = [-6, -6, 90, 90]
    outputs["keypoints"][:] = 80
    found = run(outputs, DetrHead(2), protocol())
    assert found.boxes is not None
    np.testing.assert_array_equal(found.boxes, [[0, 0, 128, 32]])
    np.testing.assert_array_equal(found.keypoints, [[[160, 40], [160, 40]]])


def test_a_query_counts_once_for_each_class() -> None:
    found = run(queries([[0.3, 0.8], [0.5, 0.1]]), DetrHead(2, 2), protocol(max_detections=3))
    np.testing.assert_allclose(found.scores, [0.8, 0.5, 0.3], rtol=1e-6)
    assert found.class_ids is not None
    np.testing.assert_array_equal(found.class_ids, [1, 0, 0])
    np.testing.assert_array_equal(found.keypoints[:, 0, 0], [8, 10, 8])


def test_equal_scores_keep_the_networks_order() -> None:
    found = run(queries([[0.5], [0.5], [0.5]]), DetrHead(2), protocol(max_detections=2))
    np.testing.assert_array_equal(found.keypoints[:, 0, 0], [8, 10])


def test_nobody_found_is_an_empty_prediction() -> None:
    found = run(queries([[0.0]]), DetrHead(2), protocol())
    assert len(found) == 0 and found.num_keypoints == 2


@pytest.mark.parametrize(
    ("head", "named"),
    [(DetrHead(3), "keypoints"), (DetrHead(2, 2), "scores")],
)
def test_outputs_that_do_not_fit_are_named(head: DetrHead, named: str) -> None:
    with pytest.raises(InputError, match=f"{named}' would end in"):
        run(queries([[0.5]]), head, protocol())


def test_a_missing_output_is_named() -> None:
    outputs = queries([[0.5]])
    del outputs["keypoint_confidences"]
    with pytest.raises(InputError, match="keypoint_confidences"):
        run(outputs, DetrHead(2), protocol())


def test_suppression_is_refused() -> None:
    with pytest.raises(InputError, match=r"postprocess\.nms=box-iou"):
        run(queries([[0.5]]), DetrHead(2), protocol(nms="box-iou"))


def test_an_exported_network_describes_itself() -> None:
    metadata = {CONFIG_KEY: json.dumps(CONFIG)}
    assert detr_head(metadata) == DetrHead(2, 1)
    assert detr_protocol(metadata)["preprocess"]["input_width"] == 64
    assert detr_head({}) is None


@pytest.mark.parametrize("text", ["{", "[]", '{"resolution": 64}', '{"keypoints": {"names": []}}'])
def test_a_description_that_cannot_be_read_is_an_error(text: str) -> None:
    with pytest.raises(InputError, match=CONFIG_KEY):
        detr_head({CONFIG_KEY: text})
