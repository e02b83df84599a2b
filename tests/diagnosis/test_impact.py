"""AP after each repair against pycocotools, and gains that add up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from coco_problems import Problem, Shape, random_problem, run_ours, run_reference, strip_boxes
from planted_people import annotated, found, moved, taken

from posebench.diagnosis.background import background
from posebench.diagnosis.case import Case
from posebench.diagnosis.impact import STEPS, Gain, Impact, Step, impact
from posebench.diagnosis.pairing import pair
from posebench.diagnosis.repair import repair
from posebench.diagnosis.score_errors import optimal_scores
from posebench.diagnosis.taxonomy import Taxonomy, classify
from posebench.metrics.bootstrap import draw_weights
from posebench.types import Detections, Float64Array

KINDS = STEPS[:4]
SEEDS = (1, 4)


def studied(seed: int, folder: Path) -> tuple[Problem, Case, Taxonomy, Impact]:
    shape = Shape(seed, images=4, people=6, detections=18, score_levels=1000)
    problem = strip_boxes(random_problem(shape))
    ours = run_ours(*problem.write(folder))
    case = Case(ours.ground_truth, ours.results.detections)
    taxonomy = classify(case, pair(case))
    return problem, case, taxonomy, impact(case, taxonomy)


def theirs(problem: Problem, detections: Detections) -> tuple[float | None, float | None]:
    """AP and AR of changed detections, as pycocotools finds them."""
    changed = problem.copy()
    for entry, keypoints, score in zip(
        changed.dt, detections.keypoints, detections.scores, strict=True
    ):
        entry["keypoints"] = np.column_stack([keypoints, np.ones(17)]).ravel().tolist()
        entry["score"] = float(score)
    stats = run_reference(changed).stats
    return stats[0], stats[5]


def ours(step: Step) -> tuple[float | None, float | None]:
    return step.figures["AP"].value, step.figures["AR"].value


@pytest.mark.parametrize("seed", SEEDS)
def test_repaired_keypoints_and_scores_give_pycocotools_figures(seed: int, tmp_path: Path) -> None:
    problem, case, taxonomy, result = studied(seed, tmp_path)
    assert result.baseline["AP"].value == theirs(problem, case.detections)[0]
    for place, kind in enumerate(KINDS):
        alone = repair(case, taxonomy, [kind])
        together = repair(case, taxonomy, KINDS[: place + 1])
        assert ours(result.alone[place]) == theirs(problem, alone)
        assert ours(result.progressive[place]) == theirs(problem, together)
    for before, step in ((case.detections, result.alone[4]), (together, result.progressive[4])):
        scores = optimal_scores(case, taxonomy.pairing, before)
        assert ours(step) == theirs(problem, replace(before, scores=scores))
    values = {ours(step)[0] for step in (*result.alone[:5], *result.progressive[:5])}
    assert len(values) >= 6, "the problem hardly has errors"


@pytest.mark.parametrize("seed", SEEDS)
def test_background_and_missed_people_are_as_if_left_out(seed: int, tmp_path: Path) -> None:
    problem, case, taxonomy, result = studied(seed, tmp_path)
    seen = background(case, taxonomy.pairing, case.matches())
    fewer = problem.copy()
    fewer.dt = [d for row, d in enumerate(problem.dt) if row not in seen.false_positives]
    assert ours(result.alone[5]) == tuple(run_reference(fewer).stats[i] for i in (0, 5))
    missed = set(case.ground_truth.annotation_ids[seen.missed].tolist())
    found_only = problem.copy()
    found_only.gt["annotations"] = [p for p in problem.gt["annotations"] if p["id"] not in missed]
    assert ours(result.alone[6]) == tuple(run_reference(found_only).stats[i] for i in (0, 5))


@pytest.mark.parametrize("figure", ["AP", "AR"])
def test_the_progression_adds_up_to_one(figure: str, tmp_path: Path) -> None:
    _, _, _, result = studied(3, tmp_path)
    gains = [step.figures[figure].gain for step in result.progressive]
    baseline, rest = result.baseline[figure].value, result.rest[figure]
    assert baseline is not None and rest is not None
    assert [step.name for step in result.progressive] == list(STEPS)
    assert all(gain is not None for gain in gains)
    assert baseline + sum(g for g in gains if g is not None) + rest == pytest.approx(1)


def test_the_published_distances_promise_more() -> None:
    truth = annotated()
    people = found(truth)
    for keypoint in range(17):
        people = moved(truth, people, keypoint, 0.6)
    case = Case(truth, people)
    taxonomy = classify(case, pair(case))
    corrected = impact(case, taxonomy)
    published = impact(case, taxonomy, factor="ronchi-perona")
    # All keypoints at .85 reach 8 of the 10 thresholds, at .85 ** .25 = .960 every one.
    assert corrected.alone[3].figures["AP"].value == pytest.approx(0.8)
    assert published.alone[3].figures["AP"].value == pytest.approx(1)
    assert corrected.rest["AP"] == pytest.approx(0.2)
    assert (corrected.factor, published.factor) == ("corrected", "ronchi-perona")


def jitter_of(case: Case, weights: Float64Array) -> Gain:
    result = impact(case, classify(case, pair(case)), weights=weights)
    return result.alone[3].figures["AP"]


def test_intervals_are_those_of_the_same_pictures_twice() -> None:
    """One picture has all the jitter: nothing is gained in the draws that leave it out."""
    truth = annotated(pictures=5)
    people = found(truth)
    off = people
    for keypoint in range(17):
        off = moved(truth, off, keypoint, 0.6)
    people.keypoints[truth.image_index == 0] = off.keypoints[truth.image_index == 0]
    case = Case(truth, people)
    all_drawn = jitter_of(case, np.ones((3, 5)))
    assert all_drawn.gain is not None and all_drawn.gain > 0
    assert all_drawn.interval is not None
    assert (all_drawn.interval.low, all_drawn.interval.high) == (all_drawn.gain, all_drawn.gain)
    without = jitter_of(case, np.array([[0.0, 2, 1, 1, 1]] * 3)).interval
    assert without is not None and (without.low, without.high) == (0, 0)
    drawn = jitter_of(case, draw_weights(5, replicates=100)).interval
    assert drawn is not None and drawn.low == 0 and drawn.high > all_drawn.gain


def test_without_people_there_are_reasons_and_no_gains() -> None:
    truth = annotated()
    truth.is_crowd[:] = True
    case = Case(truth, found(truth))
    result = impact(case, classify(case, pair(case)), weights=np.ones((2, 4)))
    for step in (*result.alone, *result.progressive):
        gain = step.figures["AP"]
        assert (gain.value, gain.gain, gain.interval) == (None, None, None)
        assert gain.reason and "no ground truth" in gain.reason
    assert result.rest == {"AP": None, "AR": None}


def test_without_detections_everybody_is_missed() -> None:
    truth = annotated()
    case = Case(truth, taken(found(truth), np.arange(0)))
    result = impact(case, classify(case, pair(case)), weights=np.ones((2, 4)))
    assert [step.figures["AP"].value for step in result.alone] == [0] * 6 + [None]
    assert result.alone[6].figures["AP"].reason
