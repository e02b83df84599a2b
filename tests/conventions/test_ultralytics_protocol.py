"""``--protocol ultralytics`` against the functions of Ultralytics' validator."""

from __future__ import annotations

import importlib
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from coco_problems import Shape, random_problem, strip_boxes
from convention_problems import climbed, load_case, with_fourteen_keypoints
from hypothesis import given, settings
from hypothesis import strategies as st
from support import require

from posebench.conventions.case import Case, accuracy
from posebench.conventions.ladder import Wish
from posebench.metrics.ultralytics import average_precision

FIGURES = ["AP", "AP50", "AP75", "P", "R"]


def oracle(case: Case) -> list[float]:
    """Matching, curves and integration by Ultralytics, in double precision."""
    require("ultralytics")
    metrics = importlib.import_module("ultralytics.utils.metrics")
    truth, detections = case.ground_truth, case.results.detections
    found = []
    for image in np.argsort(truth.image_ids):
        rows = np.flatnonzero(detections.image_index == image)
        rows = rows[np.argsort(-detections.scores[rows], kind="stable")][: case.max_dets]
        found.append((rows, _right(case, np.flatnonzero(truth.image_index == image), rows)))
    rows = np.concatenate([chosen for chosen, _ in found])
    right = np.concatenate([of_image for _, of_image in found])
    scores, classes = detections.scores[rows], detections.class_ids[rows]
    result = metrics.ap_per_class(right, scores, classes, truth.class_ids)
    precision, recall, by_class = result[2], result[3], result[5]
    means = by_class.mean(), by_class[:, 0].mean(), by_class[:, 5].mean()
    return [*map(float, means), float(precision.mean()), float(recall.mean())]


def _right(case: Case, people: Any, rows: Any) -> Any:
    import torch
    from ultralytics.engine.validator import BaseValidator
    from ultralytics.utils.metrics import kpt_iou

    truth, detections = case.ground_truth, case.results.detections
    if not len(people) or not len(rows):
        return np.zeros((len(rows), 10), bool)
    iou = kpt_iou(
        torch.tensor(truth.keypoints[people]),
        torch.tensor(detections.keypoints[rows]),
        area=torch.tensor(truth.areas[people]),
        sigma=list(truth.skeleton.sigmas),
    )
    validator: Any = SimpleNamespace(iouv=torch.linspace(0.5, 0.95, 10))
    classes = torch.tensor(detections.class_ids[rows]), torch.tensor(truth.class_ids[people])
    return BaseValidator.match_predictions(validator, *classes, iou).numpy()


def with_distinct_scores(case: Case) -> Case:
    """Equal scores are ordered by an unstable sort there: here the smaller image id comes first."""
    detections = case.results.detections
    by_image = np.argsort(case.ground_truth.image_ids[detections.image_index], kind="stable")
    order = by_image[np.argsort(-detections.scores[by_image], kind="stable")]
    scores = detections.scores.copy()
    scores[order] -= 1e-12 * np.arange(len(order))
    changed = replace(detections, scores=scores)
    return replace(case, results=replace(case.results, detections=changed))


def agree(case: Case) -> Case:
    final, rungs = climbed(with_distinct_scores(case), Wish("ultralytics"))
    found = accuracy(final).keypoints
    assert list(found) == FIGURES
    assert [figure.value for figure in found.values()] == pytest.approx(oracle(final), abs=1e-12)
    assert rungs[-1].figures == found
    return final


def test_real_predictions(coco_mini: Path) -> None:
    names = "person_keypoints.json", "yolov8n-pose.predictions.json"
    final = agree(load_case(*(coco_mini / name for name in names)))
    as_they_are, _ = climbed(load_case(*(coco_mini / name for name in names)), Wish("ultralytics"))
    assert accuracy(as_they_are).keypoints["AP"] == accuracy(final).keypoints["AP"]


@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize("seed", range(8))
def test_random_problems(seed: int, classes: int, tmp_path: Path) -> None:
    problem = random_problem(Shape(seed, images=6, classes=classes))
    agree(load_case(*problem.write(tmp_path)))


def test_fourteen_keypoints_have_equal_sigmas(tmp_path: Path) -> None:
    problem = with_fourteen_keypoints(strip_boxes(random_problem(Shape(3, images=6))), 3)
    final = agree(load_case(*problem.write(tmp_path)))
    assert set(final.ground_truth.skeleton.sigmas) == {1 / 14}


def test_nobody_to_find_is_no_figure_with_a_reason(tmp_path: Path) -> None:
    problem = random_problem(Shape(3))
    for person in problem.gt["annotations"]:
        person["iscrowd"] = 1
    final, rungs = climbed(load_case(*problem.write(tmp_path)), Wish("ultralytics"))
    found = accuracy(final).keypoints
    assert {figure.value for figure in found.values()} == {None}
    assert "nobody with a labelled keypoint" in str(found["AP"].reason)
    assert {rung.change for rung in rungs} == {None}


def test_nobody_found_is_zero(tmp_path: Path) -> None:
    problem = random_problem(Shape(3, images=6))
    problem.dt = []
    final, _ = climbed(load_case(*problem.write(tmp_path)), Wish("ultralytics"))
    assert {figure.value for figure in accuracy(final).keypoints.values()} == {0.0}


def test_pictures_and_people_are_those_of_its_labels(coco_mini: Path, tmp_path: Path) -> None:
    """With an annotation twice, which its converter writes once."""
    require("ultralytics")
    converter = importlib.import_module("ultralytics.data.converter")
    document = json.loads((coco_mini / "person_keypoints.json").read_text())
    labelled = next(a for a in document["annotations"] if a["num_keypoints"] and not a["iscrowd"])
    document["annotations"].append({**labelled, "id": 1})
    (tmp_path / "gt").mkdir()
    path = tmp_path / "gt" / "person_keypoints.json"
    path.write_text(json.dumps(document))
    converter.convert_coco(str(path.parent), str(tmp_path / "labels"), use_keypoints=True)
    files = [file.read_text().splitlines() for file in (tmp_path / "labels").rglob("*.txt")]
    files = [lines for lines in files if lines]
    case = load_case(path, coco_mini / "yolov8n-pose.predictions.json")
    final, _ = climbed(case, Wish("ultralytics"))
    assert len(final.ground_truth.image_ids) == len(files)
    assert len(final.ground_truth.boxes) == sum(map(len, files))


@settings(max_examples=60)
@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(1, 30))
def test_integration_equals_its_own(right: list[bool], people: int) -> None:
    require("ultralytics")
    compute_ap = importlib.import_module("ultralytics.utils.metrics").compute_ap
    hits = np.cumsum(right)
    recall = np.minimum(hits / people, 1.0)
    precision = hits / np.arange(1, len(right) + 1)
    theirs = compute_ap(recall.tolist(), precision.tolist())[0]
    assert average_precision(recall, precision) == pytest.approx(theirs, abs=1e-12)
