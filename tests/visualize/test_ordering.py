"""The worst pictures, against the OKS and the matches of pycocotools."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from coco_problems import Problem, Shape, random_problem
from support import require_oracle

from posebench.datasets.coco import CocoDataset
from posebench.visualize.ordering import Verdict, judge
from posebench.visualize.people import read_people


def judged(annotations: Path, predictions: Path) -> Verdict:
    dataset = CocoDataset.open(annotations)
    truth = dataset.ground_truth()
    people = read_people(predictions, dataset.annotations.category_ids)
    return judge(truth, people.detections(truth.image_ids))


def by_pycocotools(annotations: Path, predictions: Path) -> dict[int, tuple[int, float, int, int]]:
    """By picture: people, mean OKS, missed, extra; from its matches at the threshold .5."""
    require_oracle("pycocotools")
    coco = importlib.import_module("pycocotools.coco").COCO
    with contextlib.redirect_stdout(io.StringIO()):
        truth = coco(str(annotations))
        found = truth.loadRes(str(predictions))
        evaluator = importlib.import_module("pycocotools.cocoeval").COCOeval(
            truth, found, "keypoints"
        )
        evaluator.evaluate()
    people: dict[int, list[float]] = defaultdict(list)
    extra: dict[int, int] = defaultdict(int)
    everything = evaluator.params.areaRng[0]
    for one in evaluator.evalImgs:
        if one is None or one["aRng"] != everything:
            continue
        image = one["image_id"]
        key = image, one["category_id"]
        similar = np.asarray(evaluator.ious[key])
        # Its matrix has detections by falling score, and people in the file's order.
        order = [gt["id"] for gt in evaluator._gts[key]]
        for person, detection, ignored in zip(
            one["gtIds"], one["gtMatches"][0], one["gtIgnore"], strict=True
        ):
            if not ignored:
                row = one["dtIds"].index(detection) if detection else -1
                people[image].append(similar[row, order.index(person)] if detection else 0.0)
        hits, ignores = one["dtMatches"][0], one["dtIgnore"][0]
        extra[image] += int(((hits == 0) & ~ignores.astype(bool)).sum())
    return {
        image: (
            len(people[image]),
            float(np.mean(people[image])) if people[image] else -1.0,
            people[image].count(0.0),
            extra[image],
        )
        for image in truth.getImgIds()
    }


def check(annotations: Path, predictions: Path) -> None:
    expected = by_pycocotools(annotations, predictions)
    found = judged(annotations, predictions).pictures
    assert {p.image_id for p in found} == set(expected)
    for picture in found:
        people, mean, missed, extra = expected[picture.image_id]
        assert (picture.people, picture.missed, picture.extra) == (people, missed, extra)
        assert (-1.0 if picture.mean_oks is None else picture.mean_oks) == pytest.approx(mean)
    means = [2.0 if p.mean_oks is None else p.mean_oks for p in found]
    assert means == sorted(means)


@pytest.mark.data
def test_real_pictures_are_judged_as_by_pycocotools(coco_mini: Path) -> None:
    check(coco_mini / "person_keypoints.json", coco_mini / "yolov8n-pose.predictions.json")


@pytest.mark.parametrize("seed", range(12))
def test_random_problems_are_judged_as_by_pycocotools(seed: int, tmp_path: Path) -> None:
    problem = random_problem(Shape(seed, images=5, classes=1 + seed % 2))
    for entry in problem.dt:
        entry.pop("bbox", None)  # it would take areas from them
    check(*problem.write(tmp_path))


def perfect(seed: int = 4) -> Problem:
    """Everybody with keypoints is found exactly, with certainty."""
    problem = random_problem(Shape(seed, images=4, grid=40))
    people = [p for p in problem.gt["annotations"] if p["num_keypoints"] > 3 and not p["iscrowd"]]
    unique = {(p["image_id"], *p["keypoints"]): p | {"area": 900.0} for p in people}
    problem.gt["annotations"] = list(unique.values())
    problem.dt = [
        {"score": 0.9} | {k: p[k] for k in ("image_id", "category_id", "keypoints")}
        for p in unique.values()
    ]
    return problem


def test_nothing_is_wrong_with_the_annotations_themselves(tmp_path: Path) -> None:
    found = judged(*perfect().write(tmp_path))
    assert np.nanmin(found.person_oks) == pytest.approx(1)
    assert not found.extra.any()
    assert not any(picture.bad_keypoints or picture.missed for picture in found.pictures)


def test_a_keypoint_that_is_off_is_named(tmp_path: Path) -> None:
    problem = perfect()
    entry = problem.dt[0]
    labelled = np.array(problem.gt["annotations"][0]["keypoints"]).reshape(17, 3)[:, 2] > 0
    wrong = int(np.flatnonzero(labelled)[-1])
    entry["keypoints"] = list(entry["keypoints"])
    entry["keypoints"][3 * wrong] += 500
    found = judged(*problem.write(tmp_path))
    names = problem.gt["categories"][0]["keypoints"]
    (picture,) = [p for p in found.pictures if p.bad_keypoints]
    assert picture.bad_keypoints == (names[wrong],)
    assert picture.image_id == entry["image_id"] == found.pictures[0].image_id


def test_pictures_with_nobody_to_find_come_last(tmp_path: Path) -> None:
    problem = perfect()
    problem.gt["images"].insert(0, {"id": 1, "file_name": "1.jpg"})
    assert judged(*problem.write(tmp_path)).pictures[-1].mean_oks is None


def test_order_is_the_same_however_the_file_is_ordered(tmp_path: Path) -> None:
    problem = random_problem(Shape(3, images=8))
    first = judged(*problem.write(tmp_path)).pictures
    problem.gt["images"].reverse()
    problem.gt["annotations"].sort(key=lambda person: json.dumps(person))
    assert judged(*problem.write(tmp_path)).pictures == first
