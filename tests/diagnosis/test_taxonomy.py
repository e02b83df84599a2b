"""Pairs against pycocotools, kinds of keypoints against the definition, one by one."""

from __future__ import annotations

import contextlib
import importlib
import io
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from coco_problems import Problem, Shape, random_problem, run_ours
from planted_people import AREA, SIGMAS, annotated, found, moved, taken
from support import require_oracle

from posebench.datasets.skeletons import COCO17, COCO_WHOLEBODY133
from posebench.diagnosis.case import Case
from posebench.diagnosis.pairing import pair
from posebench.diagnosis.taxonomy import KINDS, Counts, Taxonomy, classify, keypoint_groups
from posebench.types import GroundTruth, IntArray, Skeleton

SEEDS = range(6)


def case_of(seed: int, folder: Path, smallest_area: float = 1024.0) -> tuple[Problem, Case]:
    problem = random_problem(Shape(seed, images=6, people=8, score_levels=1000))
    ours = run_ours(*problem.write(folder))
    return problem, Case(ours.ground_truth, ours.results.detections, smallest_area=smallest_area)


def classified(case: Case) -> Taxonomy:
    return classify(case, pair(case))


def pycocotools_pairs(problem: Problem, smallest_area: float) -> dict[int, int]:
    """Annotation id by row of the detection, matched at OKS >= .1 and not ignored."""
    require_oracle("pycocotools")
    truth = importlib.import_module("pycocotools.coco").COCO()
    truth.dataset = problem.copy().gt
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        evaluator = importlib.import_module("pycocotools.cocoeval").COCOeval(
            truth, truth.loadRes(problem.copy().dt), "keypoints"
        )
        evaluator.params.iouThrs = np.array([0.1])
        evaluator.params.areaRng, evaluator.params.areaRngLbl = [[smallest_area, 1e10]], ["all"]
        evaluator.evaluate()
    pairs: dict[int, int] = {}
    for image in filter(None, evaluator.evalImgs):
        met = zip(image["dtIds"], image["dtMatches"][0], image["dtIgnore"][0], strict=True)
        pairs |= {int(d) - 1: int(g) for d, g, ignored in met if g and not ignored}
    return pairs


@pytest.mark.parametrize("smallest_area", [1024.0, 0.0])
@pytest.mark.parametrize("seed", SEEDS)
def test_pairs_are_those_of_pycocotools(seed: int, smallest_area: float, tmp_path: Path) -> None:
    problem, case = case_of(seed, tmp_path, smallest_area)
    pairing = pair(case)
    ids = case.ground_truth.annotation_ids[pairing.people].tolist()
    assert dict(zip(pairing.detections.tolist(), ids, strict=True)) == pycocotools_pairs(
        problem, smallest_area
    )
    assert (pairing.oks >= 0.1).all()
    everybody = np.sort(np.concatenate([pairing.people, pairing.unmatched]))
    assert everybody.tolist() == np.flatnonzero(case.examined).tolist()


def similarity(case: Case, detection: int, person: int, point: int, target: int) -> float:
    """KS of a detected keypoint with another keypoint of a person; -1 if that is not labelled."""
    truth = case.ground_truth
    x, y, v = truth.keypoints[person, target]
    if not v:
        return -1.0
    dx, dy = case.detections.keypoints[detection, point] - (x, y)
    variance = (2 * truth.skeleton.sigmas[point]) ** 2
    return math.exp(-(dx * dx + dy * dy) / variance / (truth.areas[person] + 2**-52) / 2)


def kind(case: Case, detection: int, person: int, point: int) -> tuple[str, float] | None:
    """The definition, word by word; of equals the first one named there."""
    truth = case.ground_truth
    if not truth.keypoints[person, point, 2]:
        return None
    pairs = dict(truth.skeleton.flip_pairs)
    mirror = (pairs | {b: a for a, b in pairs.items()}).get(point, point)
    same_picture = np.flatnonzero(truth.image_index == truth.image_index[person])
    others = [int(p) for p in same_picture if p != person]
    entries = [("own", person, point), *(("swap", p, point) for p in others)]
    entries += [("inversion", person, mirror), *(("swap", p, mirror) for p in others)]
    values = [similarity(case, detection, p, point, target) for _, p, target in entries]
    best = max(values)
    if best < 0.5:
        return "miss", best
    name = entries[values.index(best)][0]
    if name == "own":
        name = "good" if best >= 0.85 else "jitter"
    return name, best


@pytest.mark.parametrize("seed", SEEDS)
def test_kinds_are_those_of_the_definition(seed: int, tmp_path: Path) -> None:
    _, case = case_of(seed, tmp_path)
    crossed = case.detections.keypoints.copy()
    # Random people hardly ever confuse left and right, so some are made to.
    some = np.random.default_rng(seed).random(crossed.shape[:2]) < 0.2
    flipped = crossed[:, [0, *(i + 1 - 2 * (i % 2 == 0) for i in range(1, 17))]]
    crossed[some] = flipped[some]
    case = replace(case, detections=replace(case.detections, keypoints=crossed))
    taxonomy = classified(case)
    pairing = taxonomy.pairing
    assert len(pairing.people) > 3
    for row, (detection, person) in enumerate(zip(pairing.detections, pairing.people, strict=True)):
        for point in range(17):
            wanted = kind(case, int(detection), int(person), point)
            number = int(taxonomy.kinds[row, point])
            if wanted is None:
                assert number == -1
                continue
            assert (KINDS[number], taxonomy.best[row, point]) == (
                wanted[0],
                pytest.approx(wanted[1], rel=1e-9),
            )


def test_the_random_people_have_every_kind_of_error(tmp_path: Path) -> None:
    kinds = [classified(case_of(seed, tmp_path)[1]).counts().rates() for seed in SEEDS]
    assert all(any(rates and rates[name] for rates in kinds) for name in KINDS)


def exactly(similarity: float, sigma: float) -> float:
    """A distance at which the keypoint similarity is a number to the last bit."""
    distance = 2 * sigma * math.sqrt(-2 * AREA * math.log(similarity))
    for _ in range(100):
        error = np.float64(distance) ** 2 / (2 * sigma) ** 2 / AREA / 2
        if np.exp(-error) == similarity:
            return distance
        distance = math.nextafter(distance, 0)
    raise AssertionError(f"no distance gives {similarity}")


@pytest.mark.parametrize(
    ("similarity", "inside", "outside"), [(0.85, "good", "jitter"), (0.5, "jitter", "miss")]
)
def test_a_border_belongs_to_the_better_kind(similarity: float, inside: str, outside: str) -> None:
    truth = annotated(each=1)
    truth.keypoints[:, 9, :2] = 0, -1000
    people = found(truth)
    distance = exactly(similarity, SIGMAS[9])
    people.keypoints[:, 9, 0] = distance
    people.keypoints[0, 9, 0] = distance * (1 + 1e-12)
    taxonomy = classified(Case(truth, people))
    assert (taxonomy.best[1:, 9] == similarity).all()
    names = [KINDS[number] for number in taxonomy.kinds[:, 9]]
    assert names == [outside, *[inside] * (len(truth.areas) - 1)]


def test_without_mirror_keypoints_there_is_no_inversion() -> None:
    truth = annotated()
    people = found(truth)
    people.keypoints[:, [5, 6]] = people.keypoints[:, [6, 5]]
    without = replace(truth, skeleton=replace(COCO17, flip_pairs=()))
    assert classified(Case(truth, people)).counts().inversion == 2 * len(truth.areas)
    assert classified(Case(without, people)).counts().miss == 2 * len(truth.areas)


def test_only_labelled_keypoints_of_examined_people_are_counted() -> None:
    truth = annotated(pictures=2, each=2)
    truth.keypoints[0, 3, 2] = 0
    areas = truth.areas.copy()
    areas[1] = 1023.9
    truth = replace(truth, areas=areas)
    taxonomy = classified(Case(truth, found(truth)))
    assert taxonomy.counts() == Counts(good=50, jitter=0, inversion=0, swap=0, miss=0)
    assert taxonomy.per_keypoint()["left_ear"].total == 2
    assert taxonomy.pairing.people.tolist() == [0, 2, 3]
    assert classified(Case(truth, found(truth), smallest_area=0)).counts().total == 67


def test_a_group_has_both_sides() -> None:
    truth = annotated()
    groups = classified(Case(truth, moved(truth, found(truth), 5, 0.6))).per_group()
    assert list(groups) == [
        *("nose", "eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    ]
    assert groups["shoulder"].rates() == {
        "good": 0.5, "jitter": 0.5, "inversion": 0, "swap": 0, "miss": 0
    }  # fmt: skip


def test_names_that_differ_in_more_than_the_side_stand_together() -> None:
    groups = keypoint_groups(COCO_WHOLEBODY133)
    assert groups["face-0/face-16"] == [23, 39]
    assert groups["big_toe"] == [17, 20]
    assert sorted(i for columns in groups.values() for i in columns) == list(range(133))
    odd = Skeleton("odd", ("paw_left", "paw_right", "right", "left"), (0.1,) * 4, ((0, 1), (2, 3)))
    assert keypoint_groups(odd) == {"paw": [0, 1], "right/left": [2, 3]}


@pytest.mark.parametrize("people", [np.arange(0), np.arange(3)], ids=["nobody", "undetected"])
def test_nothing_to_count_has_no_rates(people: IntArray) -> None:
    truth = annotated(pictures=1)
    nobody = taken(found(truth), np.arange(0))
    names = ("image_index", "annotation_ids", "keypoints", "boxes", "areas", "is_crowd")
    fields = {n: getattr(truth, n)[people] for n in (*names, "num_keypoints", "class_ids")}
    fewer: GroundTruth = replace(truth, **fields)
    taxonomy = classified(Case(fewer, nobody))
    assert (taxonomy.counts().total, taxonomy.counts().rates()) == (0, None)
    assert taxonomy.pairing.unmatched.tolist() == people.tolist()
