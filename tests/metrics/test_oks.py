"""OKS against the formula written out by hand, and the shortcuts against no shortcut."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from posebench.datasets.skeletons import COCO17
from posebench.metrics.boxes import IouPairs
from posebench.metrics.oks import OksPairs, Targets
from posebench.metrics.sieve import Extents
from posebench.types import Float64Array, GroundTruth

ZERO = np.zeros(1, np.int64)


def truth(points: Float64Array, area: float, box: tuple[float, ...] = (0, 0, 1, 1)) -> GroundTruth:
    labelled = int((points[:, 2] > 0).sum())
    return GroundTruth(
        image_ids=np.array([1]),
        image_index=ZERO,
        annotation_ids=np.array([1]),
        keypoints=points[None],
        boxes=np.array([box], np.float64),
        areas=np.array([area]),
        is_crowd=np.zeros(1, np.bool_),
        num_keypoints=np.array([labelled]),
        skeleton=COCO17,
        class_ids=ZERO,
    )


def oks(person: GroundTruth, detected: Float64Array, floor: float = 0.5) -> float:
    pairs = OksPairs(
        keypoints=np.ascontiguousarray(detected[None]),
        detected=Extents.of(detected[None]),
        targets=Targets.of(person, np.array(COCO17.sigmas)),
        floor=floor,
    )
    return float(pairs(ZERO, ZERO)[0]) if pairs.plausible(ZERO, ZERO)[0] else 0.0


def by_hand(points: Float64Array, area: float, detected: Float64Array) -> float:
    terms = [
        math.exp(-((x - u) ** 2 + (y - w) ** 2) / (2 * area * (2 * sigma) ** 2))
        for (x, y, v), (u, w), sigma in zip(points, detected, COCO17.sigmas, strict=True)
        if v > 0
    ]
    return sum(terms) / len(terms)


@pytest.mark.parametrize("seed", range(20))
def test_oks_is_the_formula(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = np.column_stack([rng.uniform(0, 200, (17, 2)), rng.integers(0, 3, 17)])
    points[0, 2] = 2
    detected = points[:, :2] + rng.normal(0, 3, (17, 2))
    found = oks(truth(points, 9000.0), detected, floor=1e-9)
    assert found == pytest.approx(by_hand(points, 9000.0, detected), rel=1e-12)


def test_perfect_detection_has_oks_one() -> None:
    points = np.column_stack([np.arange(34.0).reshape(17, 2), np.full(17, 2.0)])
    assert oks(truth(points, 100.0), points[:, :2]) == 1.0


@pytest.mark.parametrize("seed", range(50))
def test_shortcuts_only_drop_pairs_below_the_floor(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scale = 10.0 ** rng.uniform(-3, 3)
    points = np.column_stack([rng.uniform(0, 200, (17, 2)), rng.integers(0, 2, 17)])
    person = truth(points * [scale, scale, 1], 5000.0 * scale**2, (0, 0, 50 * scale, 50 * scale))
    detected = (points[:, :2] + rng.normal(0, rng.uniform(1, 12), (17, 2))) * scale
    exact, short = oks(person, detected, floor=1e-12), oks(person, detected)
    assert short == exact if exact >= 0.5 else short in (0.0, exact)


@pytest.mark.parametrize(("offset", "expected"), [(0.0, 1.0), (-9.9, 1.0), (19.9, 1.0)])
def test_unlabelled_person_is_its_doubled_box(offset: float, expected: float) -> None:
    person = truth(np.zeros((17, 3)), 100.0, (0, 0, 10, 10))
    assert oks(person, np.full((17, 2), offset)) == expected


def test_unlabelled_person_measures_the_distance_to_its_doubled_box() -> None:
    person = truth(np.zeros((17, 3)), 100.0, (0, 0, 10, 10))
    detected = np.full((17, 2), 5.0)
    detected[:, 0] = 21.0
    expected = np.mean([math.exp(-1 / (2 * 100 * (2 * s) ** 2)) for s in COCO17.sigmas])
    assert oks(person, detected, floor=1e-9) == pytest.approx(expected, rel=1e-12)


def test_area_of_zero_is_no_division_by_zero() -> None:
    points = np.column_stack([np.arange(34.0).reshape(17, 2), np.full(17, 2.0)])
    assert oks(truth(points, 0.0), points[:, :2]) == 1.0
    assert oks(truth(points, 0.0), points[:, :2] + 1e-3) == 0.0


def test_extents_area() -> None:
    points = np.zeros((1, 17, 2))
    points[0, 3], points[0, 5] = (4, -1), (-2, 9)
    assert Extents.of(points).areas.tolist() == [60.0]


@pytest.mark.parametrize(
    ("detected", "annotated", "crowd", "expected"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), False, 1.0),
        ((0, 0, 10, 10), (5, 0, 10, 10), False, 50 / 150),
        ((0, 0, 10, 10), (5, 0, 100, 100), True, 0.5),
        ((0, 0, 10, 10), (10, 0, 10, 10), False, 0.0),
        ((0, 0, 0, 0), (0, 0, 0, 0), False, 0.0),
    ],
)
def test_box_iou(
    detected: tuple[float, ...], annotated: tuple[float, ...], crowd: bool, expected: float
) -> None:
    pairs = IouPairs(
        np.array([detected], np.float64), np.array([annotated], np.float64), np.array([crowd])
    )
    assert pairs(ZERO, ZERO)[0] == pytest.approx(expected)


def test_sigmas_enter_as_doubled_squares() -> None:
    points = np.column_stack([np.arange(34.0).reshape(17, 2), np.full(17, 2.0)])
    person = truth(points, 100.0)
    wide = dataclasses.replace(COCO17, sigmas=tuple(2 * s for s in COCO17.sigmas))
    targets = Targets.of(dataclasses.replace(person, skeleton=wide), np.array(wide.sigmas))
    narrow = Targets.of(person, np.array(COCO17.sigmas))
    assert targets.variances == pytest.approx(4 * narrow.variances)
