from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posebench.config import EvalProtocol, Preprocess, resolve_protocol
from posebench.errors import InputError
from posebench.pipelines.letterbox import plan, to_network, to_source
from posebench.pipelines.rtmo import RtmoGraph, RtmoModel, graph_from_metadata, select
from posebench.pipelines.rtmo_selected import (
    RtmoSelectedHead,
    RtmoSelectedModel,
    selected_protocol,
)
from posebench.testing import FakeSession
from posebench.types import Float32Array, ModelCost, TensorSpec

COST = ModelCost(None, None, "a fake")
PICTURE = np.zeros((32, 64, 3), np.uint8)
SIZE = {"preprocess": {"input_height": 64, "input_width": 64, "resize": "letterbox-affine"}}


def protocol(**postprocess: Any) -> EvalProtocol:
    return resolve_protocol(SIZE, {"postprocess": {"score_threshold": 0.1, **postprocess}})


def network(scores: list[float]) -> FakeSession:
    """One place a score: box i is 10 px wide, at 20 i."""
    corners = np.array([[20 * i, 16, 20 * i + 10, 36] for i in range(len(scores))], np.float32)
    count = len(scores)
    return FakeSession({
        "scores": np.array([scores], np.float32),
        "boxes": corners[None],
        "visibilities": np.full((1, count, 2), 0.7, np.float32),
        "pose_vectors": np.arange(count, dtype=np.float32)[None, :, None] * np.ones((1, 1, 3)),
    })  # fmt: skip


def decoder(channels: int = 3) -> FakeSession:
    session = FakeSession({"keypoints": np.full((1, 2, 2), 20, np.float32)})
    session.inputs = [
        TensorSpec("pose_vectors", (None, channels), "float32"),
        TensorSpec("boxes", (None, 4), "float32"),
        TensorSpec("indices", (None,), "int64"),
    ]
    return session


def model(scores: list[float], decoding: FakeSession, rules: EvalProtocol) -> RtmoModel:
    return RtmoModel(network(scores), decoding, 2, rules, artifacts=(), cost=COST)


def test_only_the_people_that_are_kept_are_decoded() -> None:
    decoding = decoder()
    found = model([0.05, 0.3, 0.9], decoding, protocol()).predict([PICTURE])[0]
    np.testing.assert_allclose(found.scores, [0.9, 0.3])
    (fed,) = decoding.fed
    np.testing.assert_array_equal(fed["indices"], [2, 1])
    np.testing.assert_array_equal(fed["pose_vectors"][:, 0], [2, 1])
    np.testing.assert_array_equal(fed["boxes"], [[40, 16, 50, 36], [20, 16, 30, 36]])
    # The picture lies 16 px below the top, at its own size.
    np.testing.assert_allclose(found.keypoints, np.broadcast_to([20, 4], (2, 2, 2)))
    assert found.boxes is not None
    np.testing.assert_allclose(found.boxes[0], [40, 0, 50, 20])
    np.testing.assert_allclose(found.keypoint_scores, 0.7)


def test_with_nobody_left_nothing_is_decoded() -> None:
    decoding = decoder()
    found = model([0.05, 0.09], decoding, protocol()).predict([PICTURE])[0]
    assert (len(found), found.num_keypoints, decoding.fed) == (0, 2, [])


def test_both_sessions_are_closed() -> None:
    finding, decoding = network([0.5]), decoder()
    RtmoModel(finding, decoding, 2, protocol(), artifacts=(), cost=COST).close()
    assert finding.closed and decoding.closed


def test_graphs_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match=r"'pose_vectors' would be \(None, 3\)"):
        model([0.5], decoder(channels=5), protocol())
    with pytest.raises(InputError, match="every place of its grids"):
        model([0.5], decoder(), protocol(nms="in-graph"))
    with pytest.raises(InputError, match="'visibilities' would be"):
        RtmoModel(network([0.5]), decoder(), 17, protocol(), artifacts=(), cost=COST)
    with pytest.raises(InputError, match="'scores' would be"):
        RtmoModel(decoder_as_network(), decoder(), 2, protocol(), artifacts=(), cost=COST)


def decoder_as_network() -> FakeSession:
    return FakeSession({"keypoints": np.zeros((1, 2, 2), np.float32)})


def test_without_suppression_the_best_are_kept() -> None:
    boxes = np.tile(np.array([[0, 0, 10, 10]], np.float32), (4, 1))
    scores = np.array([0.2, 0.9, 0.05, 0.9], np.float32)
    rules = protocol(nms="none", max_detections=2).postprocess
    assert select(scores, boxes, rules).tolist() == [1, 3]
    assert select(scores, boxes, protocol().postprocess).tolist() == [1]


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"stage": "neck", "num_keypoints": 17}',
             '{"stage": "decoder", "num_keypoints": 0}'],
)  # fmt: skip
def test_a_description_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"posebench\.rtmo cannot be read"):
        graph_from_metadata({"posebench.rtmo": text})


def test_a_description_is_read_as_it_was_written() -> None:
    graph = RtmoGraph("decoder", 14)
    assert graph_from_metadata(graph.to_metadata()) == graph
    assert graph_from_metadata({}) is None


def selected(dets: Float32Array, rules: EvalProtocol) -> RtmoSelectedModel:
    keypoints = np.tile(dets[:, None, :3], (1, 2, 1))[None]
    session = FakeSession({"dets": dets[None], "keypoints": keypoints})
    return RtmoSelectedModel(session, RtmoSelectedHead(2), rules, artifacts=(), cost=COST)


def test_selected_people_are_ranked_and_empty_rows_are_no_people() -> None:
    rows = np.array([[4, 4, 8, 8, 0.2], [8, 8, 12, 12, 0.6], [0, 0, 0, 0, 0]], np.float32)
    rules = resolve_protocol(
        {"preprocess": {"input_height": 64, "input_width": 64}},
        selected_protocol(),
        {"postprocess": {"score_threshold": 0.0}},
    )
    found = selected(rows, rules).predict([PICTURE])[0]
    np.testing.assert_allclose(found.scores, [0.6, 0.2])
    np.testing.assert_allclose(found.keypoints[:, 0], [[8, 8], [4, 4]])
    np.testing.assert_allclose(found.keypoint_scores[:, 0], [12, 8])
    with pytest.raises(InputError, match="selects people itself"):
        selected(rows, protocol())
    with pytest.raises(InputError, match="'keypoints' would be"):
        RtmoSelectedModel(
            FakeSession({"dets": rows[None], "keypoints": np.zeros((1, 3, 2, 3), np.float32)}),
            RtmoSelectedHead(17), rules, artifacts=(), cost=COST,
        )  # fmt: skip


@settings(deadline=None)
@given(
    st.integers(1, 3000), st.integers(1, 3000), st.sampled_from([416, 640]),
    st.sampled_from(["center", "top-left"]), st.floats(0, 1), st.floats(0, 1),
)  # fmt: skip
def test_the_affine_letterbox_keeps_the_aspect_and_goes_back(
    height: int, width: int, side: int, position: Any, u: float, v: float
) -> None:
    wanted = Preprocess(
        input_height=side, input_width=side, resize="letterbox-affine", pad_position=position
    )
    geometry = plan(height, width, wanted)
    assert geometry.scale_x == geometry.scale_y == min(side / height, side / width)
    corners = to_network(np.array([[0, 0], [width, height]], np.float32), geometry)
    assert corners.min() >= -1e-3
    assert corners.max() <= side * (1 + 1e-6)
    if position == "center":  # as much on one side as on the other
        np.testing.assert_allclose(corners.sum(axis=0), side, atol=1e-3)
    points = np.array([[u * width, v * height]], np.float32)
    back = to_source(to_network(points, geometry), geometry, clip=False)
    np.testing.assert_allclose(back, points, atol=2e-4 * max(1, 1 / geometry.scale_x))
