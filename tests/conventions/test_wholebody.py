"""COCO-WholeBody: six parts, each ignored and left out by its own keypoints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coco_problems import Problem, Shape, random_problem, strip_boxes
from convention_problems import (
    climbed,
    figure_values,
    load_case,
    or_none,
    run_mmpose,
    with_whole_body,
    xtcocotools_evaluator,
)

from posebench.conventions.case import accuracy, parts
from posebench.conventions.ladder import Wish, rules_of
from posebench.datasets.coco import CocoDataset
from posebench.datasets.results import load_predictions
from posebench.datasets.skeletons import COCO17, COCO_WHOLEBODY133
from posebench.datasets.wholebody import PARTS, WHOLE
from posebench.errors import InputError
from posebench.predictions import collect, write_shard
from posebench.types import Prediction


def oracle(problem: Problem, part: str, folder: Path) -> list[float | None]:
    found = xtcocotools_evaluator(
        problem,
        f"keypoints_{part.replace(' ', '')}".replace("whole", "wholebody"),
        COCO_WHOLEBODY133.sigmas[PARTS[part].columns],
        folder=folder,
    )
    return or_none(found.stats)


def agree(problem: Problem, folder: Path) -> None:
    found = parts(load_case(*problem.write(folder)))
    assert list(found) == list(PARTS)
    for part, figures in found.items():
        assert figure_values(figures) == pytest.approx(oracle(problem, part, folder), abs=1e-12)


def examples(data: Path) -> Problem:
    folder = data / "evaluator-cases" / "xtcocotools"
    names = "example_wholebody_val.json", "example_wholebody_preds.json"
    return Problem(*(json.loads((folder / name).read_text()) for name in names))


def test_every_part_of_the_example_equals_xtcocotools(data: Path, tmp_path: Path) -> None:
    agree(examples(data), tmp_path)


@pytest.mark.parametrize("seed", range(8))
def test_every_part_equals_xtcocotools(seed: int, tmp_path: Path) -> None:
    agree(with_whole_body(strip_boxes(random_problem(Shape(seed))), seed), tmp_path)


def test_scores_of_parts_rank_them(tmp_path: Path) -> None:
    problem = with_whole_body(strip_boxes(random_problem(Shape(2))), 2)
    rng = np.random.default_rng(0)
    for entry in problem.dt:
        entry |= {"foot_score": rng.random(), "wholebody_score": rng.random()}
    agree(problem, tmp_path)


@pytest.mark.mmpose
def test_the_metric_of_mmpose_agrees(data: Path, tmp_path: Path) -> None:
    problem = examples(data)
    annotations, predictions = problem.write(tmp_path)
    final, rungs = climbed(load_case(annotations, predictions), Wish("mmpose"))
    theirs = run_mmpose("CocoWholeBodyMetric", annotations, problem.dt, COCO_WHOLEBODY133.sigmas)
    assert figure_values(accuracy(final).keypoints) == pytest.approx(
        or_none(theirs.values()), abs=1e-12
    )
    assert rungs[-1].figures["AP"].value == accuracy(final).keypoints["AP"].value


def joined(problem: Problem) -> Problem:
    """The same results with all 133 keypoints in ``keypoints``."""
    changed = problem.copy()
    fields = [part.field for part in PARTS.values() if part.valid_field]
    for entry in changed.dt:
        entry["keypoints"] = [*entry["keypoints"], *(v for f in fields for v in entry.pop(f))]
    return changed


def test_one_list_of_133_keypoints_and_shards_say_the_same(data: Path, tmp_path: Path) -> None:
    problem = examples(data)
    split = load_case(*problem.write(tmp_path))
    whole = load_case(*joined(problem).write(tmp_path))
    assert parts(whole) == parts(split)
    by_image: dict[int, list[Any]] = {image["id"]: [] for image in problem.gt["images"]}
    for entry in joined(problem).dt:
        by_image[entry["image_id"]].append(entry)
    write_shard(
        tmp_path / "shard-00000.npz",
        collect(list(by_image), [_prediction(entries) for entries in by_image.values()]),
    )
    shards = load_case(tmp_path / "gt.json", tmp_path / "shard-00000.npz")
    for part, figures in parts(shards).items():
        assert figure_values(figures) == pytest.approx(figure_values(parts(split)[part]), abs=1e-3)


def _prediction(entries: list[Any]) -> Prediction:
    points = np.array([e["keypoints"] for e in entries], np.float32).reshape(-1, WHOLE, 3)
    scores = np.array([entry["score"] for entry in entries], np.float32)
    return Prediction(points[:, :, :2], points[:, :, 2], scores, scores)


def test_a_body_alone_is_scored_as_coco(data: Path, tmp_path: Path) -> None:
    problem = examples(data)
    for entry in problem.dt:
        for part in PARTS.values():
            if part.valid_field:
                del entry[part.field]
    case = load_case(*problem.write(tmp_path))
    assert case.ground_truth.skeleton is COCO17
    assert any("only those are scored" in note for note in case.results.notes)
    assert parts(case) == {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e: e.update(keypoints=[0.5] * 390), "keypoints has 390 values, not 399 numbers"),
        (lambda e: e.pop("foot_kpts"), r"results\[0\].*foot_kpts is missing"),
        (lambda e: e.update(face_kpts=[1.0] * 9), "face_kpts has 9 values, not 204 numbers"),
        (lambda e: e.update(foot_score=0.5), r"results\[1\].*foot_score is missing"),
    ],
)
def test_wrong_predictions_are_named(change: Any, message: str, data: Path, tmp_path: Path) -> None:
    problem = examples(data)
    if "390" in message:
        problem = joined(problem)
    change(problem.dt[0])
    with pytest.raises(InputError, match=message):
        load_case(*problem.write(tmp_path))


def test_wrong_annotations_are_named(data: Path, tmp_path: Path) -> None:
    problem = examples(data)
    del problem.gt["annotations"][3]["face_kpts"]
    with pytest.raises(InputError, match=r"annotations\[3\] .* face_kpts is missing"):
        load_case(*problem.write(tmp_path))


def test_a_flag_that_denies_keypoints_is_noted(data: Path, tmp_path: Path) -> None:
    problem = examples(data)
    labelled = next(a for a in problem.gt["annotations"] if any(a["foot_kpts"][2::3]))
    labelled["foot_valid"] = False
    notes = CocoDataset.open(problem.write(tmp_path)[0]).notes
    assert any(note.startswith("1 parts have labelled keypoints") for note in notes)


def test_sigmas_of_a_body_do_not_fit_the_whole(data: Path, tmp_path: Path) -> None:
    annotations, predictions = examples(data).write(tmp_path)
    dataset = CocoDataset.open(annotations, sigmas=[0.05] * 17)
    load_predictions(predictions, dataset, dataset.ground_truth())
    with pytest.raises(InputError, match="Leave --sigmas out"):
        dataset.for_keypoints(WHOLE)


def test_ultralytics_knows_no_whole_body(data: Path, tmp_path: Path) -> None:
    case = load_case(*examples(data).write(tmp_path))
    with pytest.raises(InputError, match="Use --protocol coco or mmpose"):
        rules_of(Wish("ultralytics"), case)
