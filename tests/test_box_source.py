from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posebench.box_source import box_source, read_boxes, write_boxes
from posebench.config import RunConfig
from posebench.datasets.coco import CocoDataset
from posebench.errors import BoxesMissingError, InputError, WeightsUnavailableError
from posebench.registry import select
from posebench.types import PersonBoxes


@pytest.fixture(scope="module")
def dataset(coco_mini: Path) -> CocoDataset:
    return CocoDataset.open(coco_mini / "person_keypoints.json", coco_mini / "images")


@given(st.dictionaries(st.integers(1, 2**40), st.integers(0, 5), max_size=8))
def test_boxes_survive_the_file(counts: dict[int, int]) -> None:
    generator = np.random.default_rng(len(counts))
    boxes = {
        image_id: PersonBoxes(
            generator.normal(size=(n, 4)).astype(np.float32),
            generator.uniform(size=n).astype(np.float32),
        )
        for image_id, n in counts.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "deep" / "boxes.npz"
        write_boxes(path, boxes)
        again = read_boxes(path)
    assert list(again) == list(boxes)
    for image_id, expected in boxes.items():
        assert np.array_equal(again[image_id].boxes, expected.boxes)
        assert np.array_equal(again[image_id].scores, expected.scores)


def test_one_stage_models_have_no_box_source(dataset: CocoDataset) -> None:
    (request,) = select(["rfdetr-pose-demo"])
    config = RunConfig(boxes="ground-truth")
    assert box_source(config, request, dataset, dataset.ground_truth()) is None


def test_annotated_boxes_are_those_of_people_with_keypoints(dataset: CocoDataset) -> None:
    (request,) = select(["hrnet-demo"])
    truth = dataset.ground_truth()
    source = box_source(RunConfig(boxes="ground-truth"), request, dataset, truth)
    assert source is not None and source.boxes is not None
    assert sum(map(len, source.boxes.values())) == 153
    assert set(source.boxes) == set(dataset.image_ids)
    assert source.overrides({"top_down": {"decode": "dark"}}) == {
        "boxes": "ground-truth",
        "top_down": {"decode": "dark"},
    }


def test_a_results_file_is_an_artifact(dataset: CocoDataset, tmp_path: Path) -> None:
    (request,) = select(["hrnet-demo"])
    path = tmp_path / "people.json"
    first = int(dataset.image_ids[0])
    entry = {"image_id": first, "category_id": 1, "bbox": [10, 20, 30, 40], "score": 0.5}
    path.write_text(json.dumps([entry]))
    source = box_source(RunConfig(boxes=str(path)), request, dataset, dataset.ground_truth())
    assert source is not None and source.file is not None and source.boxes is not None
    assert (source.file.role, source.file.filename) == ("boxes", "people.json")
    assert source.boxes[first].boxes.tolist() == [[10, 20, 40, 60]]


def test_a_card_may_name_its_detector_and_the_run_another(dataset: CocoDataset) -> None:
    (request,) = select(["hrnet-demo"])
    truth = dataset.ground_truth()
    own = box_source(RunConfig(), request, dataset, truth)
    assert own is not None and own.detector is not None
    assert own.label == "rfdetr-pose-demo"
    assert own.overrides({})["detector"] == {"name": "rfdetr-pose-demo"}
    (detector,) = select(["rfdetr-pose-demo"])
    packaged = detector.card.weights[0].packaged
    other = box_source(RunConfig(boxes=f"rfdetr-pose-n={packaged}"), request, dataset, truth)
    assert other is not None
    assert other.label == "rfdetr-pose-n=rfdetr-pose-demo.onnx"
    wished = {"detector": {"postprocess": {"score_threshold": 0.5}}}
    assert other.overrides(wished)["detector"] == {**wished["detector"], "name": "rfdetr-pose-n"}


@pytest.mark.parametrize(
    ("model", "boxes", "error", "message"),
    [
        ("hrnet-w32", None, BoxesMissingError, "--boxes ground-truth"),
        ("hrnet-demo", "hrnet-demo", InputError, "needs boxes itself"),
        ("hrnet-demo", "yolox-*", InputError, "one is needed"),
        ("hrnet-demo", "missing.json", InputError, "no such file"),
        ("hrnet-demo", __file__, InputError, "are read from a .json file"),
        ("hrnet-demo", "yolox-namo", InputError, "yolox-nano"),
        ("hrnet-demo", "rfdetr-pose-foo=nowhere.onnx", InputError, "nowhere.onnx"),
    ],
)
def test_a_box_source_that_cannot_be_is_named(
    dataset: CocoDataset, model: str, boxes: str | None, error: type[Exception], message: str
) -> None:
    (request,) = select([model])
    with pytest.raises(error, match=message):
        box_source(RunConfig(boxes=boxes), request, dataset, dataset.ground_truth())


@pytest.mark.parametrize(
    ("boxes", "message"),
    [("ground-truth", "do not come from a detector"), ("yolox-nano", "but the boxes come from")],
)
def test_a_protocol_for_another_detector_is_refused(
    dataset: CocoDataset, boxes: str, message: str
) -> None:
    (request,) = select(["hrnet-demo"])
    config = RunConfig(boxes=boxes, protocol={"detector": {"name": "rfdetr-pose-demo"}})
    with pytest.raises(InputError, match=message):
        box_source(config, request, dataset, dataset.ground_truth())


def test_a_detector_that_cannot_be_fetched_is_missing_weights(
    dataset: CocoDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSEBENCH_MIRROR", "http://127.0.0.1:9")
    (request,) = select(["hrnet-demo"])
    with pytest.raises(WeightsUnavailableError, match="yolox"):
        box_source(RunConfig(boxes="yolox-m"), request, dataset, dataset.ground_truth())
