from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from posebench.datasets.selection import only_images
from posebench.datasets.skeletons import COCO17
from posebench.parity import compare
from posebench.parity_run import on_pictures
from posebench.record import Parity
from posebench.types import Detections, Float64Array, GroundTruth

K = len(COCO17.keypoints)
PEOPLE = 6


def truth() -> GroundTruth:
    """Six people of 100 x 200 px on three pictures, two each."""
    steps = np.linspace(0, 1, K)
    starts = np.arange(PEOPLE)[:, None] * [300.0, 0.0]
    places = starts[:, None] + np.stack([100 * steps, 200 * steps], -1)
    keypoints = np.concatenate([places, np.full((PEOPLE, K, 1), 2.0)], -1)
    return GroundTruth(
        image_ids=np.array([7, 8, 9]),
        image_index=np.repeat(np.arange(3), 2),
        annotation_ids=np.arange(1, PEOPLE + 1),
        keypoints=keypoints,
        boxes=np.concatenate([starts, np.tile([100.0, 200.0], (PEOPLE, 1))], -1),
        areas=np.full(PEOPLE, 20000.0),
        is_crowd=np.zeros(PEOPLE, bool),
        num_keypoints=np.full(PEOPLE, K),
        skeleton=COCO17,
        class_ids=np.zeros(PEOPLE, np.int64),
    )


def detections(moved: Float64Array | float = 0.0, rows: Any = slice(None)) -> Detections:
    """The annotated people, moved by some pixels along x."""
    people = truth()
    keypoints = people.keypoints[..., :2].copy()
    keypoints[..., 0] += moved
    return Detections(
        image_index=people.image_index[rows],
        keypoints=keypoints[rows],
        scores=np.linspace(0.9, 0.5, PEOPLE)[rows],
        class_ids=np.zeros(PEOPLE, np.int64)[rows],
    )


def parity(fp32: Detections, reduced: Detections) -> Parity:
    return compare(truth(), fp32, reduced, reference="itself")


def test_equal_predictions_do_not_differ() -> None:
    found = parity(detections(), detections())
    assert (found.people, found.lost, found.gained) == (PEOPLE, 0, 0)
    assert (found.mean_px, found.worst_px, found.oks_change) == (0, 0, 0)
    assert found.ap_change.value == 0


def test_the_planted_shift_of_one_keypoint_of_one_person_is_found() -> None:
    shift = np.zeros((PEOPLE, K))
    shift[3, 9] = 1.5
    found = parity(detections(), detections(shift))
    wrist = found.per_keypoint["left_wrist"]
    assert wrist.worst_px == pytest.approx(1.5)
    assert wrist.mean_px == pytest.approx(1.5 / PEOPLE)
    assert found.mean_px == pytest.approx(1.5 / PEOPLE / K)
    assert found.worst_px == pytest.approx(1.5)
    assert wrist.oks_change is not None and wrist.oks_change < 0
    assert all(k.worst_px == 0 for name, k in found.per_keypoint.items() if name != "left_wrist")


def test_the_change_of_similarity_is_that_of_the_formula() -> None:
    """OKS of a keypoint: exp(-d^2 / (2 area (2 sigma)^2))."""
    found = parity(detections(), detections(4.0))
    for name, sigma in zip(COCO17.keypoints, COCO17.sigmas, strict=True):
        expected = np.exp(-16 / (2 * 20000 * (2 * sigma) ** 2)) - 1
        assert found.per_keypoint[name].oks_change == pytest.approx(expected, rel=1e-9)


def test_people_that_only_one_of_the_two_finds_are_counted() -> None:
    found = parity(detections(), detections(rows=[0, 1, 4]))
    assert (found.people, found.lost, found.gained) == (3, 3, 0)
    assert found.ap_change.value is not None and found.ap_change.value < -0.3
    assert parity(detections(rows=[0]), detections()).gained == PEOPLE - 1


def test_the_order_of_the_detections_does_not_matter() -> None:
    other = detections(2.0)
    turned = replace(
        other,
        image_index=other.image_index[::-1],
        keypoints=other.keypoints[::-1],
        scores=other.scores[::-1],
    )
    assert parity(detections(), turned) == parity(detections(), other)


def test_a_network_that_finds_nobody_has_no_distances() -> None:
    found = parity(detections(), detections(rows=[]))
    assert (found.people, found.lost, found.mean_px, found.oks_change) == (0, PEOPLE, None, None)


def test_keypoints_that_nobody_labelled_move_but_do_not_count_for_the_similarity() -> None:
    people = truth()
    keypoints = people.keypoints.copy()
    keypoints[:, 9] = 0
    unlabelled = replace(people, keypoints=keypoints, num_keypoints=people.num_keypoints - 1)
    shift = np.zeros((PEOPLE, K))
    shift[:, 9] = 3.0
    found = compare(unlabelled, detections(), detections(shift), reference="itself")
    wrist = found.per_keypoint["left_wrist"]
    assert wrist.worst_px == pytest.approx(3.0)
    assert wrist.oks_change is None
    assert found.oks_change == 0


def test_people_beyond_the_limit_of_a_picture_are_not_compared() -> None:
    found = compare(truth(), detections(), detections(), reference="itself", max_dets=1)
    assert found.people == PEOPLE // 2


def test_some_of_the_pictures_are_compared_by_their_own_people() -> None:
    """The people of picture 9 alone, as a pass over a part of a dataset has them."""
    kept = on_pictures(detections(5.0), np.array([2]), 3)
    part = only_images(truth(), np.array([2]))
    fp32 = on_pictures(detections(), np.array([2]), 3)
    found = compare(part, fp32, kept, reference="itself")
    assert (found.images, found.people) == (1, 2)
    assert found.mean_px == pytest.approx(5.0)
