"""Each rung changes one rule, and the last one is the figure of the protocol."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from coco_problems import Shape, random_problem, run_ours, strip_boxes
from convention_problems import climbed, load_case
from hypothesis import given
from hypothesis import strategies as st

from posebench.conventions.case import Case
from posebench.conventions.ladder import Wish, notes_of


@pytest.fixture
def real(coco_mini: Path) -> Case:
    names = "person_keypoints.json", "yolov8n-pose.predictions.json"
    return load_case(*(coco_mini / name for name in names))


WISHES = [
    Wish("mmpose"),
    Wish("ultralytics"),
    Wish("ultralytics", score_threshold=0.1, score_mode="keypoint", max_dets=5),
    Wish(score_threshold=0.3, max_dets=3),
]


@pytest.mark.parametrize("wish", WISHES)
def test_changes_add_up(wish: Wish, real: Case) -> None:
    _, rungs = climbed(real, wish)
    start, end = rungs[0].figures["AP"].value, rungs[-1].figures["AP"].value
    assert start is not None and end is not None
    assert rungs[0].change is None
    assert start + sum(rung.change or 0 for rung in rungs) == pytest.approx(end, abs=1e-12)


def test_it_starts_with_the_rules_of_coco(real: Case, coco_mini: Path) -> None:
    names = "person_keypoints.json", "yolov8n-pose.predictions.json"
    ours = run_ours(*(coco_mini / name for name in names)).accuracy.keypoints
    for wish in WISHES:
        assert climbed(real, wish)[1][0].figures == ours


def test_no_wish_is_no_rule(real: Case) -> None:
    assert len(climbed(real, Wish())[1]) == 1


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_threshold_only_removes(low: float, high: float) -> None:
    case = _random_case()
    low, high = min(low, high), max(low, high)
    kept = [climbed(case, Wish(score_threshold=t))[0].results.detections for t in (low, high)]
    assert (kept[1].scores >= high).all()
    assert len(kept[1].scores) <= len(kept[0].scores)
    scores = case.results.detections.scores
    assert len(kept[0].scores) == np.count_nonzero(scores >= low)


def _random_case() -> Case:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return load_case(*strip_boxes(random_problem(Shape(4))).write(Path(folder)))


def test_the_box_score_of_a_results_file_is_its_score(real: Case) -> None:
    final, rungs = climbed(real, Wish(score_mode="box"))
    assert rungs[1].change == 0
    assert notes_of(Wish(score_mode="box"), real) == []
    assert final.results.detections.scores == pytest.approx(real.results.detections.scores)


def test_keypoint_scores_that_say_nothing_are_noted(real: Case) -> None:
    results = replace(real.results, keypoint_scores=np.ones_like(real.results.keypoint_scores))
    notes = notes_of(Wish("mmpose"), replace(real, results=results))
    assert any(note.startswith("every keypoint score is 1") for note in notes)


def test_suppression_and_the_lack_of_scores_are_counted(real: Case) -> None:
    scores = real.results.keypoint_scores.copy()
    scores[:10] = 0
    blind = replace(real, results=replace(real.results, keypoint_scores=scores))
    final, rungs = climbed(blind, Wish("mmpose", score_mode="box"))
    dropped = next(rung for rung in rungs if rung.rule == "unseen people")
    assert f"{len(final.results.detections.scores):,} of " in dropped.detail
    assert (final.results.keypoint_scores > 0).any(axis=1).all()
