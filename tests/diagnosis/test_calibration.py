from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from coco_problems import Ours, Shape, random_problem, run_ours
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from posebench.datasets.skeletons import COCO17
from posebench.diagnosis.calibration import calibration
from posebench.diagnosis.calibration_document import Calibration
from posebench.diagnosis.case import Case
from posebench.diagnosis.pairing import pair
from posebench.diagnosis.reliability import reliability, spearman, spearman_within
from posebench.evaluation import score
from posebench.types import Detections, Float64Array, GroundTruth

coarse = st.integers(0, 8).map(lambda k: k / 8)
PAIRS = arrays(np.float64, st.tuples(st.integers(2, 60), st.just(2)), elements=coarse)


def by_hand(scores: Float64Array, outcomes: Float64Array) -> float:
    """ECE over ten bins of as many elements as they can all have; the first ones one more."""
    order = sorted(range(len(scores)), key=lambda k: float(scores[k]))
    size, more = divmod(len(scores), 10)
    error, start = 0.0, 0
    for b in range(10):
        part = order[start : start + size + (b < more)]
        start += len(part)
        if part:
            mean_score = sum(scores[k] for k in part) / len(part)
            mean_outcome = sum(outcomes[k] for k in part) / len(part)
            error += len(part) / len(scores) * abs(mean_score - mean_outcome)
    return float(error)


@pytest.mark.parametrize("count", [7, 10, 57, 400])
def test_ece_is_the_sum_over_the_bins(count: int) -> None:
    rng = np.random.default_rng(count)
    scores, outcomes = rng.random(count), rng.random(count)
    found = reliability(scores, outcomes)
    assert found.ece.value == pytest.approx(by_hand(scores, outcomes))
    assert sum(b.count for b in found.bins) == count
    assert [b.low for b in found.bins] == sorted(b.low for b in found.bins)
    assert found.outcome == pytest.approx(outcomes.mean())


@given(PAIRS, st.randoms())
def test_the_order_of_equal_scores_changes_nothing(
    pairs: NDArray[np.float64], chance: st.DataObject
) -> None:
    order = list(range(len(pairs)))
    chance.shuffle(order)  # type: ignore[attr-defined]
    one, other = (reliability(p[:, 0], p[:, 1]) for p in (pairs, pairs[order]))
    assert one.ece.reason == other.ece.reason
    for a, b in zip(one.bins, other.bins, strict=True):
        assert (a.count, a.low, a.high) == (b.count, b.low, b.high)
        assert a.outcome == pytest.approx(b.outcome)


def test_scores_that_are_the_probabilities_are_calibrated() -> None:
    rng = np.random.default_rng(2)
    scores = rng.random(100_000)
    right = (rng.random(100_000) < scores).astype(float)
    told, boastful = reliability(scores, right), reliability(np.sqrt(scores), right)
    assert told.ece.value is not None and told.ece.value < 0.01
    # Of the root of a uniform number, the mean is 2/3; nowhere is it below the number itself.
    assert boastful.ece.value == pytest.approx(2 / 3 - 1 / 2, abs=0.01)


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        ([], "nothing was predicted"),
        ([1.0, 1.0, 1.0], "all scores are 1"),
        ([0.0, 2.0, 2.0], "from 0 to 2 are no probabilities"),
        ([-0.1, 0.5, 0.7], "from -0.1 to 0.7"),
    ],
)
def test_what_is_no_probability_has_no_error(scores: list[float], reason: str) -> None:
    found = reliability(np.array(scores), np.ones(len(scores)))
    assert found.ece.value is None and reason in str(found.ece.reason)
    assert found.count == len(scores) and found.bins == ()


def test_the_maximum_of_a_heat_map_may_be_a_little_over_one() -> None:
    found = reliability(np.array([1.05, 0.95, 1.05]), np.ones(3))
    assert found.ece.value == pytest.approx(0.05)


@given(PAIRS)
def test_rank_correlation_is_scipys(pairs: NDArray[np.float64]) -> None:
    stats = pytest.importorskip("scipy.stats")
    first, second = pairs.T
    found = spearman(first, second)
    if len(set(first)) < 2 or len(set(second)) < 2:
        assert found is None
    else:
        assert found == pytest.approx(stats.spearmanr(first, second).statistic, abs=1e-12)


def test_rank_correlation_within_pictures_leaves_out_those_that_do_not_vary() -> None:
    groups = np.array([4, 1, 4, 1, 4, 2, 7, 7])
    first = np.array([0.1, 0.9, 0.2, 0.5, 0.3, 0.5, 0.5, 0.6])
    second = np.array([0.1, 0.2, 0.3, 0.4, 0.2, 0.9, 0.4, 0.4])
    # Picture 4: ranks 1, 2, 3 and 1, 3, 2 give 1/2; picture 1: opposite.
    mean, pictures = spearman_within(groups, first, second)
    assert mean == pytest.approx((0.5 - 1) / 2) and pictures == 2
    none = np.zeros(0)
    assert spearman_within(np.zeros(0, np.int64), none, none) == (None, 0)


def crowd(spreads: list[float], scores: list[float]) -> tuple[GroundTruth, Detections]:
    """Two people far apart; detections of them in turns, each as far off as its spread, px."""
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.uniform(0, 100, (1, 17, 2)), rng.uniform(900, 999, (1, 17, 2))])
    truth = GroundTruth(
        image_ids=np.array([5]),
        image_index=np.zeros(2, np.int64),
        annotation_ids=np.array([1, 2]),
        keypoints=np.concatenate([points, np.full((2, 17, 1), 2.0)], axis=2),
        boxes=np.array([[0.0, 0, 100, 100], [900, 900, 100, 100]]),
        areas=np.full(2, 1e4),
        is_crowd=np.zeros(2, bool),
        num_keypoints=np.full(2, 17),
        skeleton=COCO17,
        class_ids=np.zeros(2, np.int64),
    )
    whose = np.arange(len(spreads)) % 2
    found = Detections(
        image_index=np.zeros(len(spreads), np.int64),
        keypoints=points[whose] + np.array(spreads)[:, None, None],
        scores=np.array(scores),
        class_ids=np.zeros(len(spreads), np.int64),
    )
    return truth, found


def diagnosed(
    truth: GroundTruth, found: Detections, keypoint_scores: Float64Array | None = None
) -> Calibration:
    case = Case(truth, found)
    return calibration(case, pair(case), keypoint_scores, case.matches())


def test_no_order_has_a_higher_ap_than_the_oracles() -> None:
    scores = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]
    truth, found = crowd([6.0, 300.0, 2.0, 4.0, 1.0, 9.0], scores)
    orders = [replace(found, scores=np.array(order)) for order in permutations(scores)]
    best = max(score(truth, order).keypoints["AP"].value or 0.0 for order in orders)
    told = diagnosed(truth, found)
    assert told.oracle_ap.value == pytest.approx(best)
    own = score(truth, found).keypoints["AP"].value
    assert own is not None and told.oracle_gain.value == pytest.approx(best - own)
    assert best > own


def test_scores_in_the_order_of_the_oks_gain_nothing() -> None:
    told = diagnosed(*crowd([1.0, 2.0, 300.0, 400.0], [0.9, 0.8, 0.2, 0.1]))
    assert told.oracle_gain.value == 0.0
    assert told.spearman.value is not None and told.spearman.value > 0.9


@pytest.fixture
def ours(tmp_path: Path) -> Ours:
    return run_ours(*random_problem(Shape(8, images=6, people=6)).write(tmp_path))


def test_instances_are_the_detections_that_count(ours: Ours) -> None:
    matches = ours.accuracy.matches
    found = diagnosed(ours.ground_truth, ours.results.detections, None)
    counted = (matches.ignored & np.uint64(1)) == 0
    assert found.instances.count == counted.sum() < len(counted)
    oks = np.where((matches.matched & np.uint64(1)) != 0, matches.similarity, 0)[counted]
    assert found.instances.outcome == pytest.approx(oks.mean())


def test_confidences_of_keypoints_are_held_against_their_similarity(ours: Ours) -> None:
    matches, detections = ours.accuracy.matches, ours.results.detections
    told = np.zeros((len(detections.scores), 17))
    for row, d in enumerate(matches.pairs):
        told[matches.detections[d]] = matches.keypoint_similarity[row] > 0.5
    found = diagnosed(ours.ground_truth, detections, told)
    assert found.keypoints.ece.value == 0.0
    assert found.keypoints.count == matches.keypoint_labelled.sum()
    assert list(found.per_keypoint) == list(COCO17.keypoints)
    assert sum(one.count for one in found.per_keypoint.values()) == found.keypoints.count
    worst = diagnosed(ours.ground_truth, detections, 1 - told)
    # Only in the one bin with both confidences do errors of either direction meet.
    assert worst.keypoints.ece.value == pytest.approx(1.0, abs=0.1)


def test_without_confidences_there_is_a_reason(ours: Ours) -> None:
    detections = ours.results.detections
    none = diagnosed(ours.ground_truth, detections, None)
    flat = np.full((len(detections.scores), 17), 2.0)
    flags = diagnosed(ours.ground_truth, detections, flat)
    for found, reason in ((none, "have no confidences"), (flags, "all scores are 2")):
        for one in (found.keypoints, *found.per_keypoint.values()):
            assert one.ece.value is None and reason in str(one.ece.reason)


def test_nobody_annotated_has_no_ap_to_gain(tmp_path: Path) -> None:
    problem = random_problem(Shape(8))
    problem.gt["annotations"] = []
    ours = run_ours(*problem.write(tmp_path))
    found = diagnosed(ours.ground_truth, ours.results.detections, None)
    assert found.oracle_gain.value is None and "empty" in str(found.oracle_gain.reason)
    assert found.spearman.value is None and found.spearman_pictures == 0
    assert found.instances.outcome == 0
