"""CrowdPose: area from the box, people ignored by num_keypoints, AP by how crowded a picture is."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coco_problems import Problem, Shape, random_problem, strip_boxes
from convention_problems import (
    climbed,
    figure_values,
    load_case,
    or_none,
    run_mmpose,
    with_fourteen_keypoints,
    xtcocotools_evaluator,
)

from posebench.conventions.case import accuracy
from posebench.conventions.ladder import Wish
from posebench.datasets.box_area import BOX_AREA_SOURCE
from posebench.datasets.coco import CocoDataset
from posebench.datasets.crowdpose import LEVELS, in_level
from posebench.datasets.skeletons import CROWDPOSE14

NAMES = ["AP", "AP50", "AP75", "AR", "AR50", "AR75", "AP(E)", "AP(M)", "AP(H)"]


def oracle(problem: Problem, folder: Path) -> list[float | None]:
    """The nine figures of xtcocotools, those by level before it rounds them to four decimals."""
    evaluator = xtcocotools_evaluator(
        problem, "keypoints_crowd", CROWDPOSE14.sigmas, use_area=False, folder=folder
    )
    rounded = or_none(evaluator.stats)
    index = np.array([image["crowdIndex"] for image in problem.gt["images"]])
    ids = np.array([image["id"] for image in problem.gt["images"]])
    exact: list[float | None] = []
    for number, level in enumerate(LEVELS):
        with contextlib.redirect_stdout(io.StringIO()):
            evaluator.params.imgIds = ids[in_level(index, level)].tolist()
            evaluator.evaluate()
            evaluator.accumulate()
        exact += or_none([np.mean(evaluator.eval["precision"][:, :, :, 0, :])])
        assert rounded[6 + number] == (None if exact[-1] is None else round(exact[-1], 4))
    return rounded[:6] + exact


@pytest.mark.parametrize("seed", range(12))
def test_figures_equal_xtcocotools(seed: int, tmp_path: Path) -> None:
    problem = random_problem(Shape(seed, images=6))
    problem = with_fourteen_keypoints(strip_boxes(problem), seed)
    found = accuracy(load_case(*problem.write(tmp_path))).keypoints
    assert list(found) == NAMES
    assert figure_values(found) == pytest.approx(oracle(problem, tmp_path), abs=1e-12)


@pytest.fixture
def sample(data: Path) -> tuple[Path, list[dict[str, Any]]]:
    """Real annotations, and detections on and beside the people in them."""
    annotations = data / "openmmlab-samples" / "crowdpose" / "test_crowdpose.json"
    rng = np.random.default_rng(5)
    entries = []
    for person in json.loads(annotations.read_text())["annotations"]:
        for spread in (1.0, 4.0, 12.0, 30.0):
            points = np.array(person["keypoints"], np.float64).reshape(-1, 3)
            points[:, :2] += rng.normal(0, spread, (14, 2))
            points[:, 2] = rng.random(14)
            entries.append(
                {"image_id": person["image_id"], "category_id": 1, "score": rng.random(),
                 "keypoints": points.ravel().tolist()}
            )  # fmt: skip
    return annotations, entries


def test_real_annotations_are_recognised(sample: tuple[Path, Any]) -> None:
    dataset = CocoDataset.open(sample[0])
    truth = dataset.ground_truth()
    assert dataset.skeleton is CROWDPOSE14
    assert truth.area_source == BOX_AREA_SOURCE
    assert truth.areas == pytest.approx(0.53 * truth.boxes[:, 2] * truth.boxes[:, 3], rel=1e-15)


@pytest.mark.mmpose
@pytest.mark.parametrize("mode", ["box", "box-keypoint", "keypoint"])
def test_mmpose_protocol_equals_its_metric(
    mode: Any, sample: tuple[Path, list[dict[str, Any]]], tmp_path: Path
) -> None:
    annotations, entries = sample
    problem = Problem(json.loads(annotations.read_text()), entries)
    final, _ = climbed(load_case(*problem.write(tmp_path)), Wish("mmpose", score_mode=mode))
    theirs = run_mmpose(
        "CocoMetric", annotations, entries, CROWDPOSE14.sigmas, iou_type="keypoints_crowd",
        use_area=False, score_mode={"box": "bbox", "box-keypoint": "bbox_keypoint"}.get(mode, mode),
    )  # fmt: skip
    found = accuracy(final).keypoints
    assert figure_values(found)[:6] == pytest.approx(list(theirs.values())[:6], abs=1e-12)
    assert 0 < theirs["AP"] < 1
    for name in LEVELS:
        ours = -1.0 if found[name].value is None else found[name].value
        assert ours == pytest.approx(theirs[name], abs=0.5e-4)


def test_without_a_crowd_index_there_are_no_levels(tmp_path: Path) -> None:
    problem = with_fourteen_keypoints(random_problem(Shape(3)), 3)
    for image in problem.gt["images"]:
        del image["crowdIndex"]
    found = accuracy(load_case(*problem.write(tmp_path))).keypoints
    assert [found[level].value for level in LEVELS] == [None] * 3
    assert found["AP(H)"].reason == "no picture states its crowdIndex"
    assert found["AP"].value is not None


def test_the_name_that_mmpose_gives_the_head_is_known(tmp_path: Path) -> None:
    problem = with_fourteen_keypoints(random_problem(Shape(3)), 3)
    problem.gt["categories"][0]["keypoints"][12] = "top_head"
    assert CocoDataset.open(problem.write(tmp_path)[0]).skeleton is CROWDPOSE14
