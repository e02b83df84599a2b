"""Per-keypoint OKS and AP against a recount by hand and against pycocotools."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from coco_problems import Shape, random_problem, run_ours, run_reference, strip_boxes

from posebench.datasets.skeletons import COCO17
from posebench.metrics.keypoints import keypoint_oks
from posebench.metrics.matches import Matches


def test_mean_similarity_is_that_of_the_matched_pairs(tmp_path: Path) -> None:
    problem = random_problem(Shape(21, images=4, people=6, detections=12, score_levels=1000))
    ours = run_ours(*problem.write(tmp_path))
    matches, truth = ours.accuracy.matches, ours.ground_truth
    sums, counts = np.zeros(17), np.zeros(17, np.int64)
    for position, person in enumerate(matches.matched_people[0]):
        if person < 0 or truth.is_crowd[person] or truth.num_keypoints[person] == 0:
            continue
        detected = ours.results.detections.keypoints[matches.detections[position]]
        points = truth.keypoints[person]
        distance = ((detected - points[:, :2]) ** 2).sum(axis=1)
        variance = (2 * np.array(COCO17.sigmas)) ** 2
        terms = np.exp(-distance / (2 * truth.areas[person] * variance + 1e-300))
        sums += np.where(points[:, 2] > 0, terms, 0)
        counts += points[:, 2] > 0
    assert counts.sum() > 20
    found = ours.accuracy.per_keypoint
    assert list(found) == list(COCO17.keypoints)
    assert [value.count for value in found.values()] == counts.tolist()
    means = [value.oks.value for value in found.values()]
    assert means == pytest.approx((sums / counts).tolist(), rel=1e-9)


def test_without_pairs_there_is_a_reason_and_no_number(tmp_path: Path) -> None:
    problem = random_problem(Shape(21))
    problem.dt = []
    found = run_ours(*problem.write(tmp_path)).accuracy.per_keypoint["nose"]
    assert (found.oks.value, found.count, found.ap) == (None, 0, None)
    assert found.oks.reason and "no pair" in found.oks.reason


@pytest.mark.parametrize("index", [0, 9, 16])
def test_keypoint_ap_is_that_of_a_file_with_one_keypoint(index: int, tmp_path: Path) -> None:
    problem = strip_boxes(random_problem(Shape(33, images=4, people=6, score_levels=1000)))
    ours = run_ours(*problem.write(tmp_path), per_keypoint_ap=True)
    for person in problem.gt["annotations"]:
        points = np.array(person["keypoints"]).reshape(17, 3)
        points[np.arange(17) != index, 2] = 0
        person["keypoints"] = points.ravel().tolist()
        person["num_keypoints"] = int(points[index, 2] > 0)
    theirs = run_reference(problem).stats[0]
    ap = ours.accuracy.per_keypoint[COCO17.keypoints[index]].ap
    assert theirs is not None
    assert ap is not None and ap.value == theirs


def test_recomputed_from_saved_matches(tmp_path: Path) -> None:
    ours = run_ours(*random_problem(Shape(21)).write(tmp_path))
    ours.accuracy.matches.save(tmp_path / "m.npz")
    assert keypoint_oks(Matches.load(tmp_path / "m.npz")) == ours.accuracy.per_keypoint
