"""PCKh of a top-down model's people: who is who, who is missing, and what was mapped."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dots
import numpy as np
import pytest
from mpii_folder import sample, write_folder
from support import read_rgb

from posebench.config import Pckh, accuracy_id, resolve_protocol
from posebench.datasets.box_files import ground_truth_boxes
from posebench.datasets.mpii import MpiiDataset
from posebench.datasets.skeletons import MPII16
from posebench.errors import InputError
from posebench.pckh_evaluation import evaluate_pckh, people_looked_for
from posebench.pipelines.heatmap_head import HeatmapHead
from posebench.pipelines.top_down import TopDownModel
from posebench.predictions import PredictionSet, collect
from posebench.record import TaskAccuracy
from posebench.types import (
    ModelCost,
    PersonBoxes,
    Prediction,
    Spans,
    Tensor,
    TensorSpec,
)

RIGHT = 10
"""Joints of the second person that lie within half a head; the first has all, the third none."""


class SixteenPeaks(dots.PlaneSession):
    """Joint k is always in row and column k + 4 of the crop's cells."""

    def __init__(self) -> None:
        super().__init__()
        self.outputs = [TensorSpec("heatmaps", (None, 16, *self.outputs[0].shape[2:]), "float32")]

    def bind(self, tensors: Mapping[str, Tensor]) -> Any:
        maps = np.zeros((len(tensors["images"]), 16, 32, 24), np.float32)
        for joint in range(16):
            maps[:, joint, joint + 4, joint + 4] = 1
        return _Fixed({"heatmaps": maps})


class _Fixed:
    def __init__(self, outputs: Mapping[str, Tensor]) -> None:
        self.outputs = outputs

    def run(self) -> Spans:
        return Spans(compute_ms=1.0)


def predict(dataset: MpiiDataset, **postprocess: Any) -> PredictionSet:
    """The 16-joint network on the dataset's pictures, through the real top-down pipeline."""
    head = HeatmapHead("mpii16", 16, MPII16.flip_pairs, MPII16.sigmas, {})
    model = TopDownModel(
        SixteenPeaks(),
        head,
        dots.protocol(postprocess={"nms": "none", **postprocess}),
        artifacts=(),
        cost=ModelCost(0, 0.0, "a fake"),
    )
    boxes = ground_truth_boxes(dataset.ground_truth(), dataset)
    ids = list(dataset.image_ids)
    images = [read_rgb(dataset.image_path(image_id)) for image_id in ids]
    return collect(ids, model.predict(images, [boxes[image_id] for image_id in ids]))


@pytest.fixture
def dataset(data: Path, tmp_path: Path) -> MpiiDataset:
    """Three people, the second and the third in one picture.

    They are annotated where the network finds them, but for the joints that are to be wrong.
    """
    first, second, *_ = sample(data)
    beside = {**second, "center": [second["center"][0] + 60, second["center"][1]]}
    people = [first, second, beside]
    found = predict(MpiiDataset.open(write_folder(tmp_path / "before", data, people)))
    for row, (person, wrong_from) in enumerate(zip(people, (16, RIGHT, 0), strict=True)):
        joints = found.keypoints[row].astype(np.float64) + 1  # MPII counts from 1
        joints[wrong_from:, 0] += 1000
        people[row] = {**person, "joints": joints.tolist(), "joints_vis": [1] * 16}
    heads = np.zeros((2, 2, 3))
    heads[1] = 40
    return MpiiDataset.open(write_folder(tmp_path / "mpii", data, people, {"headboxes_src": heads}))


def figures(task: Mapping[str, TaskAccuracy]) -> dict[str, float | None]:
    return {name: estimate.value for name, estimate in task["pckh"].figures.items()}


def test_dots_at_known_places_give_a_known_pckh(dataset: MpiiDataset) -> None:
    found, task = evaluate_pckh(dataset, predict(dataset), Pckh())
    right = 14 + (RIGHT - 2)  # joints 6 and 7 do not count
    assert figures(task)["PCKh@0.5"] == right / 42
    assert figures(task)["PCKh@0.1"] == right / 42
    assert figures(task)["head"] == pytest.approx(2 / 3), "joint 9 is the last that is right"
    assert figures(task)["wrist"] == pytest.approx(1 / 3)
    assert found.unit_index.tolist() == [0, 1, 1]
    interval = task["pckh"].figures["PCKh@0.5"].interval
    assert interval is not None and interval.resampled == "images"


def test_a_joint_at_the_threshold_is_right_or_not_as_the_protocol_says(
    data: Path, tmp_path: Path
) -> None:
    """An ankle of two lies exactly half a head of .6 x 100 px beside its place."""
    joints = np.round(sample(data)[0]["joints"])
    person = {**sample(data)[0], "joints": joints.tolist(), "joints_vis": [1] * 16}
    heads = np.zeros((2, 2, 1))
    heads[1, :, 0] = (60, 80)
    dataset = MpiiDataset.open(
        write_folder(tmp_path / "mpii", data, [person], {"headboxes_src": heads})
    )
    keypoints = (joints[None] - 1).astype(np.float32)  # MPII counts from 1
    keypoints[0, 0, 0] += 30
    found = dataclasses.replace(predict(dataset), keypoints=keypoints)
    tasks = [evaluate_pckh(dataset, found, Pckh(comparison=c))[1] for c in ("<=", "<")]
    assert [figures(task)["ankle"] for task in tasks] == [1.0, 0.5]


def test_the_order_of_people_does_not_matter(dataset: MpiiDataset) -> None:
    """A model ranks its people; in whose box each was found tells who it is."""
    predictions = predict(dataset)
    order = np.array([0, 2, 1])
    assert predictions.source_boxes is not None
    shuffled = dataclasses.replace(
        predictions,
        keypoints=predictions.keypoints[order],
        source_boxes=predictions.source_boxes[order],
    )
    assert people_looked_for(dataset, predictions).tolist() == [0, 1, 2]
    assert people_looked_for(dataset, shuffled).tolist() == [0, 2, 1]
    assert (
        evaluate_pckh(dataset, shuffled, Pckh())[1]
        == (evaluate_pckh(dataset, predictions, Pckh())[1])
    )


def test_who_was_not_looked_for_is_wrong(dataset: MpiiDataset) -> None:
    """Of the second picture only its second box was looked into."""
    boxes = ground_truth_boxes(dataset.ground_truth(), dataset)
    whole = predict(dataset)
    one = _person(whole, 2, PersonBoxes(boxes[2].boxes[1:], boxes[2].scores[1:]))
    none = dataclasses.replace(Prediction.empty(16), input_boxes=PersonBoxes.none())
    found, task = evaluate_pckh(dataset, collect([1, 2], [none, one]), Pckh())
    assert np.isinf(found.distances[:2]).all() and np.isfinite(found.distances[2]).all()
    assert set(figures(task).values()) == {0.0}


def _person(whole: PredictionSet, row: int, looked_into: PersonBoxes) -> Prediction:
    rows: Sequence[int] = [row]
    return Prediction(
        keypoints=whole.keypoints[rows],
        keypoint_scores=whole.keypoint_scores[rows],
        box_scores=whole.box_scores[rows],
        scores=whole.scores[rows],
        source_boxes=np.zeros(1, np.int64),
        input_boxes=looked_into,
    )


def test_the_same_box_twice_is_two_people(data: Path, tmp_path: Path) -> None:
    person = sample(data)[0]
    twins = MpiiDataset.open(write_folder(tmp_path / "twins", data, [person, person]))
    assert sorted(people_looked_for(twins, predict(twins)).tolist()) == [0, 1]


def test_other_boxes_than_annotated_are_refused(dataset: MpiiDataset) -> None:
    predictions = predict(dataset)
    assert predictions.input_boxes is not None
    moved = dataclasses.replace(predictions, input_boxes=predictions.input_boxes + 1)
    with pytest.raises(InputError, match="image 1 is not that of an annotated person"):
        evaluate_pckh(dataset, moved, Pckh())
    silent = dataclasses.replace(predictions, source_boxes=None)
    with pytest.raises(InputError, match="in which box a person was looked for"):
        evaluate_pckh(dataset, silent, Pckh())


def test_pckh_is_in_the_identity_only_where_it_is_scored() -> None:
    def identity(**sections: Any) -> str:
        return accuracy_id(
            artifact_sha256=("a",),
            dataset_id="d",
            protocol=resolve_protocol(sections),
            runtime="onnxruntime",
            precision="fp32",
            device_kind="cpu",
            decode_version=1,
            versions={},
        )

    strict = {"comparison": "<"}
    assert len({identity(), identity(pckh={}), identity(pckh=strict)}) == 3
