"""Predictions of any origin, read without annotations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posebench.errors import InputError
from posebench.predictions import collect, write_shard
from posebench.types import Prediction
from posebench.visualize.people import read_people


def entry(**changed: Any) -> dict[str, Any]:
    return {
        "image_id": 7,
        "category_id": 1,
        "keypoints": [1.0, 2.0, 0.5] * 17,
        "score": 0.9,
    } | changed


def written(folder: Path, content: Any) -> Path:
    path = folder / "results.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.data
def test_a_real_file_is_read_as_it_is(coco_mini: Path) -> None:
    path = coco_mini / "yolov8n-pose.predictions.json"
    rows = json.loads(path.read_text())
    people = read_people(path)
    assert people.image_ids.tolist() == [row["image_id"] for row in rows]
    assert people.scores.tolist() == [row["score"] for row in rows]
    assert people.keypoints.reshape(len(rows), -1).tolist() == [row["keypoints"] for row in rows]


@pytest.mark.data
def test_parts_of_the_whole_body_are_joined(data: Path) -> None:
    path = data / "evaluator-cases" / "xtcocotools" / "example_wholebody_preds.json"
    rows = json.loads(path.read_text())
    people = read_people(path)
    assert people.keypoints.shape == (len(rows), 133, 3)
    assert people.keypoints[0, 17:23].ravel().tolist() == rows[0]["foot_kpts"]
    assert people.keypoints[0, 112:].ravel().tolist() == rows[0]["righthand_kpts"]


def test_classes_are_those_of_the_annotated_categories(tmp_path: Path) -> None:
    path = written(tmp_path, [entry(category_id=c) for c in (9, 4, 5)])
    assert read_people(path, np.array([4, 9])).class_ids.tolist() == [1, 0, -1]
    assert read_people(path).class_ids.tolist() == [0, 0, 0]


def test_shards_hold_the_same_people(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    found = [
        Prediction(
            keypoints=rng.random((n, 17, 2)).astype(np.float32),
            keypoint_scores=rng.random((n, 17)).astype(np.float32),
            box_scores=rng.random(n).astype(np.float32),
            scores=rng.random(n).astype(np.float32),
        )
        for n in (2, 0, 1)
    ]
    write_shard(tmp_path / "shard-00000.npz", collect([5, 6, 9], found))
    for path in (tmp_path, tmp_path / "shard-00000.npz"):
        people = read_people(path)
        assert people.image_ids.tolist() == [5, 5, 9]
        assert (people.keypoints[:2, :, :2] == found[0].keypoints).all()
        assert (people.keypoints[2, :, 2] == found[2].keypoint_scores[0]).all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"annotations": []}, "looks like an annotation file"),
        ("[1, 2", "not valid JSON"),
        ([3], r"results\[0\] is a number"),
        ([entry(), entry(keypoints=[1.0] * 42)], r"results\[1\].*42 values.*17|17.*42"),
        ([entry(keypoints=[1.0] * 16)], "16 values"),
        ([entry(keypoints=[])], "0 values"),
        ([entry(keypoints="x")], "not a list"),
        ([{"image_id": 1, "category_id": 1, "score": 1}], "keypoints is missing"),
        ([entry(score=None)], "score is null"),
        ([{"image_id": 1, "score": 1}], "category_id is missing"),
        ("[" + json.dumps(entry(score=float("nan"))) + "]", "score is nan"),
        ("[" + json.dumps(entry(keypoints=[float("nan")] * 51)) + "]", r"keypoints \[0\] is nan"),
    ],
)
def test_what_is_no_results_file_is_refused_by_name(
    content: Any, message: str, tmp_path: Path
) -> None:
    path = written(tmp_path, content)
    with pytest.raises(InputError, match=message) as refused:
        read_people(path)
    assert str(path) in str(refused.value)


def test_an_empty_list_is_nobody(tmp_path: Path) -> None:
    assert len(read_people(written(tmp_path, []))) == 0
