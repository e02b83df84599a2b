"""Groups of people against counts by hand, their AP against pycocotools."""

from __future__ import annotations

import contextlib
import importlib
import io
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from coco_problems import Problem, Shape, random_problem, run_ours, strip_boxes
from planted_people import annotated, found, moved
from support import require_oracle

from posebench.datasets.skeletons import CROWDPOSE14
from posebench.diagnosis.case import Case
from posebench.diagnosis.pairing import pair
from posebench.diagnosis.sensitivity import Group, Sensitivity, sensitivity
from posebench.diagnosis.taxonomy import classify
from posebench.types import Float64Array, GroundTruth


def studied(case: Case) -> Sensitivity:
    return sensitivity(case, classify(case, pair(case)))


def random_case(seed: int, folder: Path) -> tuple[Problem, Case]:
    shape = Shape(seed, images=8, people=9, detections=18, score_levels=1000)
    problem = strip_boxes(random_problem(shape))
    ours = run_ours(*problem.write(folder))
    return problem, Case(ours.ground_truth, ours.results.detections)


def pycocotools_ap(problem: Problem, low: float, high: float) -> float:
    """AP of an area range, both bounds belonging to it."""
    require_oracle("pycocotools")
    truth = importlib.import_module("pycocotools.coco").COCO()
    truth.dataset = problem.copy().gt
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        evaluator = importlib.import_module("pycocotools.cocoeval").COCOeval(
            truth, truth.loadRes(problem.copy().dt), "keypoints"
        )
        evaluator.params.areaRng, evaluator.params.areaRngLbl = [[low, high]], ["all"]
        evaluator.evaluate()
        evaluator.accumulate()
    precision = evaluator.eval["precision"]
    return float(precision[precision > -1].mean())


@pytest.mark.parametrize("seed", [0, 1])
def test_the_ap_of_an_area_is_that_of_pycocotools(seed: int, tmp_path: Path) -> None:
    problem, case = random_case(seed, tmp_path)
    groups = studied(case).area
    assert [group.name for group in groups] == ["32²-64²", "64²-96²", "96²-128²", "128²+"]
    below = [math.nextafter(side**2, 0) for side in (64.0, 96.0, 128.0)]
    compared = 0
    for group, side, high in zip(groups, (32, 64, 96, 128), (*below, 1e10), strict=True):
        if group.people:
            value = group.figures["AP"].value
            assert value == pycocotools_ap(problem, side**2, high)
            compared += 1
    assert compared >= 2


def split(groups: tuple[Group, ...]) -> list[int]:
    return [group.people for group in groups]


def test_everybody_is_in_one_group_of_each_kind(tmp_path: Path) -> None:
    _, case = random_case(1, tmp_path)
    result, everybody = studied(case), int(case.examined.sum())
    for name, groups in vars(result).items():
        assert sum(split(groups)) == everybody, name
    rows = [split(result.grid[start : start + 4]) for start in (0, 4, 8)]
    assert [sum(row) for row in rows] == split(result.overlaps)
    assert [sum(column) for column in zip(*rows, strict=True)] == split(result.visible)
    assert result.grid[5].name == "1-2 / 6-10"


def iou(one: Float64Array, other: Float64Array) -> float:
    sides = [
        max(0.0, min(one[i] + one[i + 2], other[i] + other[i + 2]) - max(one[i], other[i]))
        for i in (0, 1)
    ]
    shared = sides[0] * sides[1]
    return float(shared / (one[2] * one[3] + other[2] * other[3] - shared))


def test_overlaps_are_counted_among_other_people(tmp_path: Path) -> None:
    _, case = random_case(0, tmp_path)
    truth, counts = case.ground_truth, [0, 0, 0]
    for person in np.flatnonzero(case.examined):
        others = np.flatnonzero(truth.image_index == truth.image_index[person])
        overlaps = sum(
            iou(truth.boxes[person], truth.boxes[other]) > 0.1
            for other in others
            if other != person and not truth.is_crowd[other]
        )
        counts[0 if overlaps == 0 else 1 if overlaps <= 2 else 2] += 1
    assert split(studied(case).overlaps) == counts
    assert min(counts) > 0


def hidden(truth: GroundTruth, person: int, occluded: int, unlabelled: int) -> None:
    truth.keypoints[person, :occluded, 2] = 1
    truth.keypoints[person, 17 - unlabelled :, 2] = 0


def test_visible_and_occluded_keypoints() -> None:
    truth = annotated(pictures=2)
    for person, (occluded, unlabelled) in enumerate([(0, 0), (3, 5), (3, 9), (4, 12), (0, 1)]):
        hidden(truth, person, occluded, unlabelled)
    result = studied(Case(truth, found(truth)))
    assert {group.name: group.people for group in result.visible} == {
        "1-5": 1, "6-10": 1, "11-15": 1, "16-17": 3
    }  # fmt: skip
    assert {group.name: group.people for group in result.occluded} == {
        "none": 3, "to 25 %": 1, "to 50 %": 1, "over 50 %": 1
    }  # fmt: skip
    keypoints = [group.counts.total for group in result.visible]
    assert keypoints == [5, 8, 12, 17 + 16 + 17]


def test_a_group_is_told_by_its_own_people() -> None:
    """Those who overlap are badly placed, the others well."""
    truth = annotated(pictures=3, each=4)
    truth.boxes[::4] = truth.boxes[1::4]
    people = found(truth)
    off = people
    for keypoint in range(17):
        off = moved(truth, off, keypoint, 0.62)
    overlapping = np.arange(12) % 4 < 2
    people.keypoints[overlapping] = off.keypoints[overlapping]
    alone, pairs, more = studied(Case(truth, people)).overlaps
    assert (alone.people, pairs.people, more.people) == (6, 6, 0)
    assert alone.figures["AR"].value == 1
    # A detection that matches nobody at .75 counts in every group.
    assert alone.figures["AP75"].value == pytest.approx(1 / 2)
    assert pairs.figures["AP75"].value == 0
    assert pairs.figures["AR"].value == pytest.approx(0.3)  # at .5, .55 and .6
    assert [alone.oks, pairs.oks] == pytest.approx([1, 0.62])
    assert (alone.counts.good, pairs.counts.jitter) == (6 * 17, 6 * 17)
    assert (more.figures["AP"].value, more.oks, more.counts.total) == (None, None, 0)
    assert more.figures["AP"].reason


def test_other_skeletons_are_cut_into_quarters() -> None:
    truth = annotated(pictures=1)
    fourteen = replace(truth, keypoints=truth.keypoints[:, :14], skeleton=CROWDPOSE14)
    groups = studied(Case(fourteen, found(fourteen))).visible
    assert [group.name for group in groups] == ["1-4", "5-7", "8-11", "12-14"]


def test_smaller_people_have_a_group_if_they_are_examined() -> None:
    truth = annotated(pictures=1)
    areas = truth.areas.copy()
    areas[0] = 100.0
    case = Case(replace(truth, areas=areas), found(truth), smallest_area=0)
    groups = studied(case).area
    assert [group.name for group in groups] == [
        *("0²-32²", "32²-64²", "64²-96²", "96²-128²", "128²+")
    ]
    assert split(groups) == [1, 0, 0, 2, 0]
