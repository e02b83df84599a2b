"""People's boxes from files and annotations: what mmpose looks into, scored as pycocotools does."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coco_problems import Problem, Shape, random_problem, run_reference
from support import require_mmpose

from posebench.box_accuracy import box_accuracy
from posebench.datasets.box_files import BoxFile, ground_truth_boxes, read_box_file
from posebench.datasets.coco import CocoDataset
from posebench.datasets.images import read_size
from posebench.errors import InputError
from posebench.types import PersonBoxes

SAMPLES = {
    "coco": ("test_coco.json", "test_coco_det_AP_H_56.json", "CocoDataset"),
    "crowdpose": ("test_crowdpose.json", "test_crowdpose_det_AP_40.json", "CrowdPoseDataset"),
}
DETECTION: dict[str, Any] = {
    "image_id": 785,
    "category_id": 1,
    "bbox": [10.0, 20.0, 30.0, 40.0],
    "score": 0.5,
}


@pytest.fixture
def samples(data: Path) -> Path:
    return data / "openmmlab-samples"


def opened(folder: Path, name: str) -> CocoDataset:
    return CocoDataset.open(folder / SAMPLES[name][0], folder)


def in_mmpose(
    kind: str, annotations: Path, images: Path, boxes: Path | None
) -> dict[int, list[list[float]]]:
    """What mmpose evaluates a top-down model with: boxes and scores by image id."""
    require_mmpose()
    datasets: Any = importlib.import_module("mmpose.datasets")
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loaded = getattr(datasets, kind)(
            ann_file=str(annotations),
            data_prefix={"img": str(images)},
            data_mode="topdown",
            bbox_file=str(boxes) if boxes else None,
            test_mode=True,
        )
    found: dict[int, list[list[float]]] = {}
    for index in range(len(loaded)):
        entry = loaded.get_data_info(index)
        rows = found.setdefault(entry["img_id"], [])
        rows.append([*entry["bbox"][0].tolist(), float(entry["bbox_score"][0])])
    return found


def assert_same(ours: Mapping[int, PersonBoxes], theirs: Mapping[int, list[list[float]]]) -> None:
    assert {i for i, boxes in ours.items() if len(boxes)} == set(theirs)
    for image_id, rows in theirs.items():
        boxes = ours[image_id]
        found = np.column_stack([boxes.boxes, boxes.scores])
        np.testing.assert_allclose(found, rows, atol=1e-4)


@pytest.mark.mmpose
@pytest.mark.framework
@pytest.mark.data
@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_the_boxes_of_a_file_are_those_that_mmpose_looks_into(name: str, samples: Path) -> None:
    folder = samples / name
    annotations, detections, kind = SAMPLES[name]
    found = read_box_file(folder / detections, opened(folder, name))
    theirs = in_mmpose(kind, folder / annotations, folder, folder / detections)
    assert_same(found.boxes, theirs)
    assert found.count == sum(map(len, theirs.values())) > 0
    assert not found.notes


@pytest.mark.mmpose
@pytest.mark.framework
@pytest.mark.data
def test_annotated_boxes_are_those_that_mmpose_looks_into(samples: Path, coco_mini: Path) -> None:
    folder = samples / "coco"
    for path, images in (
        (folder / "test_coco.json", folder),
        (coco_mini / "person_keypoints.json", coco_mini / "images"),
    ):
        dataset = CocoDataset.open(path, images)
        ours = ground_truth_boxes(dataset.ground_truth(), dataset)
        assert list(ours) == list(dataset.image_ids)
        assert_same(ours, in_mmpose("CocoDataset", path, images, None))
        assert all((boxes.scores == 1).all() for boxes in ours.values())


@pytest.mark.data
def test_annotated_boxes_end_one_pixel_before_the_edge(coco_mini: Path) -> None:
    dataset = CocoDataset.open(coco_mini / "person_keypoints.json", coco_mini / "images")
    touching = 0
    for image_id, found in ground_truth_boxes(dataset.ground_truth(), dataset).items():
        height, width = read_size(dataset.image_path(image_id))
        assert (found.boxes[:, 2:] <= [width - 1, height - 1]).all()
        touching += int((found.boxes[:, 2:] == [width - 1, height - 1]).any(axis=1).sum())
    assert touching > 0


@pytest.mark.data
@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_box_ap_of_a_file_is_that_of_pycocotools(name: str, samples: Path) -> None:
    folder = samples / name
    dataset = opened(folder, name)
    truth = dataset.ground_truth()
    found = read_box_file(folder / SAMPLES[name][1], dataset).boxes
    document = json.loads((folder / SAMPLES[name][0]).read_bytes())
    for entry, area in zip(document["annotations"], truth.areas, strict=True):
        entry["area"] = area
    entries = [
        {"image_id": i, "category_id": 1, "bbox": [x, y, right - x, low - y], "score": score}
        for i, boxes in found.items()
        for (x, y, right, low), score in zip(
            boxes.boxes.astype(float).tolist(), boxes.scores.astype(float).tolist(), strict=True
        )
    ]
    expected = run_reference(Problem(document, entries), task="bbox").stats[0]
    assert expected is not None
    assert expected > 0.3
    assert box_accuracy(truth, found).value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_box_ap_of_random_people_is_that_of_pycocotools(seed: int, tmp_path: Path) -> None:
    problem = random_problem(Shape(seed, images=6, people=8))
    entries = [{**e, "score": float(np.float32(e["score"]))} for e in problem.dt]
    problem = Problem(problem.gt, entries)
    annotations, _ = problem.write(tmp_path)
    path = written(tmp_path, entries)
    dataset = CocoDataset.open(annotations)
    found = read_box_file(path, dataset)
    expected = run_reference(problem, task="bbox").stats[0]
    assert found.count == len(entries)
    ours = box_accuracy(dataset.ground_truth(), found.boxes)
    assert ours.value == pytest.approx(expected, abs=1e-12)


def test_nobody_found_is_an_ap_of_nothing(tmp_path: Path) -> None:
    annotations, _ = random_problem(Shape(1)).write(tmp_path)
    truth = CocoDataset.open(annotations).ground_truth()
    assert box_accuracy(truth, {}).value == 0


def written(folder: Path, document: Any) -> Path:
    path = folder / "boxes.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


@pytest.fixture
def coco_sample(samples: Path) -> CocoDataset:
    return opened(samples / "coco", "coco")


def read(folder: Path, document: Any, dataset: CocoDataset) -> BoxFile:
    return read_box_file(written(folder, document), dataset)


@pytest.mark.data
def test_what_is_left_out_is_counted(tmp_path: Path, coco_sample: CocoDataset) -> None:
    # Image 785 is 640 x 425 px.
    entries = [
        DETECTION,
        {**DETECTION, "bbox": [-5.0, 400.0, 30.0, 60.0], "score": 1},  # over the edge
        {**DETECTION, "category_id": 3},
        {**DETECTION, "image_id": 1},
        {**DETECTION, "bbox": [10.0, 20.0, 0.0, 40.0]},
        {**DETECTION, "bbox": [10.0, 20.0, 30.0, -1.0]},
        {**DETECTION, "bbox": [640.0, 20.0, 30.0, 40.0]},
        {**DETECTION, "bbox": [10.0, -60.0, 30.0, 60.0]},
    ]
    found = read(tmp_path, entries, coco_sample)
    np.testing.assert_array_equal(found.boxes[785].boxes, [[10, 20, 40, 60], [-5, 400, 25, 460]])
    np.testing.assert_array_equal(found.boxes[785].scores, [0.5, 1])
    assert (found.count, len(found.boxes), len(found.sha256)) == (2, 4, 64)
    assert [note.split(" boxes ")[0] for note in found.notes] == ["1", "1", "2", "2"]
    for what, note in zip(("category", "not in", "area", "outside"), found.notes, strict=True):
        assert what in note


@pytest.mark.data
def test_no_boxes_are_nobody_in_every_image(tmp_path: Path, coco_sample: CocoDataset) -> None:
    found = read(tmp_path, [], coco_sample)
    assert [len(boxes) for boxes in found.boxes.values()] == [0, 0, 0, 0]
    assert found.count == 0
    assert "nobody" in found.notes[-1]


def test_a_picture_that_cannot_be_read_has_its_boxes_all_the_same(tmp_path: Path) -> None:
    annotations, _ = random_problem(Shape(1)).write(tmp_path)
    dataset = CocoDataset.open(annotations)
    found = read(tmp_path, [{**DETECTION, "image_id": dataset.image_ids[0]}], dataset)
    assert found.boxes[dataset.image_ids[0]].boxes.tolist() == [[10, 20, 40, 60]]


@pytest.mark.data
@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("[{", "not valid JSON"),
        ("", "empty"),
        ({"annotations": []}, "looks like an annotation file"),
        ([3], r"boxes\[0\] is a number"),
        (
            [DETECTION, {k: v for k, v in DETECTION.items() if k != "bbox"}],
            r"\[1\].*bbox is",
        ),
        ([{k: v for k, v in DETECTION.items() if k != "score"}], "score is missing"),
        ([{k: v for k, v in DETECTION.items() if k != "category_id"}], "category_id is missing"),
        ([{**DETECTION, "image_id": "785"}], "image_id is a text"),
        ([{**DETECTION, "bbox": [1, 2, 3]}], "bbox has 3 values, not 4"),
        ([{**DETECTION, "bbox": [1, 2, float("nan"), 4]}], r"bbox \[2\] is nan"),
        ([{**DETECTION, "bbox": [1, 2, 1e300, 4]}], "farther"),
        ([{**DETECTION, "score": float("inf")}], "score is inf"),
        ([{**DETECTION, "score": 7.5}], "score is 7.5, not within 0 and 1"),
        ([{**DETECTION, "image_id": 1}], "all of its 1 boxes of people are of images"),
    ],
)
def test_a_bad_file_is_refused(
    document: Any, message: str, tmp_path: Path, coco_sample: CocoDataset
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path, document, coco_sample)
    assert "boxes.json" in str(caught.value)
    assert caught.value.remedy
