"""LRP against the formula of the paper, threshold by threshold, on pycocotools' own matches."""

from __future__ import annotations

import contextlib
import copy
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coco_problems import Problem, Shape, random_problem, run_ours, strip_boxes
from numpy.typing import NDArray
from support import require_oracle

from posebench.diagnosis.lrp import ScoreCurve, optimal_lrp, score_curve
from posebench.diagnosis.sweep import ScoreSweep
from posebench.diagnosis.thresholds import thresholds
from posebench.metrics.bootstrap import draw_weights

SHAPES = [Shape(seed, images=5, people=5, detections=12, score_levels=6) for seed in (3, 11, 29)]


def sweep_of(problem: Problem, folder: Path) -> ScoreSweep:
    return ScoreSweep.of(run_ours(*problem.write(folder)).accuracy.matches)


def matched_oks(problem: Problem) -> tuple[list[float], int, int]:
    """OKS of the true positives, false positives and misses, as pycocotools sees them."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    problem = copy.deepcopy(problem)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = problem.gt
        truth.createIndex()
        found = truth.loadRes(problem.dt) if problem.dt else COCO()
        evaluator = COCOeval(truth, found, "keypoints")
        evaluator.evaluate()
    qualities: list[float] = []
    wrong = missed = 0
    for image in filter(None, evaluator.evalImgs[: len(evaluator.params.imgIds)]):  # area all
        oks = np.asarray(evaluator.ious[image["image_id"], 1])
        people = [g["id"] for g in evaluator._gts[image["image_id"], 1]]
        missed += int((~image["gtIgnore"].astype(bool)).sum())
        for column, person in enumerate(image["dtMatches"][0]):
            if image["dtIgnore"][0, column]:
                continue
            if person:
                qualities.append(float(oks[column, people.index(int(person))]))
            else:
                wrong += 1
    return qualities, wrong, missed - len(qualities)


def paper(problem: Problem, threshold: float) -> dict[str, float]:
    kept = Problem(problem.gt, [row for row in problem.dt if row["score"] >= threshold])
    qualities, wrong, missed = matched_oks(kept)
    total = sum((1 - q) / (1 - 0.5) for q in qualities) + wrong + missed
    right = len(qualities)
    return {
        "lrp": total / (right + wrong + missed),
        "localisation": float(np.mean([1 - q for q in qualities])) if right else np.nan,
        "false positives": wrong / (right + wrong) if right + wrong else np.nan,
        "false negatives": missed / (right + missed),
        "f1": 2 * right / (2 * right + wrong + missed),
    }


def ours_at(curve: ScoreCurve, k: int) -> dict[str, float]:
    return {
        "lrp": curve.lrp[k],
        "localisation": curve.localisation[k],
        "false positives": 1 - curve.precision[k],
        "false negatives": 1 - curve.recall[k],
        "f1": curve.f1[k],
    }


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: str(shape.seed))
def test_every_threshold_has_the_papers_errors(shape: Shape, tmp_path: Path) -> None:
    require_oracle("pycocotools")
    problem = strip_boxes(random_problem(shape))
    curve = score_curve(sweep_of(problem, tmp_path))
    assert np.isinf(curve.thresholds[0]) and curve.lrp[0] == 1
    assert set(curve.thresholds[1:]) <= {row["score"] for row in problem.dt}
    for k, threshold in enumerate(curve.thresholds[1:], start=1):
        expected = paper(problem, threshold)
        assert ours_at(curve, k) == pytest.approx(expected, nan_ok=True, abs=1e-12)
        assert curve.at(threshold) == k == curve.at(threshold - 1e-9)


def test_the_optimum_is_the_lowest_and_has_its_parts(tmp_path: Path) -> None:
    require_oracle("pycocotools")
    problem = strip_boxes(random_problem(SHAPES[0]))
    matches = run_ours(*problem.write(tmp_path)).accuracy.matches
    found = thresholds(matches, draw_weights(5, replicates=20))
    scores = sorted({row["score"] for row in problem.dt}, reverse=True)
    by_score = {score: paper(problem, score) for score in scores}
    best = min(scores, key=lambda score: by_score[score]["lrp"])
    fairest = max(scores, key=lambda score: by_score[score]["f1"])
    assert found.olrp.value == pytest.approx(by_score[best]["lrp"])
    assert found.lrp_optimal is not None and found.f1_best is not None
    assert (found.lrp_optimal.threshold, found.f1_best.threshold) == (best, fairest)
    assert found.lrp_optimal.precision == pytest.approx(1 - by_score[best]["false positives"])
    assert found.lrp_optimal.recall == pytest.approx(1 - by_score[best]["false negatives"])
    assert found.f1_best.f1 == pytest.approx(by_score[fairest]["f1"])
    at = {round(point.threshold, 2): point for point in found.points}
    assert at[0.5].kept == at[0.34].kept >= at[0.51].kept  # the scores are sixths


def copied(problem: Problem, times: NDArray[np.float64]) -> Problem:
    """Each picture as often as it was drawn, each time with an id of its own."""
    gt: dict[str, Any] = {**problem.gt, "images": [], "annotations": []}
    dt: list[dict[str, Any]] = []
    for image, count in zip(problem.gt["images"], times, strict=True):
        for copy_number in range(int(count)):
            new = 1000 * (copy_number + 1) + image["id"]
            gt["images"].append({**image, "id": new})
            own = [p for p in problem.gt["annotations"] if p["image_id"] == image["id"]]
            for person in own:
                number = len(gt["annotations"]) + 1
                gt["annotations"].append({**person, "image_id": new, "id": number})
            dt += [{**d, "image_id": new} for d in problem.dt if d["image_id"] == image["id"]]
    return Problem(gt, dt)


def test_a_replicate_is_the_lrp_of_the_pictures_drawn(tmp_path: Path) -> None:
    problem = strip_boxes(random_problem(Shape(3, images=5, detections=10)))
    sweep = sweep_of(problem, tmp_path)
    weights = draw_weights(5, replicates=6)
    for weight, found in zip(weights, optimal_lrp(sweep, weights), strict=True):
        drawn = score_curve(sweep_of(copied(problem, weight), tmp_path))
        assert found == pytest.approx(drawn.lrp.min(), nan_ok=True)


def test_many_replicates_are_those_of_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = sweep_of(random_problem(SHAPES[1]), tmp_path)
    weights = draw_weights(5, replicates=50)
    whole = optimal_lrp(sweep, weights)
    monkeypatch.setattr("posebench.diagnosis.lrp._DETECTIONS_AT_ONCE", 3 * len(sweep.scores))
    assert np.array_equal(optimal_lrp(sweep, weights), whole, equal_nan=True)


def test_nobody_found_is_an_error_of_one(tmp_path: Path) -> None:
    problem = strip_boxes(random_problem(Shape(8, images=4, people=6)))
    problem.dt = []
    matches = run_ours(*problem.write(tmp_path)).accuracy.matches
    found = thresholds(matches, draw_weights(4, replicates=9))
    assert found.olrp.value == 1.0 and found.olrp.interval is not None
    assert found.lrp_optimal is None and found.f1_best is None
    assert {(point.kept, point.recall, point.lrp) for point in found.points} == {(0, 0.0, 1.0)}


def test_nobody_annotated_is_no_error_but_a_reason(tmp_path: Path) -> None:
    problem = strip_boxes(random_problem(Shape(8, images=4, people=6)))
    problem.gt["annotations"] = []
    matches = run_ours(*problem.write(tmp_path)).accuracy.matches
    found = thresholds(matches, draw_weights(4, replicates=9))
    assert found.olrp.value is None and found.olrp.reason == "no annotated person counts"
    assert found.points == ()


def test_scores_beyond_one_have_thresholds_of_their_own(tmp_path: Path) -> None:
    problem = strip_boxes(random_problem(SHAPES[2]))
    for row in problem.dt:
        row["score"] = 40 * row["score"] - 10
    matches = run_ours(*problem.write(tmp_path)).accuracy.matches
    points = thresholds(matches, draw_weights(5, replicates=2)).points
    assert points[0].threshold == matches.scores.min() < 0
    assert points[-1].threshold == matches.scores.max() > 1
    assert points[0].kept > points[-1].kept > 0
