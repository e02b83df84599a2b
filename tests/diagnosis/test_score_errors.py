"""Optimal scores against the algorithm of the paper, detection by detection."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from coco_problems import Shape, random_problem, run_ours
from planted_people import SIGMAS, added, annotated, found, junk, moved, taken

from posebench.diagnosis.case import Case
from posebench.diagnosis.pairing import pair
from posebench.diagnosis.score_errors import ScoreErrors, optimal_scores, score_errors, soft_nms
from posebench.types import Detections, Float64Array, GroundTruth


def mutual_oks(one: Float64Array, other: Float64Array) -> float:
    """Over all keypoints, with the mean of the areas that they span."""
    width, height = zip(np.ptp(one, axis=0), np.ptp(other, axis=0), strict=True)
    scale = (width[0] * height[0] + width[1] * height[1]) / 2 + 2**-52
    squared = ((one - other) ** 2).sum(axis=1)
    return float(np.mean(np.exp(-squared / (2 * SIGMAS) ** 2 / scale / 2)))


def lowered(keypoints: Float64Array, scores: list[float]) -> list[float]:
    """Soft-NMS with the Gaussian penalty, written down as in the paper."""
    left, scores = list(range(len(scores))), list(scores)
    while left:
        best = max(left, key=lambda i: scores[i])
        left.remove(best)
        for other in left:
            scores[other] *= math.exp(-(mutual_oks(keypoints[best], keypoints[other]) ** 2) / 0.5)
    return scores


@pytest.mark.parametrize("groups", [1, 60])
def test_scores_are_lowered_as_in_soft_nms(groups: int) -> None:
    rng = np.random.default_rng(groups)
    sizes = rng.integers(1, 21, groups)
    people = rng.uniform(0, 300, (groups, 3, 17, 2))
    keypoints = np.concatenate(
        [people[g, rng.integers(3, size=n)] for g, n in enumerate(sizes)]
    ) + rng.normal(0, 8, (sizes.sum(), 17, 2))
    scores, group = rng.uniform(0, 1, len(keypoints)), np.repeat(np.arange(groups) * 3, sizes)
    ours = soft_nms(keypoints, scores, group, SIGMAS)
    theirs = [lowered(keypoints[group == g], scores[group == g].tolist()) for g in np.unique(group)]
    assert ours == pytest.approx(np.concatenate(theirs), rel=1e-9)
    assert (ours < scores * 0.9).any(), "nothing overlapped"


def test_a_detection_without_any_extent_is_no_trouble() -> None:
    keypoints = np.zeros((3, 17, 2))
    keypoints[2] = 1e160
    scores = soft_nms(keypoints, np.array([0.8, 0.6, 0.5]), np.zeros(3, np.int64), SIGMAS)
    assert scores == pytest.approx([0.8, 0.6 * math.exp(-2), 0.5])


def highest_oks(truth: GroundTruth, keypoints: Float64Array, picture: int) -> float:
    """With anybody in the picture who counts."""
    values = [0.0]
    for person in np.flatnonzero(truth.image_index == picture):
        labelled = truth.keypoints[person, :, 2] > 0
        if truth.is_crowd[person] or not labelled.any():
            continue
        squared = ((keypoints - truth.keypoints[person, :, :2]) ** 2).sum(axis=1)
        terms = np.exp(-squared / (2 * SIGMAS) ** 2 / (truth.areas[person] + 2**-52) / 2)
        values.append(float(terms[labelled].mean()))
    return max(values)


@pytest.mark.parametrize("seed", range(4))
def test_the_optimal_score_is_the_highest_oks_lowered(seed: int, tmp_path: Path) -> None:
    problem = random_problem(Shape(seed, images=4, people=6, detections=30, score_levels=1000))
    ours = run_ours(*problem.write(tmp_path))
    truth, people = ours.ground_truth, ours.results.detections
    case = Case(truth, people)
    scores = optimal_scores(case, pair(case))
    for picture in range(4):
        rows = np.flatnonzero(people.image_index == picture)
        rows = rows[np.argsort(-people.scores[rows], kind="stable")]
        kept, rest = rows[:20], rows[20:]
        points = people.keypoints[kept].astype(np.float64)
        wanted = lowered(points, [highest_oks(truth, each, picture) for each in points])
        assert scores[kept] == pytest.approx(np.array(wanted), rel=1e-9, abs=1e-12)
        assert (scores[rest] == -1).all()


def errors_of(truth: GroundTruth, detections: Detections) -> ScoreErrors:
    case = Case(truth, detections)
    return score_errors(case, pair(case))


def test_nobody_has_no_order() -> None:
    truth = annotated()
    errors = errors_of(truth, taken(found(truth), np.arange(0)))
    assert (errors.pictures, errors.share) == (0, None)


def poorer(truth: GroundTruth, detections: Detections) -> Detections:
    for keypoint in range(17):
        detections = moved(truth, detections, keypoint, 0.7)
    return detections


def test_the_better_of_two_detections_should_be_scored_better() -> None:
    truth = annotated(pictures=4, each=1)
    people = found(truth)
    worse = replace(poorer(truth, people), scores=people.scores - 0.3)
    right = errors_of(truth, added(people, worse))
    assert (right.pictures, right.reordered, right.contested, right.outscored) == (4, 0, 4, 0)
    worse.scores[:3] += 0.6
    wrong = errors_of(truth, added(people, worse))
    assert (wrong.reordered, wrong.contested, wrong.outscored) == (3, 4, 3)
    assert wrong.share == 0.75


def test_two_people_are_no_contest() -> None:
    truth = annotated()
    errors = errors_of(truth, found(truth))
    assert (errors.contested, errors.outscored, errors.reordered) == (0, 0, 0)


def test_background_is_no_matter_of_order() -> None:
    truth = annotated()
    errors = errors_of(truth, added(found(truth), junk(truth, np.full(4, 0.99))))
    assert errors.reordered == 0
