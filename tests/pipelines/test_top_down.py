from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from dots import CELL, HEAD, PlaneSession, around, model, picture
from hypothesis import given
from hypothesis import strategies as st

from posebench.errors import InputError
from posebench.pipelines.heatmap_head import HEAD_KEY, head_from_metadata
from posebench.protocols import PoseModel, StagedPoseModel
from posebench.types import PersonBoxes

ONE = [(60, 50), (80, 120), (70, 180)]
OTHER = [(200, 60), (230, 110), (210, 200)]


def test_it_keeps_the_seams() -> None:
    made: PoseModel = model()
    assert isinstance(made, StagedPoseModel)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("warp", ["classic", "udp"])
def test_people_are_found_where_they_are(warp: str, flip: bool) -> None:
    people = [ONE, OTHER]
    shift = {"shift_flipped": warp == "classic"}
    found = model(top_down={"warp": warp, **shift}, augmentation={"flip_test": flip}).predict(
        [picture(people)], [around(people)]
    )[0]
    # A cell of the heat map is 4 px of the crop, and a crop of these people some 2 px wide a px.
    widest = max(np.ptp(np.array(p)[:, 1]) for p in people) * 1.25 * 1.2 / 128 * CELL
    assert np.abs(found.keypoints - np.array(people)).max() <= widest
    assert found.source_boxes is not None
    assert found.source_boxes.tolist() == [0, 1]
    assert found.input_boxes is not None and len(found.input_boxes) == 2


@given(st.integers(40, 200), st.integers(60, 160), st.integers(40, 80))
def test_a_person_moves_with_its_dots(x: int, y: int, size: int) -> None:
    points = [(x, y - size // 2), (x + size // 3, y), (x, y + size // 2)]
    found = model().predict([picture([points])], [around([points])])[0]
    # Half of a dot, which may fill several cells alike, and half of a cell of up to 4.1 px.
    assert np.abs(found.keypoints[0] - np.array(points)).max() <= 3.5 + 2.1


def test_the_rank_is_the_box_score_times_the_mean_keypoint_score() -> None:
    people = [ONE, OTHER]
    boxes = around(people)
    found = model().predict([picture(people)], [boxes])[0]
    expected = boxes.scores * found.keypoint_scores.mean(axis=1)
    assert found.scores == pytest.approx(np.sort(expected)[::-1])
    only_boxes = model(postprocess={"score_mode": "box"}).predict([picture(people)], [boxes])[0]
    assert only_boxes.scores == pytest.approx(boxes.scores)


def test_a_person_in_two_boxes_is_counted_once_and_twice_without_suppression() -> None:
    box = around([ONE])
    twice = PersonBoxes(np.repeat(box.boxes, 2, axis=0), np.array([0.4, 0.8], np.float32))
    (found,) = model().predict([picture([ONE])], [twice])
    assert found.source_boxes is not None
    assert found.source_boxes.tolist() == [1], "the better box"
    assert len(model(postprocess={"nms": "none"}).predict([picture([ONE])], [twice])[0]) == 2
    assert len(model(postprocess={"nms": "oks-soft"}).predict([picture([ONE])], [twice])[0]) == 2


def test_boxes_without_area_or_outside_give_nobody_or_something_finite() -> None:
    boxes = np.array(
        [[5, 5, 5, 50], [9, 9, 3, 3], [-500, -500, -400, -300], [0, 0, 320, 240]], np.float32
    )
    given_boxes = PersonBoxes(boxes, np.full(4, 0.5, np.float32))
    (found,) = model(postprocess={"nms": "none"}).predict([picture([ONE])], [given_boxes])
    assert found.source_boxes is not None
    assert sorted(found.source_boxes.tolist()) == [0, 1]
    assert found.input_boxes is not None
    assert found.input_boxes.boxes.tolist() == boxes[2:].tolist()
    assert np.isfinite(found.keypoints).all()


def test_no_boxes_is_nobody_and_costs_no_run() -> None:
    session = PlaneSession()
    (found,) = model(session).predict([picture([ONE])], [PersonBoxes.none()])
    assert (len(found), found.num_keypoints, session.batches) == (0, 3, [])
    low = model(session, top_down={"box_score_threshold": 0.95})
    assert len(low.predict([picture([ONE])], [around([ONE])])[0]) == 0


def test_boxes_are_needed() -> None:
    with pytest.raises(InputError, match="--boxes"):
        model().predict([picture([ONE])])


def test_crops_are_run_in_batches_of_the_protocol_and_one_by_one_if_the_graph_wants_it() -> None:
    people = [ONE, OTHER, ONE, OTHER, ONE]
    session = PlaneSession()
    batched = model(session, top_down={"batch_size": 2}, postprocess={"nms": "none"})
    first = batched.predict([picture(people)], [around(people)])[0]
    assert session.batches == [2, 2, 1]
    single = PlaneSession(batch=1)
    second = model(single, postprocess={"nms": "none"}).predict([picture(people)], [around(people)])
    assert single.batches == [1] * 5
    assert np.array_equal(first.keypoints, second[0].keypoints)


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"postprocess": {"nms": "box-iou"}}, "oks"),
        ({"postprocess": {"score_threshold": 0.3}}, "box_score_threshold"),
        ({"postprocess": {"clip_keypoints": True}}, "clip_keypoints"),
        ({"postprocess": {"nms": "oks-soft", "nms_threshold": 0}}, "no width"),
        ({"postprocess": {"score_mode": "uncertainty-fused"}}, "box-keypoint"),
        ({"preprocess": {"input_height": 256}}, "input_height=128"),
        ({"top_down": {"decode": "udp-offset"}}, "9, h, w"),
    ],
)
def test_a_protocol_that_does_not_fit_is_refused(
    sections: dict[str, dict[str, Any]], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        model(None, **sections)


def test_the_head_survives_the_metadata_and_a_damaged_one_is_named() -> None:
    assert head_from_metadata(HEAD.to_metadata()) == HEAD
    assert head_from_metadata({}) is None
    broken = json.loads(HEAD.to_metadata()[HEAD_KEY])
    del broken["sigmas"]
    with pytest.raises(InputError, match="sigmas"):
        head_from_metadata({HEAD_KEY: json.dumps(broken)})


def test_closing_closes_the_session() -> None:
    session = PlaneSession()
    model(session).close()
    assert session.closed
