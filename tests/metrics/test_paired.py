"""Two results over the same pictures."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from coco_problems import Problem, Shape, random_problem, run_ours, strip_boxes
from hypothesis import given
from hypothesis import strategies as st

from posebench.errors import IncomparableError
from posebench.metrics.accumulate import KEYPOINT_FIGURES
from posebench.metrics.bootstrap import draw_weights
from posebench.metrics.head_distances import HeadDistances
from posebench.metrics.matches import Matches
from posebench.metrics.multiple import holm
from posebench.metrics.paired import Absent, Draws, Family, PairedChange, compare, detectable
from posebench.metrics.paired_figures import (
    paired_figures,
    paired_groups,
    paired_keypoints,
    paired_pckh,
)
from posebench.metrics.resampling import replicates
from posebench.types import Float64Array

QUICK = Draws(replicates=200, permutations=199, seed=4)
IMAGES = 30


def _problem(seed: int, noise: float, images: int = IMAGES) -> Problem:
    """People of one dataset, and detections that are off by so many px."""
    problem = strip_boxes(random_problem(Shape(1, images=images, people=4, detections=1)))
    unlike = {str(p["keypoints"]): p for p in problem.gt["annotations"] if not p["iscrowd"]}
    problem.gt["annotations"] = list(unlike.values())
    rng = np.random.default_rng(seed)
    problem.dt = []
    for person in problem.gt["annotations"]:
        points = np.array(person["keypoints"], np.float64).reshape(17, 3)
        points[:, :2] += rng.normal(0, noise, (17, 2))
        found = {"keypoints": points.ravel().tolist(), "score": float(rng.uniform())}
        problem.dt.append({**found, "image_id": person["image_id"], "category_id": 1})
    return problem


def _matches(problem: Problem, folder: Path) -> Matches:
    return run_ours(*problem.write(folder)).accuracy.matches


@pytest.fixture
def two(tmp_path: Path) -> tuple[Matches, Matches]:
    return _matches(_problem(1, 6.0), tmp_path), _matches(_problem(2, 2.0), tmp_path)


def _known(change: PairedChange | Absent) -> PairedChange:
    assert isinstance(change, PairedChange), change
    return change


def test_a_result_does_not_differ_from_itself(two: tuple[Matches, Matches]) -> None:
    one, _ = two
    families = (
        paired_figures(one, one, KEYPOINT_FIGURES, QUICK),
        paired_groups(one, one, QUICK),
        paired_keypoints(one, one, QUICK),
    )
    known = [c for found in families for c in found.values() if isinstance(c, PairedChange)]
    assert len(known) > 25
    for change in known:
        assert (change.change, change.low, change.high, change.p) == (0, 0, 0, 1)


def test_a_better_result_is_found_to_be_better(two: tuple[Matches, Matches]) -> None:
    found = paired_figures(*two, KEYPOINT_FIGURES, QUICK)
    ap = _known(found["AP"])
    assert ap.low > 0 and ap.p == pytest.approx(1 / 200)
    assert ap.change == ap.candidate - ap.baseline
    assert ap.low < ap.change < ap.high
    assert ap.counted == np.count_nonzero(~two[0].people_ignored[:, 0])
    assert _known(paired_keypoints(*two, QUICK)["left_hip"]).low > 0


def test_exchanging_the_two_turns_the_sign(two: tuple[Matches, Matches]) -> None:
    there, back = (paired_figures(*pair, KEYPOINT_FIGURES, QUICK) for pair in (two, two[::-1]))
    one, other = _known(there["AP"]), _known(back["AP"])
    assert one.change == pytest.approx(-other.change)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    assert one.detectable == pytest.approx(other.detectable)


def test_the_replicates_of_both_draw_the_same_pictures(two: tuple[Matches, Matches]) -> None:
    weights = draw_weights(IMAGES, replicates=200, seed=4)
    spec = {"AP": KEYPOINT_FIGURES["AP"]}
    before, after = (replicates(matches, spec, weights)["AP"] for matches in two)
    ap = _known(paired_figures(*two, spec, QUICK)["AP"])
    drawn = np.sort(after - before)
    assert ap.error == pytest.approx(np.std(drawn, ddof=1))
    # The 201 places between and beside 200 values: the fifth from either end, halfway on.
    percentile = (
        drawn[4] + 0.025 * (drawn[5] - drawn[4]),
        drawn[-5] - 0.025 * (drawn[-5] - drawn[-6]),
    )
    reach = 1.959964 * ap.error
    assert ap.low == pytest.approx(min(percentile[0], ap.change - reach))
    assert ap.high == pytest.approx(max(percentile[1], ap.change + reach))


def test_the_p_value_is_that_of_all_exchanges() -> None:
    """With 8 pictures all 256 can be made; the mean of paired differences is the textbook case."""
    one, other = np.random.default_rng(3).normal(0.3, 1, (2, 8)).cumsum(axis=0)
    difference = (other - one).sum()
    signs = np.array(list(itertools.product([-1, 1], repeat=8)))
    exact = np.mean(np.abs(signs @ (other - one)) >= abs(difference) - 1e-12)

    def mixed(kept: Float64Array, exchanged: Float64Array) -> dict[str, Float64Array]:
        return {"sum": kept @ one + exchanged @ other}

    family = Family(
        images=8,
        baseline=lambda weights: {"sum": weights @ one},
        candidate=lambda weights: {"sum": weights @ other},
        mixed=mixed,
        counted={"sum": 8},
        carrying={"sum": 8},
    )
    found = _known(compare(family, Draws(replicates=10, permutations=20_000))["sum"])
    assert found.p == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 20_000))


def test_a_keypoint_counts_only_where_both_found_the_person(tmp_path: Path) -> None:
    """A model that also finds others, badly placed, is no worse at the keypoints of the shared."""
    whole, poor = _problem(1, 0.0), _problem(1, 0.0)
    poor.dt = poor.dt[::2]
    for found in whole.dt[1::2]:
        found["keypoints"] = (np.array(found["keypoints"]) + 4.0).tolist()
    one, other = _matches(poor, tmp_path), _matches(whole, tmp_path)
    assert len(other.pairs) > len(one.pairs)
    nose = _known(paired_keypoints(one, other, QUICK)["nose"])
    assert nose.counted == one.keypoint_labelled[:, 0].sum()
    assert nose.change == pytest.approx(0, abs=1e-4)


def test_what_nobody_labelled_is_absent(tmp_path: Path) -> None:
    problem = _problem(1, 1.0)
    for person in problem.gt["annotations"]:
        person["keypoints"][2] = 0
        person["num_keypoints"] = sum(v > 0 for v in person["keypoints"][2::3])
    matches = _matches(problem, tmp_path)
    found = paired_keypoints(matches, matches, QUICK)
    assert isinstance(found["nose"], Absent) and "labelled" in found["nose"].reason
    assert isinstance(found["left_eye"], PairedChange)


def test_what_few_pictures_carry_is_absent(tmp_path: Path) -> None:
    """Each replicate of one picture is the same number: an interval without width."""
    problem = _problem(1, 6.0)
    for person in problem.gt["annotations"][3:]:
        person["keypoints"][2] = 0
        person["num_keypoints"] = sum(v > 0 for v in person["keypoints"][2::3])
    matches = _matches(problem, tmp_path)
    other = _matches(Problem(problem.gt, _problem(2, 2.0).dt), tmp_path)
    nose = paired_keypoints(matches, other, QUICK)["nose"]
    assert isinstance(nose, Absent) and "fewer than 6" in nose.reason


def test_one_picture_is_too_few(tmp_path: Path) -> None:
    matches = _matches(_problem(1, 1.0, images=1), tmp_path)
    found = paired_figures(matches, matches, KEYPOINT_FIGURES, QUICK)
    assert found["AP"] == Absent("fewer than two pictures")


@pytest.mark.parametrize("field", ["image_ids", "people_ids"])
def test_other_pictures_are_refused(field: str, two: tuple[Matches, Matches]) -> None:
    other = replace(two[1], **{field: getattr(two[1], field) + 1})
    with pytest.raises(IncomparableError, match=field):
        paired_figures(two[0], other, KEYPOINT_FIGURES, QUICK)


def test_a_group_in_few_pictures_is_absent(two: tuple[Matches, Matches]) -> None:
    crowded = np.where(two[0].people_image_index < 9, 5, 0)
    alike = [replace(one, people_overlaps=crowded) for one in two]
    few = paired_groups(alike[0], alike[1], QUICK)
    found = len(np.unique(two[0].people_image_index[crowded > 0]))
    assert few["crowding 3+"] == Absent(f"its people are in {found} pictures, fewer than 10")
    assert few["crowding 1-2"] == Absent("nothing is annotated for it")
    assert isinstance(few["crowding 0"], PairedChange)


def test_joints_are_compared_by_pckh() -> None:
    rng = np.random.default_rng(0)
    visible = rng.random((60, 16)) < 0.9
    near, far = (
        HeadDistances(
            np.where(visible, rng.gamma(2, scale, (60, 16)), np.nan), visible,
            np.ones(16, np.bool_), np.repeat(np.arange(20), 3), np.arange(20),
        )
        for scale in (0.1, 0.4)
    )  # fmt: skip
    found = paired_pckh(far, near, draws=QUICK)
    assert _known(found["PCKh@0.5"]).low > 0
    assert _known(found["wrist"]).change > 0
    with pytest.raises(IncomparableError, match="unit_ids"):
        paired_pckh(far, replace(near, unit_ids=near.unit_ids + 1), draws=QUICK)
    same = paired_pckh(near, near, draws=QUICK)
    assert _known(same["AUC"]).change == 0


def test_what_is_detectable_is_the_width_of_the_interval() -> None:
    assert detectable(1.0) == pytest.approx(2 * 1.959964, abs=1e-5)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_the_closed_test_of_bonferroni(values: list[float]) -> None:
    """By its definition: the largest Bonferroni p of any set of hypotheses that holds it."""
    members = range(len(values))
    sets = [s for size in range(1, len(values) + 1) for s in itertools.combinations(members, size)]
    for place, adjusted in enumerate(holm(values)):
        closed = max(min(1, len(s) * min(values[i] for i in s)) for s in sets if place in s)
        assert adjusted == pytest.approx(closed)
