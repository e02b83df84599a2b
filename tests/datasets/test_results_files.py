"""Predictions from files: results JSON and our own shards give the same detections or an error."""

from __future__ import annotations

import dataclasses
import gc
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coco_problems import Problem, Shape, random_problem, run_ours, strip_boxes

from posebench.datasets.coco import CocoDataset
from posebench.datasets.results import load_predictions
from posebench.errors import InputError
from posebench.predictions import PredictionSet, write_shard


@pytest.fixture
def problem() -> Problem:
    return random_problem(Shape(8, images=4, people=6))


def shard_of(problem: Problem) -> PredictionSet:
    ids = [image["id"] for image in problem.gt["images"]]
    entries = [[e for e in problem.dt if e["image_id"] == image] for image in ids]
    rows = [entry for group in entries for entry in group]
    points = np.array([entry["keypoints"] for entry in rows], np.float32).reshape(-1, 17, 3)
    scores = np.array([entry["score"] for entry in rows], np.float32)
    return PredictionSet(
        image_ids=np.array(ids, np.int64),
        offsets=np.cumsum([0, *map(len, entries)], dtype=np.int64),
        keypoints=points[:, :, :2],
        keypoint_scores=points[:, :, 2],
        box_scores=scores,
        scores=scores,
    )


def single_precision(problem: Problem) -> Problem:
    """The same numbers as a shard holds them."""
    for entry in problem.dt:
        entry["keypoints"] = np.array(entry["keypoints"], np.float32).astype(float).tolist()
        entry["score"] = float(np.float32(entry["score"]))
    return strip_boxes(problem)


def test_detections_are_those_of_the_file(problem: Problem, tmp_path: Path) -> None:
    ours = run_ours(*problem.write(tmp_path))
    found, truth = ours.results.detections, ours.ground_truth
    assert found.boxes is not None
    assert found.boxes.tolist() == [entry["bbox"] for entry in problem.dt]
    assert found.scores.tolist() == [entry["score"] for entry in problem.dt]
    images = truth.image_ids[found.image_index].tolist()
    assert images == [entry["image_id"] for entry in problem.dt]
    triplets = np.array([entry["keypoints"] for entry in problem.dt]).reshape(-1, 17, 3)
    assert np.array_equal(found.keypoints, triplets[:, :, :2])


@pytest.mark.parametrize("as_folder", [True, False])
def test_shards_give_the_figures_of_the_json(
    as_folder: bool, problem: Problem, tmp_path: Path
) -> None:
    problem = single_precision(problem)
    annotations, predictions = problem.write(tmp_path)
    path = tmp_path / "shards" / "shard-00000.npz"
    path.parent.mkdir()
    write_shard(path, shard_of(problem))
    ours = run_ours(annotations, path.parent if as_folder else path)
    assert ours.figures == run_ours(annotations, predictions).figures
    assert not ours.notes


def test_boxes_of_shards_are_scored(problem: Problem, tmp_path: Path) -> None:
    annotations, _ = problem.write(tmp_path)
    shard = shard_of(problem)
    low = shard.keypoints.min(axis=1)
    boxes = np.concatenate([low, low + 10], axis=1)
    write_shard(tmp_path / "shard-00000.npz", dataclasses.replace(shard, boxes=boxes))
    ours = run_ours(annotations, tmp_path / "shard-00000.npz")
    assert ours.accuracy.boxes is not None
    assert ours.results.detections.boxes is not None
    assert ours.results.detections.boxes[:, 2:].tolist() == pytest.approx(
        np.full((len(low), 2), 10.0)
    )


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "nan": ({"keypoints": float("nan")}, "keypoints has a NaN or infinite value"),
    "inf score": ({"scores": float("inf")}, "scores has a NaN or infinite value"),
    "unknown image": ({"image_ids": 5}, "predictions for unknown image id 5.*made for"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_shards_are_refused(name: str, problem: Problem, tmp_path: Path) -> None:
    changes, message = BAD[name]
    annotations, _ = problem.write(tmp_path)
    shard = dataclasses.replace(shard_of(problem), class_ids=np.zeros(len(problem.dt), np.int64))
    for field, value in changes.items():
        getattr(shard, field)[-1] = value
    write_shard(tmp_path / "shard-00000.npz", shard)
    with pytest.raises(InputError, match=rf"shard-00000\.npz: .*{message}"):
        run_ours(annotations, tmp_path / "shard-00000.npz")


def test_shards_of_another_skeleton_are_refused(problem: Problem, tmp_path: Path) -> None:
    annotations, _ = problem.write(tmp_path)
    shard = shard_of(problem)
    short = dataclasses.replace(
        shard, keypoints=shard.keypoints[:, :14], keypoint_scores=shard.keypoint_scores[:, :14]
    )
    write_shard(tmp_path / "shard-00000.npz", short)
    with pytest.raises(InputError, match="14 keypoints a person, the annotations have 17"):
        run_ours(annotations, tmp_path)


def test_an_image_in_two_shards_is_refused(problem: Problem, tmp_path: Path) -> None:
    annotations, _ = problem.write(tmp_path)
    for number in range(2):
        write_shard(tmp_path / f"shard-{number:05d}.npz", shard_of(problem))
    with pytest.raises(InputError, match="an image is in it twice"):
        run_ours(annotations, tmp_path)


def test_shards_without_ground_truth_images_are_refused(problem: Problem, tmp_path: Path) -> None:
    write_shard(tmp_path / "shard-00000.npz", shard_of(problem))
    problem.gt |= {"images": [], "annotations": []}
    annotations, _ = problem.write(tmp_path)
    with pytest.raises(InputError, match="the annotations have no images"):
        run_ours(annotations, tmp_path)


def test_entries_of_categories_without_keypoints_are_left_out(
    problem: Problem, tmp_path: Path
) -> None:
    figures = run_ours(*problem.write(tmp_path)).figures
    problem.gt["categories"].append({"id": 90, "name": "dog"})
    problem.dt.insert(0, {**problem.dt[0], "category_id": 90})
    ours = run_ours(*problem.write(tmp_path))
    assert ours.figures == figures
    assert any("1 entries of categories without keypoints" in note for note in ours.notes)


def test_an_entry_that_is_no_object_is_named(problem: Problem, tmp_path: Path) -> None:
    problem.dt.insert(2, [1, 2])  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"results\[2\] is a list, not an object"):
        run_ours(*problem.write(tmp_path))


@pytest.mark.parametrize("value", ["1.0", None, True, [1]])
def test_one_wrong_coordinate_is_named(value: Any, problem: Problem, tmp_path: Path) -> None:
    problem.dt[3]["keypoints"] = [value] * 51
    if value is True:
        problem.dt = problem.dt[3:4]
    with pytest.raises(InputError, match=r"results\[\d\].*keypoints \[0\] is"):
        run_ours(*problem.write(tmp_path))


def test_scores_may_be_whole_numbers(problem: Problem, tmp_path: Path) -> None:
    for entry in problem.dt:
        entry["score"] = int(entry["score"] > 0.5)
    assert run_ours(*problem.write(tmp_path)).results.detections.scores.dtype == np.float64


def test_reading_leaves_the_garbage_collector_as_it_was(problem: Problem, tmp_path: Path) -> None:
    annotations, predictions = problem.write(tmp_path)
    dataset = CocoDataset.open(annotations)
    load_predictions(predictions, dataset, dataset.ground_truth())
    assert gc.isenabled()
    predictions.write_text(json.dumps({}))
    with pytest.raises(InputError):
        load_predictions(predictions, dataset, dataset.ground_truth())
    assert gc.isenabled()


def test_shards_of_some_images_say_so(problem: Problem, tmp_path: Path) -> None:
    annotations, _ = problem.write(tmp_path)
    whole = shard_of(problem)
    one = dataclasses.replace(
        whole,
        image_ids=whole.image_ids[:1],
        offsets=whole.offsets[:2],
        **{
            name: getattr(whole, name)[: whole.offsets[1]]
            for name in ("keypoints", "keypoint_scores", "box_scores", "scores")
        },
    )
    write_shard(tmp_path / "shard-00000.npz", one)
    notes = run_ours(annotations, tmp_path / "shard-00000.npz").notes
    count = len(problem.gt["images"])
    assert any(f"predictions cover 1 of {count} images" in note for note in notes)
