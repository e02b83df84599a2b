"""Who met nobody: detections of background, duplicates, people who were missed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from planted_people import added, annotated, found, junk, moved, taken

from posebench.diagnosis.background import (
    Background,
    background,
    without_detections,
    without_people,
)
from posebench.diagnosis.case import Case
from posebench.diagnosis.pairing import pair
from posebench.metrics.accumulate import KEYPOINT_FIGURES, figures
from posebench.metrics.matches import Matches
from posebench.types import Detections, GroundTruth


def looked_at(case: Case) -> Background:
    return background(case, pair(case), case.matches())


def poor(truth: GroundTruth, detections: Detections, similarity: float) -> Detections:
    for keypoint in range(17):
        detections = moved(truth, detections, keypoint, similarity)
    return detections


def test_a_poorly_placed_detection_is_not_background() -> None:
    truth = annotated()
    low = looked_at(Case(truth, poor(truth, found(truth), 0.2)))
    assert (len(low.false_positives), len(low.missed)) == (0, 0)
    lower = looked_at(Case(truth, poor(truth, found(truth), 0.05)))
    everybody = list(range(len(truth.areas)))
    assert lower.false_positives.tolist() == lower.missed.tolist() == everybody
    assert not lower.duplicates.any()


def test_a_second_detection_of_a_person_is_a_duplicate() -> None:
    truth = annotated()
    people = found(truth)
    again = taken(poor(truth, people, 0.7), np.array([2, 5]))
    seen = looked_at(Case(truth, added(added(people, again), junk(truth, np.array([0.3])))))
    first = len(truth.areas)
    assert seen.false_positives.tolist() == [first, first + 1, first + 2]
    assert seen.duplicates.tolist() == [True, True, False]
    assert len(seen.missed) == 0


def test_whoever_matches_at_a_higher_threshold_is_no_background() -> None:
    """The better-scored of two is poorly placed: the other one matches where that one fails."""
    truth = annotated()
    people = poor(truth, found(truth), 0.55)
    better = replace(found(truth), scores=people.scores / 2)
    seen = looked_at(Case(truth, added(people, better)))
    assert len(seen.false_positives) == 0


def test_detections_of_people_who_do_not_count_are_neither() -> None:
    truth = annotated(each=4)
    truth.is_crowd[0], truth.num_keypoints[1] = True, 0
    areas = truth.areas.copy()
    areas[2] = 500.0
    seen = looked_at(Case(replace(truth, areas=areas), found(truth)))
    assert (len(seen.false_positives), len(seen.missed)) == (0, 0)


def test_only_people_who_count_are_missed() -> None:
    truth = annotated(each=4)
    truth.is_crowd[0], truth.num_keypoints[1] = True, 0
    areas = truth.areas.copy()
    areas[2] = 500.0
    seen = looked_at(Case(replace(truth, areas=areas), taken(found(truth), np.arange(4, 16))))
    # The AP counts the small one, though nobody examines its keypoints.
    assert seen.missed.tolist() == [2, 3]


def test_what_is_not_scored_is_not_background() -> None:
    truth = annotated(pictures=1)
    case = Case(truth, added(found(truth), junk(truth, np.array([0.1, 0.2]))), max_dets=4)
    assert looked_at(case).false_positives.tolist() == [4]


def value(matches: Matches, figure: str) -> float | None:
    return figures(matches, {figure: KEYPOINT_FIGURES[figure]})[figure].value


def test_ignoring_is_like_leaving_out() -> None:
    truth = annotated(pictures=6)
    kept = np.arange(len(truth.areas)) % 3 > 0
    people = taken(found(truth), kept)
    extra = junk(truth, np.linspace(0.95, 0.6, 6))
    case = Case(truth, added(people, extra))
    seen, matches = looked_at(case), case.matches()
    fewer = without_detections(matches, seen.false_positives)
    assert value(fewer, "AP") == value(case.matches(detections=people), "AP")
    assert value(fewer, "AP") != value(matches, "AP")
    found_only = without_people(matches, seen.missed)
    assert value(found_only, "AR") == 1
    assert value(without_people(fewer, seen.missed), "AP") == 1
