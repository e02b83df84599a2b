"""Sigmas from a model's residuals: known ones come back, and no sigma decides who is found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from coco_problems import Shape, random_problem, run_ours
from sigmas.annotators import (
    NAMES,
    PAIRS,
    SIGMAS,
    Flock,
    flock,
    found_by,
    median_is_plausible,
    scattered,
    truth_of,
)

from posebench.datasets.coco import CocoDataset
from posebench.datasets.results import load_predictions
from posebench.datasets.skeletons import COCO17
from posebench.errors import InputError
from posebench.sigmas.anchors import coco_sigmas, read_anchors, spread_note
from posebench.sigmas.estimate import Estimate, estimate
from posebench.sigmas.residuals import FARTHEST, Residuals, residuals
from posebench.types import Detections, GroundTruth

LEFT, RIGHT = 1, 2


@pytest.mark.parametrize("seed", range(4))
def test_known_sigmas_come_back(seed: int) -> None:
    rng = np.random.default_rng(seed)
    birds = flock(rng, 500)
    found = residuals(truth_of(birds), found_by(birds, scattered(birds, rng, SIGMAS / 2)))
    assert (found.people, found.found) == (500, 500)
    for sigma, known in zip(estimate(found.distances, PAIRS, "median").sigmas, SIGMAS, strict=True):
        assert sigma.value is not None
        assert median_is_plausible((sigma.value / (known / 2)) ** 2 * np.log(2), sigma.count)


def test_misses_and_swaps_shift_the_median_by_their_share_at_most() -> None:
    rng = np.random.default_rng(0)
    birds = flock(rng, 1000)
    placed = scattered(birds, rng, SIGMAS / 2)
    gross = rng.permutation(1000)[:100]
    placed[gross, 0] += 500
    found = residuals(truth_of(birds), found_by(birds, placed))
    nose = estimate(found.distances, PAIRS, "median").sigmas[0]
    assert nose.value is not None and found.found == 1000
    # At least half, at most .5 / .9 of the others lie below the median of all.
    median = (nose.value / (SIGMAS[0] / 2)) ** 2 * np.log(2)
    assert median > np.log(2) * 0.8 and median < -np.log(1 - 0.5 / 0.9) * 1.2


def test_sigmas_of_the_annotations_are_not_looked_at() -> None:
    rng = np.random.default_rng(1)
    birds = flock(rng, 100)
    placed = scattered(birds, rng)
    found = [
        residuals(truth_of(birds, sigmas), found_by(birds, placed))
        for sigmas in (SIGMAS, SIGMAS / 99)
    ]
    assert np.array_equal(found[0].distances.squared, found[1].distances.squared)


def test_the_best_score_and_not_the_nearest_is_taken() -> None:
    rng = np.random.default_rng(2)
    birds = flock(rng, 40)
    placed = scattered(birds, rng)
    twice = Flock(*(np.concatenate([v, v]) for v in list(vars(birds).values())[:4]))
    scores = np.concatenate([np.full(40, 0.9), np.full(40, 0.8)])
    both = found_by(twice, np.concatenate([placed, birds.points]), scores)
    found = residuals(truth_of(birds), both)
    assert found.found == 40 and (found.distances.squared > 0).all()


def test_the_median_distance_decides_who_is_found() -> None:
    birds = flock(np.random.default_rng(2), 3)
    offsets = np.array([[0.1, 0.1, 0.38, 9.0], [0.1, 0.2, 0.32, 0.4], [0.0, 0.24, 0.25, 0.26]])
    placed = birds.points.copy()
    placed[..., 1] += offsets * np.sqrt(birds.areas)[:, None]
    found = residuals(truth_of(birds), found_by(birds, placed)).distances.squared
    assert np.sqrt(found) == pytest.approx(offsets[[0, 2]])


def test_only_the_twenty_best_of_a_picture_count() -> None:
    birds = flock(np.random.default_rng(2), 1)
    away = np.tile(birds.points + 400, (20, 1, 1))
    for before, expected in ((19, 1), (20, 0)):
        placed = np.concatenate([away[:before], birds.points])
        many = Detections(
            image_index=np.zeros(before + 1, np.int64),
            keypoints=placed,
            scores=np.linspace(1, 0.5, before + 1),
            class_ids=np.zeros(before + 1, np.int64),
        )
        if expected:
            assert residuals(truth_of(birds), many).found == 1
        else:
            with pytest.raises(InputError, match="none of the 1 labelled people"):
                residuals(truth_of(birds), many)


def test_who_cannot_be_found_is_not_counted() -> None:
    rng = np.random.default_rng(2)
    birds = flock(rng, 40)
    truth = truth_of(birds)
    truth.areas[0] = 0
    truth.is_crowd[1] = True
    truth.keypoints[2, :, 2] = 0
    found = residuals(truth, found_by(birds, scattered(birds, rng, SIGMAS / 2)))
    assert (found.people, found.found) == (37, 37)


def by_hand(truth: GroundTruth, detections: Detections) -> list[list[float]]:
    """d² / s² of the people found, one at a time; 0 stands for an unlabelled keypoint."""
    kept: dict[tuple[int, int], int] = {}
    free = set(range(len(truth.areas)))
    squares = []
    for d in np.argsort(-detections.scores, kind="stable"):
        group = int(detections.image_index[d]), int(detections.class_ids[d])
        kept[group] = kept.get(group, 0) + 1
        best: tuple[float, int] | None = None
        for g in sorted(free) if kept[group] <= 20 else []:
            labelled = truth.keypoints[g, :, 2] > 0
            same = (int(truth.image_index[g]), int(truth.class_ids[g])) == group
            if not same or truth.is_crowd[g] or not labelled.any() or not truth.areas[g]:
                continue
            offset = detections.keypoints[d] - truth.keypoints[g, :, :2]
            distance = np.median(np.hypot(*offset[labelled].T)) / np.sqrt(truth.areas[g])
            if distance <= FARTHEST and (best is None or distance <= best[0]):
                best = float(distance), g
        if best is not None:
            free.remove(best[1])
            points = truth.keypoints[best[1]]
            square = ((detections.keypoints[d] - points[:, :2]) ** 2).sum(axis=1)
            squares.append(np.where(points[:, 2] > 0, square / truth.areas[best[1]], 0).tolist())
    return squares


@pytest.mark.parametrize("seed", range(12))
def test_who_is_found_equals_a_search_by_hand(seed: int, tmp_path: Path) -> None:
    ours = run_ours(*random_problem(Shape(seed, classes=1 + seed % 2)).write(tmp_path))
    expected = by_hand(ours.ground_truth, ours.results.detections)
    if not expected:
        with pytest.raises(
            InputError,
            match=r"labelled people was found|nobody has a labelled keypoint|nobody was predicted",
        ):
            residuals(ours.ground_truth, ours.results.detections)
        return
    found = residuals(ours.ground_truth, ours.results.detections).distances.squared
    rows = sorted(np.nan_to_num(found, nan=0.0).tolist())
    assert np.array(rows) == pytest.approx(np.array(sorted(expected)))


def test_nobody_found_is_refused() -> None:
    birds = flock(np.random.default_rng(0), 8)
    away = found_by(birds, birds.points + 400)
    with pytest.raises(InputError, match=r"none of the 8 labelled people was found.*order of the"):
        residuals(truth_of(birds), away)
    nothing = replace(
        away, image_index=away.image_index[:0], keypoints=away.keypoints[:0],
        scores=away.scores[:0], class_ids=away.class_ids[:0],
    )  # fmt: skip
    with pytest.raises(InputError, match=r"predictions: nobody was predicted"):
        residuals(truth_of(birds), nothing)


def worse_model(factor: float) -> Residuals:
    """It errs by ``factor`` times what annotators scatter, in every keypoint."""
    rng = np.random.default_rng(3)
    birds = flock(rng, 500)
    return residuals(truth_of(birds), found_by(birds, scattered(birds, rng, SIGMAS / 3 * factor)))


def test_an_anchor_takes_the_factor_out() -> None:
    found = worse_model(1.5)
    plain = estimate(found.distances, PAIRS, "median")
    anchored = estimate(found.distances, PAIRS, "median", {0: SIGMAS[0] / 3})
    assert plain.factor is None and plain.ratios is None
    first, same = plain.sigmas[0].value, anchored.sigmas[0]
    assert first is not None and anchored.factor == pytest.approx(SIGMAS[0] / 3 / first)
    assert same.value == pytest.approx(SIGMAS[0] / 3)
    assert same.interval is not None
    assert (same.interval.low, same.interval.high) == pytest.approx((same.value, same.value))
    tail, uncalibrated = anchored.sigmas[3].value, plain.sigmas[3].value
    assert tail is not None and uncalibrated is not None
    assert abs(tail / (SIGMAS[3] / 3) - 1) < abs(uncalibrated / (SIGMAS[3] / 3) - 1) / 2
    assert "by one anchor" in spread_note(anchored.ratios or {})


def test_several_anchors_agree_by_the_median_of_their_ratios() -> None:
    found = worse_model(1.0)
    plain = [s.value or 0.0 for s in estimate(found.distances, PAIRS, "median").sigmas]
    wanted = {0: plain[0] * 0.5, 1: plain[1] * 0.8, 3: plain[3] * 0.9}
    anchored = estimate(found.distances, PAIRS, "median", wanted)
    assert anchored.factor == pytest.approx(0.8)
    assert [s.value for s in anchored.sigmas] == pytest.approx([v * 0.8 for v in plain])
    assert anchored.ratios is not None
    assert "3 anchors: their ratios to the measured scatter run from 0.50 to 0.90" in spread_note(
        anchored.ratios
    )


def test_anchors_are_read_by_name() -> None:
    assert read_anchors(["nose=.026", "tail=0.2"], NAMES) == {0: 0.026, 3: 0.2}
    assert read_anchors(["coco", "nose=.03"], NAMES) == {0: 0.03}
    assert read_anchors(["nose=.03", "coco"], NAMES) == {0: 0.03}
    with pytest.raises(InputError, match=r"nose has one already, nose=\.03"):
        read_anchors(["nose=.03", "nose=.04"], NAMES)
    assert coco_sigmas(["Left-Hip", "left knee", "RIGHT_EYE", "tail"]) == {
        0: COCO17.sigmas[11], 1: COCO17.sigmas[13], 2: COCO17.sigmas[2],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ("beak=.1", "no keypoint 'beak'. There are: nose, left_wing"),
        ("nose", "no '=' in it. Write KEYPOINT=SIGMA"),
        ("nose=wide", "'wide' is not a positive number"),
        ("nose=0", "'0' is not a positive number"),
        ("nose=nan", "'nan' is not a positive number"),
        ("nose=inf", "'inf' is not a positive number"),
        ("nose=26", "26 times the root of a person's area is no scatter"),
    ],
)
def test_bad_anchors_are_refused(wish: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_anchors([wish], NAMES)
    with pytest.raises(InputError, match="no keypoint has a name of COCO's"):
        read_anchors(["coco"], ["beak", "tail"])


@pytest.fixture
def real(coco_mini: Path) -> Estimate:
    dataset = CocoDataset.open(coco_mini / "person_keypoints.json", sigmas=[1.0] * 17)
    truth = dataset.ground_truth()
    path = coco_mini / "yolov8n-pose.predictions.json"
    found = residuals(truth, load_predictions(path, dataset, truth).detections)
    return estimate(found.distances, COCO17.flip_pairs, "median")


@pytest.mark.data
def test_a_real_model_orders_the_keypoints_as_coco_does(real: Estimate) -> None:
    rows = [0, *range(1, 17, 2)]
    ours = np.array([real.sigmas[k].value for k in rows])
    theirs = np.array([COCO17.sigmas[k] for k in rows])
    ranks = np.array([np.argsort(np.argsort(sigmas)) for sigmas in (ours, theirs)])
    correlation = np.corrcoef(ranks)[0, 1]
    assert correlation > 0.783  # Spearman's critical value for 9 pairs, one-sided .01
    face, legs = real.sigmas[:5], real.sigmas[11:]
    highest = max(s.interval.high for s in face if s.interval)
    assert all(s.interval is not None and s.interval.low > highest for s in legs)
