"""``--protocol mmpose`` against mmpose's own CocoMetric."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coco_problems import Problem, Shape, random_problem, strip_boxes
from convention_problems import climbed, figure_values, load_case, or_none, run_mmpose

from posebench.conventions.case import accuracy
from posebench.conventions.ladder import Wish
from posebench.datasets.skeletons import COCO17
from posebench.predictions import collect, write_shard
from posebench.types import Prediction

MODES = {"box": "bbox", "box-keypoint": "bbox_keypoint", "keypoint": "keypoint"}


def agree(problem: Problem, folder: Path, mode: Any) -> list[float | None]:
    annotations, predictions = problem.write(folder)
    final, rungs = climbed(load_case(annotations, predictions), Wish("mmpose", score_mode=mode))
    theirs = run_mmpose(
        "CocoMetric", annotations, problem.dt, COCO17.sigmas, score_mode=MODES[mode]
    )
    found = figure_values(accuracy(final).keypoints)
    assert found == pytest.approx(or_none(theirs.values()), abs=1e-12)
    assert figure_values(rungs[-1].figures) == found
    return found


def without_ties(problem: Problem, seed: int) -> Problem:
    """Equal scores are ordered by an unstable sort there."""
    changed, rng = problem.copy(), np.random.default_rng(seed)
    for entry in changed.dt:
        entry["score"] = float(rng.uniform(0.01, 1))
        if rng.random() < 0.1:
            entry["keypoints"][2::3] = [0.0] * 17
        else:
            entry["keypoints"][2::3] = rng.uniform(0.0, 1.0, 17).tolist()
    return changed


@pytest.mark.mmpose
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("boxes", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_random_problems(seed: int, boxes: bool, mode: str, tmp_path: Path) -> None:
    problem = random_problem(Shape(seed, images=5, score_levels=10**6))
    for person in problem.gt["annotations"]:
        person["num_keypoints"] += 1 if person["id"] % 3 == 0 else 0
    agree(without_ties(problem if boxes else strip_boxes(problem), seed), tmp_path, mode)


@pytest.mark.mmpose
@pytest.mark.parametrize("mode", MODES)
def test_the_example_of_xtcocotools(mode: str, data: Path, tmp_path: Path) -> None:
    folder = data / "evaluator-cases" / "xtcocotools"
    names = "example_coco_val.json", "example_coco_preds.json"
    agree(Problem(*(json.loads((folder / n).read_text()) for n in names)), tmp_path, mode)


@pytest.mark.mmpose
@pytest.mark.parametrize("mode", MODES)
def test_real_predictions(mode: str, coco_mini: Path, tmp_path: Path) -> None:
    names = "person_keypoints.json", "yolov8n-pose.predictions.json"
    problem = Problem(*(json.loads((coco_mini / n).read_text()) for n in names))
    found = agree(problem, tmp_path, mode)
    assert (found[0] or 0) > 0.2


@pytest.mark.mmpose
def test_shards_have_scores_of_boxes(tmp_path: Path) -> None:
    problem = without_ties(strip_boxes(random_problem(Shape(1, score_levels=10**6))), 1)
    ids = [image["id"] for image in problem.gt["images"]]
    groups = [[e for e in problem.dt if e["image_id"] == image] for image in ids]
    write_shard(tmp_path / "shard-00000.npz", collect(ids, [_predicted(g) for g in groups]))
    for entry in problem.dt:
        entry["keypoints"] = np.float32(entry["keypoints"]).astype(float).tolist()
        entry["score"] = float(np.float32(entry["score"]))
    annotations, _ = problem.write(tmp_path)
    final, rungs = climbed(load_case(annotations, tmp_path), Wish("mmpose"))
    theirs = run_mmpose("CocoMetric", annotations, problem.dt, COCO17.sigmas)
    assert figure_values(accuracy(final).keypoints) == pytest.approx(
        or_none(theirs.values()), abs=1e-12
    )
    assert rungs[1].rule == "score" and rungs[1].change


def _predicted(entries: list[dict[str, Any]]) -> Prediction:
    points = np.array([e["keypoints"] for e in entries], np.float32).reshape(-1, 17, 3)
    scores = np.array([entry["score"] for entry in entries], np.float32)
    return Prediction(points[:, :, :2], points[:, :, 2], scores, np.ones_like(scores))
