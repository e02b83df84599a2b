"""Whether the sigmas in use tell models apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from coco_problems import SIGMAS as COCO_SIGMAS
from coco_problems import Shape, random_problem, run_ours, run_reference
from sigmas.annotators import IMPROBABLE, Flock, flock, found_by, scattered, truth_of
from support import require_oracle

from posebench.datasets.coco import CocoDataset
from posebench.datasets.results import load_predictions
from posebench.metrics.coco import match_boxes, match_keypoints
from posebench.sigmas.residuals import residuals
from posebench.sigmas.saturation import (
    LEAST_PEOPLE,
    at_scales,
    saturation_notes,
    shares,
    similarities,
    unreachable_notes,
)
from posebench.types import Float64Array


def birds_of(keypoints: int, count: int = 400) -> tuple[Flock, Float64Array]:
    """Birds with so many keypoints, drawn by annotators who scatter by sigmas of .05."""
    rng = np.random.default_rng(keypoints)
    birds = flock(rng, count, names=tuple(f"point {k}" for k in range(keypoints)))
    return birds, scattered(birds, rng, np.full(keypoints, 0.05))


def notes(keypoints: int, scale: float, count: int = 400) -> list[str]:
    birds, placed = birds_of(keypoints, count)
    truth = truth_of(birds, np.full(keypoints, 0.05 * scale))
    return saturation_notes(match_keypoints(truth, found_by(birds, placed)))


@pytest.mark.parametrize("keypoints", [1, 2, 4, 17])
def test_annotators_are_neither_side(keypoints: int) -> None:
    assert notes(keypoints, 1.0) == []


@pytest.mark.parametrize("keypoints", [1, 4, 17])
def test_wide_sigmas_are_told(keypoints: int) -> None:
    (wide,) = notes(keypoints, 4.0)
    assert wide.startswith("saturated: ") and "reach an OKS of .95" in wide


def test_narrow_sigmas_are_told() -> None:
    (narrow,) = notes(17, 0.4)
    assert narrow.startswith("too strict: ") and "reach an OKS of .75" in narrow


@pytest.mark.parametrize("keypoints", [1, 4, 17])
def test_sigmas_with_which_nobody_matches_are_told(keypoints: int) -> None:
    birds, placed = birds_of(keypoints)
    used = np.full(keypoints, 0.05)
    found = residuals(truth_of(birds, used), found_by(birds, placed)).distances
    (narrow,) = unreachable_notes(found, used / 5)
    assert narrow.startswith("too strict: ") and "reach an OKS of .5." in narrow
    assert unreachable_notes(found, used) == []


def test_a_handful_of_people_says_nothing() -> None:
    assert notes(4, 4.0, LEAST_PEOPLE) != []
    assert notes(4, 4.0, LEAST_PEOPLE - 1) == []


@pytest.mark.parametrize("similarity", [0.95, 0.75])
def test_share_of_annotators_that_reach_a_similarity(similarity: float) -> None:
    birds, placed = birds_of(1, 4000)
    found = residuals(truth_of(birds, np.ones(1)), found_by(birds, placed)).distances
    share = (similarities(found, np.array([0.05])) >= similarity).mean()
    reach = np.sqrt(np.log(2 / IMPROBABLE) / (2 * 4000))  # Hoeffding
    assert abs(share - (1 - similarity**8)) < reach


def test_boxes_have_no_sigmas() -> None:
    birds, placed = birds_of(4)
    boxed = replace(found_by(birds, placed), boxes=birds.boxes)
    assert saturation_notes(match_boxes(truth_of(birds), boxed)) == []


def test_shares_are_those_of_the_oks_formula() -> None:
    birds, placed = birds_of(3)
    truth = truth_of(birds, np.array([0.02, 0.05, 0.3]))
    found = shares(
        residuals(truth, found_by(birds, placed)).distances, np.array(truth.skeleton.sigmas)
    )
    for k, sigma in enumerate(truth.skeleton.sigmas):
        d = np.linalg.norm(placed[:, k] - birds.points[:, k], axis=1)
        ks = np.exp(-(d**2) / (2 * birds.areas * (2 * sigma) ** 2))
        assert found[k] == ((ks > 0.95).mean(), (ks < 0.05).mean())


def test_a_keypoint_that_nobody_labels_has_no_shares() -> None:
    birds, placed = birds_of(2)
    truth = truth_of(birds, np.ones(2))
    truth.keypoints[:, 1, 2] = 0
    found = residuals(truth, found_by(birds, placed)).distances
    assert shares(found, np.array([0.05, 0.05]))[1] is None


@pytest.mark.parametrize("seed", [1, 5])
def test_figures_at_each_scale_are_those_of_pycocotools(seed: int, tmp_path: Path) -> None:
    require_oracle("pycocotools")
    problem = random_problem(Shape(seed, images=4, people=6))
    problem.dt = [{k: v for k, v in d.items() if k != "bbox"} for d in problem.dt]
    ours = run_ours(*problem.write(tmp_path))
    matches, found = at_scales(ours.ground_truth, ours.results.detections)
    assert np.array_equal(matches.matched, ours.accuracy.matches.matched)
    for scale, figures in found.items():
        theirs = run_reference(problem, sigmas=(COCO_SIGMAS * scale).tolist())
        assert [figures[name].value for name in ("AP", "AP50", "AP75")] == theirs.stats[:3]
        precision = theirs.precision[-1, :, :, 0, -1]
        assert figures["AP95"].value == precision[precision > -1].mean()


@pytest.mark.data
def test_real_predictions(coco_mini: Path) -> None:
    dataset = CocoDataset.open(coco_mini / "person_keypoints.json")
    truth = dataset.ground_truth()
    path = coco_mini / "yolov8n-pose.predictions.json"
    detections = load_predictions(path, dataset, truth).detections
    found = residuals(truth, detections).distances

    def said(scale: float) -> list[str]:
        sigmas = COCO_SIGMAS * scale
        scaled = replace(truth, skeleton=replace(truth.skeleton, sigmas=tuple(sigmas.tolist())))
        matched = saturation_notes(match_keypoints(scaled, detections))
        return [*matched, *unreachable_notes(found, sigmas)]

    assert said(1.0) == []
    assert [note.split(":")[0] for note in said(4.0)] == ["saturated"]
    (narrow,) = said(0.25)
    assert narrow.startswith("too strict: ") and "keypoints are near the labels" in narrow
