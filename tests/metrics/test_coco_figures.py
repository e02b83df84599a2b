"""Keypoint and box figures equal those of the reference evaluators, to the last bit."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from coco_problems import (
    Problem,
    Shape,
    Theirs,
    random_problem,
    run_ours,
    run_reference,
    strip_boxes,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posebench.metrics.accumulate import BOX_FIGURES, KEYPOINT_FIGURES, accumulate, figures
from posebench.metrics.coco import match_boxes, match_keypoints
from posebench.metrics.matches import Matches

SHAPES = st.builds(
    Shape,
    seed=st.integers(0, 2**32 - 1),
    images=st.integers(1, 4),
    people=st.integers(0, 6),
    detections=st.integers(0, 30),
    score_levels=st.sampled_from([1, 2, 5, 1000]),
    classes=st.integers(1, 3),
    grid=st.sampled_from([1.0, 8.0, 40.0]),
)
FUZZ = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

MINI = {
    "AP": 0.456967,
    "AP50": 0.702755,
    "AP75": 0.526058,
    "APm": 0.366961,
    "APl": 0.580000,
    "AR": 0.541176,
    "AR50": 0.784314,
    "AR75": 0.601307,
    "ARm": 0.455682,
    "ARl": 0.656923,
}
CASE = (
    *(0.504884488449, 0.722772277228, 0.633663366337, 0.466336633663, 0.750495049505),
    *(0.518181818182, 0.727272727273, 0.636363636364, 0.466666666667, 0.75),
)


def same_curves(matches: Matches, theirs: Theirs) -> None:
    curves = accumulate(matches)
    assert np.array_equal(curves.precision, theirs.precision)
    assert np.array_equal(curves.recall, theirs.recall)


@FUZZ
@given(shape=SHAPES)
def test_keypoints_equal_pycocotools(shape: Shape, tmp_path: Path) -> None:
    problem = random_problem(shape)
    ours = run_ours(*problem.write(tmp_path))
    theirs = run_reference(strip_boxes(problem))
    assert ours.figures == theirs.stats
    same_curves(ours.accuracy.matches, theirs)


@FUZZ
@given(shape=SHAPES)
def test_boxes_equal_pycocotools(shape: Shape, tmp_path: Path) -> None:
    problem = random_problem(dataclasses.replace(shape, detections=shape.detections * 5))
    ours = run_ours(*problem.write(tmp_path))
    theirs = run_reference(problem, task="bbox")
    assert ours.accuracy.boxes is not None
    assert [figure.value for figure in ours.accuracy.boxes.values()] == theirs.stats
    same_curves(match_boxes(ours.ground_truth, ours.results.detections), theirs)


@pytest.mark.parametrize("package", ["xtcocotools", "hotcoco"])
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(shape=SHAPES)
def test_keypoints_equal_other_evaluators(package: str, shape: Shape, tmp_path: Path) -> None:
    problem = random_problem(shape)
    theirs = run_reference(strip_boxes(problem), package=package)
    ours = run_ours(*problem.write(tmp_path))
    # hotcoco rounds its ten figures differently in the last place; its curves are the same.
    same_curves(ours.accuracy.matches, theirs)
    for mine, other in zip(ours.figures, theirs.stats, strict=True):
        assert (mine is None) == (other is None)
        assert mine == pytest.approx(other, abs=1e-12)


@FUZZ
@given(shape=SHAPES, faults=st.integers(0, 2**32 - 1))
def test_compat_equals_pycocotools_on_faulty_ids(shape: Shape, faults: int, tmp_path: Path) -> None:
    problem = random_problem(shape)
    rng = np.random.default_rng(faults)
    people = problem.gt["annotations"]
    for person in people:
        person["id"] = int(rng.integers(0, len(people) + 2))
    if people and rng.random() < 0.5:
        people[0]["image_id"] = 999_999
    if rng.random() < 0.5:
        problem = strip_boxes(problem)
    if rng.random() < 0.3:
        problem.dt[0]["category_id"] = 77
    ours = run_ours(*problem.write(tmp_path), compat=True)
    theirs = run_reference(problem)
    assert ours.figures == theirs.stats
    same_curves(ours.accuracy.matches, theirs)


def test_real_predictions_reproduce_the_published_figures(coco_mini: Path) -> None:
    ours = run_ours(
        coco_mini / "person_keypoints.json", coco_mini / "yolov8n-pose.predictions.json"
    )
    found = {name: figure.value for name, figure in ours.accuracy.keypoints.items()}
    assert found == pytest.approx(MINI, abs=5e-7)
    assert (ours.ground_truth.is_crowd.sum(), len(ours.ground_truth.areas)) == (4, 264)


def test_real_predictions_equal_pycocotools(coco_mini: Path) -> None:
    files = coco_mini / "person_keypoints.json", coco_mini / "yolov8n-pose.predictions.json"
    problem = Problem(*(json.loads(path.read_text()) for path in files))
    ours, theirs = run_ours(*files), run_reference(problem)
    assert ours.figures == theirs.stats
    same_curves(ours.accuracy.matches, theirs)


def test_evaluator_case_reproduces_its_figures(data: Path) -> None:
    folder = data / "evaluator-cases" / "coco-keypoints"
    ours = run_ours(folder / "gt_dataset.json", folder / "dt_dataset.json", compat=False)
    assert ours.figures == pytest.approx(CASE, abs=1e-12)
    assert any("bbox of 128 entries is not used" in note for note in ours.notes)


def test_evaluator_case_in_compat_takes_areas_from_boxes(data: Path) -> None:
    folder = data / "evaluator-cases" / "coco-keypoints"
    files = folder / "gt_dataset.json", folder / "dt_dataset.json"
    theirs = run_reference(Problem(*(json.loads(path.read_text()) for path in files)))
    assert run_ours(*files, compat=True).figures == theirs.stats


def test_xtcocotools_example_equals_xtcocotools(data: Path) -> None:
    folder = data / "evaluator-cases" / "xtcocotools"
    files = folder / "example_coco_val.json", folder / "example_coco_preds.json"
    problem = Problem(*(json.loads(path.read_text()) for path in files))
    assert run_ours(*files).figures == run_reference(problem, package="xtcocotools").stats


@pytest.mark.parametrize("seed", range(5))
def test_custom_sigmas_equal_pycocotools(seed: int, tmp_path: Path) -> None:
    problem = strip_boxes(random_problem(Shape(seed)))
    sigmas = np.random.default_rng(seed).uniform(0.01, 0.2, 17).tolist()
    ours = run_ours(*problem.write(tmp_path), sigmas=sigmas)
    assert ours.figures == run_reference(problem, sigmas=sigmas).stats


@pytest.mark.parametrize("seed", range(5))
def test_fourteen_keypoints_equal_pycocotools(seed: int, tmp_path: Path) -> None:
    problem = strip_boxes(random_problem(Shape(seed)))
    problem.gt["categories"][0]["keypoints"] = [f"joint {i}" for i in range(14)]
    for entry in [*problem.gt["annotations"], *problem.dt]:
        entry["keypoints"] = entry["keypoints"][: 3 * 14]
    sigmas = np.random.default_rng(seed).uniform(0.02, 0.1, 14).tolist()
    ours = run_ours(*problem.write(tmp_path), sigmas=sigmas)
    assert ours.figures == run_reference(problem, sigmas=sigmas).stats
    assert ours.ground_truth.skeleton.keypoints[3] == "joint 3"


@pytest.mark.parametrize("max_dets", [1, 3, 50])
def test_other_max_dets_equal_pycocotools(max_dets: int, tmp_path: Path) -> None:
    problem = strip_boxes(random_problem(Shape(11, people=8, detections=80)))
    ours = run_ours(*problem.write(tmp_path), max_dets=max_dets)
    same_curves(ours.accuracy.matches, run_reference(problem, max_dets=[max_dets]))


def test_tiny_people_far_from_the_origin_survive_the_sieve(tmp_path: Path) -> None:
    problem = strip_boxes(random_problem(Shape(3, images=4, people=6)))
    for entry in [*problem.gt["annotations"], *problem.dt]:
        points = np.array(entry["keypoints"], np.float64).reshape(17, 3)
        points[:, :2] = points[:, :2] / 100 + 1e6
        entry["keypoints"] = points.ravel().tolist()
        entry["area"] = 1.5
    theirs = run_reference(problem)
    assert theirs.stats[0]
    assert run_ours(*problem.write(tmp_path)).figures == theirs.stats


def test_figures_are_recomputed_from_saved_matches(tmp_path: Path) -> None:
    ours = run_ours(*random_problem(Shape(5)).write(tmp_path))
    ours.accuracy.matches.save(tmp_path / "matches.npz")
    loaded = Matches.load(tmp_path / "matches.npz")
    assert figures(loaded, KEYPOINT_FIGURES) == ours.accuracy.keypoints


def test_figure_names() -> None:
    assert list(KEYPOINT_FIGURES) == list(MINI)
    assert list(BOX_FIGURES)[:6] == ["AP", "AP50", "AP75", "APs", "APm", "APl"]
    assert list(BOX_FIGURES)[6:] == ["AR1", "AR10", "AR100", "ARs", "ARm", "ARl"]


def test_boxes_without_boxes_is_an_error(tmp_path: Path) -> None:
    ours = run_ours(*strip_boxes(random_problem(Shape(1))).write(tmp_path))
    with pytest.raises(ValueError, match="without boxes"):
        match_boxes(ours.ground_truth, ours.results.detections)


def test_matches_say_who_met_whom(tmp_path: Path) -> None:
    problem = strip_boxes(random_problem(Shape(2, score_levels=1000)))
    ours = run_ours(*problem.write(tmp_path))
    matches = match_keypoints(ours.ground_truth, ours.results.detections)
    met = matches.matched_people[0]
    assert (met >= 0).any()
    truth = ours.ground_truth
    assert (truth.image_index[met[met >= 0]] == matches.image_index[met >= 0]).all()
    assert ((matches.similarity >= 0.5) == (met >= 0)).all()
    assert (((matches.matched & matches.bit(0, 0)) != 0) == (met >= 0)).all()
    assert (matches.scores == ours.results.detections.scores[matches.detections]).all()
