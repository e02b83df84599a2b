from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import require_mmpose

from posebench.datasets.skeletons import COCO17
from posebench.pipelines.oks_nms import oks_nms, soft_oks_nms
from posebench.types import Float64Array

SIGMAS = COCO17.sigmas


def crowd(seed: int, count: int) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Keypoints, scores and areas of a few people, each found several times over."""
    random = np.random.default_rng(seed)
    people = random.uniform(0, 300, (max(count // 4, 1), 17, 2))
    spread = random.choice([0.0, 2.0, 8.0, 20.0], (count, 1, 1))
    keypoints = people[random.integers(0, len(people), count)]
    keypoints = keypoints + spread * random.normal(size=(count, 17, 2))
    return keypoints, random.uniform(0, 1, count), random.uniform(500, 60_000, count)


def as_mmpose_has_it(
    keypoints: Float64Array, scores: Float64Array, areas: Float64Array
) -> list[dict[str, Any]]:
    visible = np.ones((*keypoints.shape[:2], 1))
    triplets = np.concatenate([keypoints, visible], axis=2)
    return [
        {"keypoints": points, "score": score, "area": area}
        for points, score, area in zip(triplets, scores, areas, strict=True)
    ]


@pytest.mark.mmpose
@pytest.mark.framework
@given(st.integers(0, 10**6), st.integers(0, 40), st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.0]))
def test_those_kept_are_those_of_mmpose(seed: int, count: int, threshold: float) -> None:
    require_mmpose()
    from mmpose.evaluation.functional.nms import oks_nms as theirs

    people = crowd(seed, count)
    expected = theirs(as_mmpose_has_it(*people), threshold, np.array(SIGMAS))
    assert oks_nms(*people, SIGMAS, threshold).tolist() == list(expected)


@pytest.mark.mmpose
@pytest.mark.framework
@given(st.integers(0, 10**6), st.integers(0, 40), st.sampled_from([0.1, 0.5, 0.9]))
def test_the_soft_order_is_that_of_mmpose(seed: int, count: int, threshold: float) -> None:
    require_mmpose()
    from mmpose.evaluation.functional.nms import soft_oks_nms as theirs

    people = crowd(seed, count)
    expected = theirs(as_mmpose_has_it(*people), threshold, 20, np.array(SIGMAS))
    rows, scores = soft_oks_nms(*people, SIGMAS, threshold, 20)
    assert rows.tolist() == list(expected)
    assert (np.diff(scores) <= 0).all()
    assert (scores <= people[1][rows].astype(np.float32)).all()


@pytest.mark.mmpose
@pytest.mark.framework
@given(st.integers(0, 10**6), st.integers(2, 12))
def test_soft_scores_are_lowered_by_everybody_before(seed: int, count: int) -> None:
    require_mmpose()
    from mmpose.evaluation.functional.nms import oks_iou

    keypoints, scores, areas = crowd(seed, count)
    rows, lowered = soft_oks_nms(keypoints, scores, areas, SIGMAS, 0.5, count)
    flat = np.array([p["keypoints"].ravel() for p in as_mmpose_has_it(keypoints, scores, areas)])
    for rank, row in enumerate(rows):
        before = rows[:rank]
        overlaps = oks_iou(flat[row], flat[before], areas[row], areas[before], np.array(SIGMAS))
        expected = scores[row] * np.exp(-(overlaps.astype(np.float64) ** 2) / 0.5).prod()
        assert lowered[rank] == pytest.approx(expected, rel=1e-5)


@given(st.integers(0, 10**6), st.integers(1, 30))
def test_equals_are_taken_in_their_order(seed: int, count: int) -> None:
    keypoints, scores, areas = crowd(seed, count)
    tied = np.round(scores * 3)
    kept = oks_nms(keypoints, tied, areas, SIGMAS, 1.0)
    assert kept.tolist() == np.argsort(-tied, kind="stable").tolist()
    apart = keypoints + np.arange(count)[:, None, None] * 1e6
    rows, _ = soft_oks_nms(apart, tied, areas, SIGMAS, 0.5, count)
    assert rows.tolist() == kept.tolist()


@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(1, 30))
def test_fewer_detections_are_the_first_ones(seed: int, count: int, most: int) -> None:
    people = crowd(seed, count)
    every, scores = soft_oks_nms(*people, SIGMAS, 0.5, count)
    some, some_scores = soft_oks_nms(*people, SIGMAS, 0.5, most)
    np.testing.assert_array_equal(some, every[:most])
    np.testing.assert_array_equal(some_scores, scores[:most])


def test_areas_of_zero_and_people_on_one_spot_are_no_trouble() -> None:
    keypoints, areas = np.zeros((3, 17, 2)), np.zeros(3)
    scores = np.array([0.1, 0.3, 0.2])
    assert oks_nms(keypoints, scores, areas, SIGMAS, 0.9).tolist() == [1]
    rows, lowered = soft_oks_nms(keypoints, scores, areas, SIGMAS, 0.5, 3)
    assert rows.tolist() == [1, 2, 0]
    np.testing.assert_allclose(lowered, scores[rows] * np.exp([0, -2, -4]), rtol=1e-6)


def test_nothing_gives_nothing() -> None:
    none = np.zeros((0, 17, 2)), np.zeros(0), np.zeros(0)
    assert oks_nms(*none, SIGMAS, 0.9).tolist() == []
    rows, scores = soft_oks_nms(*none, SIGMAS, 0.9, 20)
    assert rows.tolist() == scores.tolist() == []
