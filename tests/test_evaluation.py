"""The one function behind the command and the run, its Record values and its document."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from coco_problems import Ours, Shape, random_problem, run_ours, strip_boxes

from posebench.config import Evaluation
from posebench.errors import InputError
from posebench.evaluation import document, evaluate, to_record, with_sigmas


@pytest.fixture
def ours(tmp_path: Path) -> Ours:
    return run_ours(*random_problem(Shape(8, images=4, people=6)).write(tmp_path))


def test_evaluate_gives_the_values_of_a_record(ours: Ours) -> None:
    scored, tasks = evaluate(ours.ground_truth, ours.results.detections, Evaluation())
    assert np.array_equal(scored.matches.matched, ours.accuracy.matches.matched)
    assert list(tasks) == ["keypoints", "bbox"]
    assert [e.value for e in tasks["keypoints"].figures.values()] == ours.figures
    assert list(tasks["bbox"].figures)[-1] == "ARl"
    assert tasks["keypoints"].per_keypoint["nose"].ap is None
    assert tasks["keypoints"].evaluator.startswith("posebench ")


def test_a_saturated_figure_says_so(tmp_path: Path) -> None:
    problem = random_problem(Shape(8, images=20, people=6))
    problem.dt = [
        {**person, "score": 1.0} for person in problem.gt["annotations"] if not person["iscrowd"]
    ]
    ours = run_ours(*problem.write(tmp_path))
    (note,) = to_record(ours.accuracy)["keypoints"].notes
    assert note.startswith("saturated: 100% of the people found")


def test_without_boxes_there_is_no_box_task(tmp_path: Path) -> None:
    ours = run_ours(*strip_boxes(random_problem(Shape(8))).write(tmp_path))
    assert list(to_record(ours.accuracy)) == ["keypoints"]
    assert "bbox" not in document(ours.accuracy, ours.ground_truth)


@pytest.mark.parametrize("class_id", [-1, 1])
def test_a_class_that_nobody_annotated_is_refused(ours: Ours, class_id: int) -> None:
    class_ids = ours.results.detections.class_ids.copy()
    class_ids[-1] = class_id
    other = dataclasses.replace(ours.results.detections, class_ids=class_ids)
    with pytest.raises(InputError, match=r"annotated are 1: .*annotated classes"):
        evaluate(ours.ground_truth, other, Evaluation())


def test_the_protocol_is_followed(ours: Ours) -> None:
    protocol = Evaluation(max_dets=1, sigmas=(0.2,) * 17, per_keypoint_ap=True)
    scored, tasks = evaluate(ours.ground_truth, ours.results.detections, protocol)
    assert scored.matches.max_dets.tolist() == [1]
    assert scored.matches.ranks.max() == 0
    per_keypoint = tasks["keypoints"].per_keypoint["nose"]
    assert per_keypoint.ap is not None


def test_sigmas_of_the_protocol_replace_those_of_the_dataset(ours: Ours) -> None:
    _, narrow = evaluate(
        ours.ground_truth, ours.results.detections, Evaluation(sigmas=(0.001,) * 17)
    )
    _, wide = evaluate(ours.ground_truth, ours.results.detections, Evaluation(sigmas=(0.5,) * 17))
    low, high = (tasks["keypoints"].figures["AR"].value for tasks in (narrow, wide))
    assert low is not None and high is not None and low < high
    with pytest.raises(InputError, match="17 keypoints but 3 sigmas"):
        with_sigmas(ours.ground_truth, (0.1,) * 3)


def test_detections_must_fit(ours: Ours) -> None:
    found = ours.results.detections
    short = dataclasses.replace(found, keypoints=found.keypoints[:, :5])
    with pytest.raises(InputError, match="predictions have 5 keypoints, the annotations 17"):
        evaluate(ours.ground_truth, short, Evaluation())
    scores = found.scores.copy()
    scores[0] = np.nan
    with pytest.raises(InputError, match="scores has a NaN"):
        evaluate(ours.ground_truth, dataclasses.replace(found, scores=scores), Evaluation())


def test_document_has_every_part(ours: Ours) -> None:
    found = document(ours.accuracy, ours.ground_truth, notes=["read this"])
    assert list(found) == [
        *("coco", "per_keypoint", "bbox", "reasons", "notes"),
        *("images", "people", "detections", "evaluator"),
    ]
    assert list(found["coco"].values()) == ours.figures
    truth = ours.ground_truth
    counted = [n > 0 and not c for n, c in zip(truth.num_keypoints, truth.is_crowd, strict=True)]
    assert found["people"] == sum(counted)
    assert (found["images"], found["notes"]) == (4, ["read this"])
    assert found["detections"] == len(ours.results.detections.scores)
    assert set(found["per_keypoint"]["nose"]) == {"oks", "count"}


def test_null_has_a_reason_of_its_area(tmp_path: Path) -> None:
    problem = random_problem(Shape(8, images=4, people=6))
    for person in problem.gt["annotations"]:
        person["area"] = 100.0
    ours = run_ours(*problem.write(tmp_path), per_keypoint_ap=True)
    found = document(ours.accuracy, ours.ground_truth)
    assert found["coco"]["AP"] is not None
    assert found["coco"]["APl"] is None
    assert "large area (9216 to 1e+10 px²)" in found["reasons"]["coco/APl"]
    assert "medium area" in found["reasons"]["bbox/APm"]


def test_per_keypoint_nulls_have_reasons(tmp_path: Path) -> None:
    problem = random_problem(Shape(8, images=4, people=6))
    for person in problem.gt["annotations"]:
        person["keypoints"][2] = 0
    ours = run_ours(*problem.write(tmp_path), per_keypoint_ap=True)
    found = document(ours.accuracy, ours.ground_truth)
    assert found["per_keypoint"]["nose"] == {"oks": None, "count": 0, "ap": None}
    assert "per_keypoint/nose/oks" in found["reasons"]
    assert "per_keypoint/nose/ap" in found["reasons"]
    assert to_record(ours.accuracy)["keypoints"].per_keypoint["nose"].oks.reason


def test_no_ground_truth_is_null_and_no_detection_is_zero(tmp_path: Path) -> None:
    problem = strip_boxes(random_problem(Shape(8, images=4, people=6)))
    nobody = problem.copy()
    nobody.gt["annotations"] = []
    ours = run_ours(*nobody.write(tmp_path))
    assert ours.figures == [None] * 10
    reasons = {figure.reason for figure in ours.accuracy.keypoints.values()}
    assert reasons == {"no ground truth: the annotations are empty"}
    problem.dt = []
    assert run_ours(*problem.write(tmp_path)).figures == [0.0] * 10
