"""Weights of pictures give what copies of the pictures would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coco_problems import Problem, Shape, random_problem, run_ours, run_reference, strip_boxes
from hypothesis import given, settings
from hypothesis import strategies as st

from posebench.evaluation import score
from posebench.metrics.accumulate import BOX_FIGURES, KEYPOINT_FIGURES, RECALLS
from posebench.metrics.intervals import figures_with_intervals
from posebench.metrics.matches import Matches
from posebench.metrics.people import PeopleTraits
from posebench.metrics.people_groups import group_specs, grouped, people_groups
from posebench.metrics.resampling import Pool, _hits_needed, replicates, weighted_figures
from posebench.types import Float64Array

UNTIED = 10**9


def _matches(problem: Problem, folder: Path) -> Matches:
    return run_ours(*strip_boxes(problem).write(folder)).accuracy.matches


def _copies(problem: Problem, weights: list[int]) -> Problem:
    """The dataset with each picture as often as its weight says, under ids of its own."""
    images: list[Any] = []
    people: list[Any] = []
    detections: list[Any] = []
    order = sorted(range(len(weights)), key=lambda i: problem.gt["images"][i]["id"])
    for place in order:
        image = problem.gt["images"][place]
        for _ in range(weights[place]):
            new = len(images) + 1
            images.append({**image, "id": new})
            own = [p for p in problem.gt["annotations"] if p["image_id"] == image["id"]]
            people += [{**p, "image_id": new, "id": len(people) + n + 1} for n, p in enumerate(own)]
            found = [d for d in problem.dt if d["image_id"] == image["id"]]
            detections += [{**d, "image_id": new} for d in found]
    return Problem({**problem.gt, "images": images, "annotations": people}, detections)


@given(seed=st.integers(0, 10**6), classes=st.integers(1, 2), levels=st.sampled_from([3, UNTIED]))
@settings(max_examples=40, deadline=None)
def test_weights_of_one_change_no_bit(
    seed: int, classes: int, levels: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("problem")
    problem = random_problem(Shape(seed, images=5, classes=classes, score_levels=levels))
    found = run_ours(*problem.write(folder)).accuracy
    assert found.box_matches is not None and found.boxes is not None
    ones = np.ones((1, 5))
    for matches, specs, figures in (
        (found.matches, KEYPOINT_FIGURES, found.keypoints),
        (found.box_matches, BOX_FIGURES, found.boxes),
    ):
        for name, values in replicates(matches, specs, ones).items():
            expected = figures[name].value
            assert values[0] == expected or (np.isnan(values[0]) and expected is None), name


@pytest.mark.parametrize("seed", range(6))
def test_a_weight_is_a_copy_for_pycocotools(seed: int, tmp_path: Path) -> None:
    problem = random_problem(Shape(seed, images=6, people=6, score_levels=UNTIED))
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(6, np.full(6, 1 / 6), size=3)
    ours = replicates(_matches(problem, tmp_path), KEYPOINT_FIGURES, weights.astype(np.float64))
    for row, drawn in enumerate(weights.tolist()):
        copies = strip_boxes(_copies(problem, drawn))
        if not copies.dt:
            continue
        theirs = run_reference(copies).stats
        for (name, values), expected in zip(ours.items(), theirs, strict=True):
            if expected is None:
                assert np.isnan(values[row]), name
            else:
                assert values[row] == pytest.approx(expected, abs=1e-12), name


def test_blocks_of_replicates_do_not_matter(tmp_path: Path) -> None:
    matches = _matches(random_problem(Shape(3, images=7)), tmp_path)
    weights = np.random.default_rng(0).multinomial(7, np.full(7, 1 / 7), size=50).astype(np.float64)
    together = replicates(matches, KEYPOINT_FIGURES, weights)
    for row in (0, 15, 16, 49):
        alone = replicates(matches, KEYPOINT_FIGURES, weights[[row]])
        for name, values in alone.items():
            assert np.array_equal(values, together[name][[row]], equal_nan=True), name


def test_mixed_results_hold_each_of_the_two(tmp_path: Path) -> None:
    one, other = (
        _matches(Problem(first.gt, second.dt), tmp_path)
        for first, second in (_pair(7), (_pair(7)[1], _pair(8)[1]))
    )
    pool = Pool.mixed(Pool.of(one), Pool.of(other))
    ones, none = np.ones((1, 6)), np.zeros((1, 6))
    for matches, weights in ((one, [ones, none]), (other, [none, ones])):
        mixed = weighted_figures(pool, KEYPOINT_FIGURES, np.hstack(weights), ones)
        for name, values in replicates(matches, KEYPOINT_FIGURES, ones).items():
            assert np.array_equal(values, mixed[name], equal_nan=True), name


def _pair(seed: int) -> tuple[Problem, Problem]:
    """A ground truth, and other people's detections on its pictures."""
    truth = random_problem(Shape(7, images=6, score_levels=UNTIED))
    other = random_problem(Shape(seed, images=6, score_levels=UNTIED))
    ids = dict(zip((i["id"] for i in other.gt["images"]), (i["id"] for i in truth.gt["images"]),
                   strict=True))  # fmt: skip
    return truth, Problem(truth.gt, [{**d, "image_id": ids[d["image_id"]]} for d in other.dt])


def test_a_group_is_scored_as_if_the_others_were_ignored(tmp_path: Path) -> None:
    """Where nobody stands near anybody else, ignoring people changes no match of the others."""
    problem = random_problem(Shape(11, images=30, people=1, detections=4, score_levels=UNTIED))
    problem.gt["annotations"] = list(
        {p["image_id"]: p for p in problem.gt["annotations"] if not p["iscrowd"]}.values()
    )
    matches = _matches(problem, tmp_path)
    ones = np.ones((1, 30))
    pool = grouped(Pool.of(matches), matches)
    found = weighted_figures(pool, group_specs(matches), ones, ones)
    checked = 0
    for name, members in people_groups(matches).items():
        outside = set(matches.people_ids[~members].tolist())
        ignoring = problem.copy()
        for person in ignoring.gt["annotations"]:
            person["num_keypoints"] *= person["id"] not in outside
        expected = run_reference(strip_boxes(ignoring)).stats[0]
        if expected is not None:
            assert found[name][0] == pytest.approx(expected, abs=1e-12), name
            checked += 1
    assert checked >= 3


def test_the_interval_holds_the_figure_and_narrows_with_more_pictures(tmp_path: Path) -> None:
    def width(images: int) -> float:
        matches = _matches(random_problem(Shape(5, images=images)), tmp_path)
        ap = figures_with_intervals(matches, KEYPOINT_FIGURES)["AP"]
        assert ap.value is not None and ap.interval is not None
        assert ap.interval.low <= ap.value <= ap.interval.high
        return ap.interval.high - ap.interval.low

    assert width(200) < 0.6 * width(20), "about the root of ten"


def test_one_picture_has_no_interval(tmp_path: Path) -> None:
    matches = _matches(random_problem(Shape(5, images=1)), tmp_path)
    assert figures_with_intervals(matches, KEYPOINT_FIGURES)["AP"].interval is None


def test_a_figure_that_does_not_exist_has_no_interval(tmp_path: Path) -> None:
    problem = random_problem(Shape(5, images=4))
    for person in problem.gt["annotations"]:
        person["area"] = 2000.0
    found = figures_with_intervals(_matches(problem, tmp_path), KEYPOINT_FIGURES)
    assert found["APl"].value is None and found["APl"].interval is None
    assert found["APm"].interval is not None


def test_score_gives_intervals_only_if_asked(tmp_path: Path) -> None:
    ours = run_ours(*random_problem(Shape(8, images=4, people=6)).write(tmp_path))
    assert ours.accuracy.keypoints["AP"].interval is None
    found = score(ours.ground_truth, ours.results.detections, intervals=True, per_keypoint_ap=True)
    boxes = found.boxes or {}
    nose = found.per_keypoint["nose"]
    assert nose.ap is not None
    for figure in (found.keypoints["AR75"], boxes["AR10"], nose.oks, nose.ap):
        assert figure.value is not None and figure.interval is not None
        assert figure.interval.low <= figure.value <= figure.interval.high


def _weights(images: int, rows: int) -> Float64Array:
    return np.random.default_rng(1).multinomial(images, np.full(images, 1 / images), rows) * 1.0


def test_recall_is_a_ratio_of_sums(tmp_path: Path) -> None:
    matches = _matches(random_problem(Shape(9, images=8, people=6)), tmp_path)
    weights = _weights(8, 5)
    found = replicates(matches, {"AR50": KEYPOINT_FIGURES["AR50"]}, weights)["AR50"]
    bit = matches.bit(0, 0)
    right = ((matches.matched & bit) != 0) & ((matches.ignored & bit) == 0)
    hits = np.bincount(matches.image_index[right], minlength=8)
    counted = np.bincount(matches.people_image_index[~matches.people_ignored[:, 0]], minlength=8)
    assert found == pytest.approx((weights @ hits) / (weights @ counted), abs=1e-15)


def test_the_fewest_hits_are_those_of_the_rounded_quotient() -> None:
    """The bare ceiling is one too low or too high for some totals, such as 100."""
    for total in range(1, 1500):
        quotients = np.arange(total + 1) / total
        expected = np.searchsorted(quotients, RECALLS, side="left")
        assert np.array_equal(_hits_needed(np.array([float(total)]))[0], expected), total


def test_traits_of_people(tmp_path: Path) -> None:
    """Boxes that share just under and just over a tenth; a crowd overlaps nobody's count."""
    problem = random_problem(Shape(2, images=1, people=1, detections=1))
    boxes = [[0, 0, 100, 100], [82, 0, 100, 100], [-81, 0, 100, 100], [0, 0, 100, 100]]
    visibility = [[2] * 17, [2] * 9 + [1] * 8, [1] * 9 + [2] * 8, [2] * 17]
    problem.gt["annotations"] = [
        {
            "id": n + 1,
            "image_id": problem.gt["images"][0]["id"],
            "category_id": 1,
            "keypoints": [x for v in shown for x in (5, 5, v)],
            "num_keypoints": 17,
            "bbox": box,
            "area": 5000.0,
            "iscrowd": int(n == 3),
        }
        for n, (box, shown) in enumerate(zip(boxes, visibility, strict=True))
    ]
    ours = run_ours(*strip_boxes(problem).write(tmp_path))
    traits = PeopleTraits.of(ours.ground_truth)
    assert traits.overlaps.tolist() == [
        1,
        0,
        1,
        2,
    ]  # IoU .099 and .105 of the first
    assert traits.visible.tolist() == [17, 9, 8, 17]
    groups = people_groups(ours.accuracy.matches)
    assert groups["occlusion up to half"].tolist() == [False, True, False, False]
    assert groups["occlusion over half"].tolist() == [False, False, True, False]
    assert groups["crowding 0"].tolist() == [False, True, False, False]
    assert groups["crowding 1-2"].tolist() == [True, False, True, True]
