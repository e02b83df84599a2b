"""The real YOLOv8n-pose weights, in every way in which they can be run."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from posebench_adapters import ultralytics
from support import pictures, read_rgb, require

from posebench.cache import cache_dir
from posebench.config import EvalProtocol, resolve_protocol
from posebench.errors import InputError, WeightsError
from posebench.protocols import OpenSession, PoseModel
from posebench.sessions import open_session
from posebench.testing import check_model
from posebench.types import Prediction

pytestmark = [pytest.mark.framework, pytest.mark.data]
CARD = next(card for card in ultralytics.CARDS if card.name == "yolov8n-pose")
RUNTIMES = ["native", "onnxruntime", "openvino"]


def opener(runtime: str) -> OpenSession | None:
    if runtime == "native":
        return None
    require(runtime)
    return lambda path: open_session(path, runtime=runtime, device="cpu", threads=1, precision=None)


def load(runtime: str, weights: Path, **sections: Mapping[str, Any]) -> PoseModel:
    if runtime == "native" or weights.suffix in (".pt", ".safetensors", ".yaml"):
        require("ultralytics")
    protocol: EvalProtocol = resolve_protocol(CARD.protocol, sections)
    return ultralytics.load(CARD, weights, protocol, opener(runtime))


@pytest.fixture(scope="module")
def state_dict(data: Path) -> Path:
    return data / "weights" / "yolov8n-pose.safetensors"


def assert_same(
    first: list[Prediction], second: list[Prediction], *, pixels: float, score: float = 1e-4
) -> None:
    assert [len(p) for p in first] == [len(p) for p in second]
    assert sum(map(len, first)) > 0
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(a.keypoints, b.keypoints, rtol=0, atol=pixels)
        np.testing.assert_allclose(a.scores, b.scores, rtol=0, atol=score)
        np.testing.assert_allclose(a.keypoint_scores, b.keypoint_scores, rtol=0, atol=1e-3)
        assert a.boxes is not None
        assert b.boxes is not None
        np.testing.assert_allclose(a.boxes, b.boxes, rtol=0, atol=pixels)


def test_native_and_exported_give_the_same_poses(state_dict: Path, coco_mini: Path) -> None:
    images = pictures(coco_mini, 8)
    found = {runtime: load(runtime, state_dict).predict(images) for runtime in RUNTIMES}
    assert_same(found["native"], found["onnxruntime"], pixels=0.05)
    assert_same(found["native"], found["openvino"], pixels=0.05)


def test_the_shipped_and_the_exported_file_give_the_same_poses(
    state_dict: Path, yolov8n_onnx: Path, coco_mini: Path
) -> None:
    images = pictures(coco_mini, 8)
    shipped = load("onnxruntime", yolov8n_onnx).predict(images)
    exported = load("onnxruntime", state_dict).predict(images)
    assert_same(shipped, exported, pixels=0.002)


def test_ultralytics_runs_the_exported_file_to_the_same_poses(
    yolov8n_onnx: Path, coco_mini: Path
) -> None:
    images = pictures(coco_mini, 4)
    ours = load("onnxruntime", yolov8n_onnx).predict(images)
    assert_same(load("native", yolov8n_onnx).predict(images), ours, pixels=0.05)


@pytest.mark.parametrize("resize", ["letterbox", "letterbox-rect"])
def test_native_is_what_yolo_predict_gives(state_dict: Path, coco_mini: Path, resize: str) -> None:
    require("ultralytics")
    from posebench_adapters._ultralytics_network import load_yolo

    images = pictures(coco_mini, 4)
    as_ultralytics: dict[str, dict[str, Any]] = {
        "preprocess": {"gain": "exact", "resize": resize},
        "postprocess": {"clip_keypoints": True},
    }
    ours = load("native", state_dict, **as_ultralytics).predict(images)
    yolo = load_yolo(CARD, state_dict)
    for image, prediction in zip(images, ours, strict=True):
        (theirs,) = yolo.predict(
            np.ascontiguousarray(image[..., ::-1]),
            conf=0.001,
            iou=0.7,
            max_det=300,
            imgsz=640,
            rect=resize == "letterbox-rect",
            verbose=False,
        )
        np.testing.assert_allclose(
            prediction.keypoints, theirs.keypoints.xy.numpy(), rtol=0, atol=1e-3
        )
        assert prediction.boxes is not None
        np.testing.assert_allclose(prediction.boxes, theirs.boxes.xyxy.numpy(), atol=1e-3)
        np.testing.assert_allclose(prediction.scores, theirs.boxes.conf.numpy(), atol=1e-6)


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_the_shipped_predictions_are_reproduced(
    runtime: str, yolov8n_onnx: Path, coco_mini: Path
) -> None:
    document = json.loads((coco_mini / "yolov8n-pose.predictions.json").read_bytes())
    annotations = json.loads((coco_mini / "person_keypoints.json").read_bytes())
    shipped = defaultdict(list)
    for row in document:
        shipped[row["image_id"]].append(row)
    model = load(runtime, yolov8n_onnx)
    compared = 0
    for image in annotations["images"][:40]:
        found = model.predict([read_rgb(coco_mini / "images" / image["file_name"])])[0]
        rows = shipped[image["id"]]
        assert len(rows) == min(len(found), 20)
        if not rows:
            continue
        keypoints = np.array([row["keypoints"] for row in rows]).reshape(-1, 17, 3)
        # They are rounded to two decimals.
        np.testing.assert_allclose(found.keypoints[:20], keypoints[..., :2], rtol=0, atol=0.0075)
        np.testing.assert_allclose(
            found.keypoint_scores[:20], keypoints[..., 2], rtol=0, atol=0.0051
        )
        scores = [row["score"] for row in rows]
        np.testing.assert_allclose(found.scores[:20], scores, rtol=0, atol=2e-5)
        compared += len(rows)
    assert compared > 500


def test_the_quantised_network_sees_the_same_people(
    data: Path, yolov8n_onnx: Path, coco_mini: Path
) -> None:
    images = pictures(coco_mini, 4)
    folder = data / "weights" / "yolov8n-pose-int8-openvino"
    recommended = ultralytics.recommend(CARD, folder)
    assert recommended["preprocess"] == {
        "input_height": 640,
        "input_width": 640,
        "pad_stride": 32,
    }
    int8 = load("openvino", folder, **recommended).predict(images)
    fp32 = load("onnxruntime", yolov8n_onnx).predict(images)
    compared = 0
    for a, b in zip(int8, fp32, strict=True):
        for person in b.keypoints[b.scores > 0.5]:
            extent = float(np.ptp(person, axis=0).max())
            distances = np.linalg.norm(a.keypoints[a.scores > 0.4] - person, axis=2)
            assert np.median(distances, axis=1).min() < 0.05 * extent
            compared += 1
    assert compared >= 5


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_it_conforms(runtime: str, state_dict: Path, coco_mini: Path) -> None:
    results = check_model(load(runtime, state_dict), CARD, pictures(coco_mini, 3)[1:])
    assert [r for r in results if r.status == "fail"] == []
    skipped = {r.name for r in results if r.status == "skip"}
    assert skipped == ({"stages equal predict"} if runtime == "native" else set())


def test_the_export_is_cached_and_its_bytes_repeat(state_dict: Path) -> None:
    first = load("onnxruntime", state_dict).artifacts()
    (file,) = cache_dir("exports").rglob("*.onnx")
    made = file.stat().st_mtime_ns
    assert load("onnxruntime", state_dict).artifacts() == first
    assert file.stat().st_mtime_ns == made
    file.unlink()
    assert load("onnxruntime", state_dict).artifacts() == first
    assert [a.role for a in first] == ["network", "checkpoint"]
    larger = {"input_height": 320, "input_width": 256}
    other = load("onnxruntime", state_dict, preprocess=larger).artifacts()
    assert other[0].sha256 != first[0].sha256


def test_weights_of_another_model_are_refused(state_dict: Path, tmp_path: Path) -> None:
    require("ultralytics")
    small = next(card for card in ultralytics.CARDS if card.name == "yolov8s-pose")
    with pytest.raises(WeightsError, match="not a state dict of yolov8s-pose"):
        ultralytics.load(small, state_dict, resolve_protocol(), None)
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"no weights")
    with pytest.raises(WeightsError, match=r"broken\.safetensors"):
        load("native", broken)


def test_what_cannot_be_run_is_said_before_it_is_tried(
    tmp_path: Path, yolov8n_onnx: Path, state_dict: Path
) -> None:
    with pytest.raises(WeightsError, match="needs weights"):
        ultralytics.load(CARD, None, resolve_protocol(), None)
    with pytest.raises(WeightsError, match="no such file"):
        load("native", tmp_path / "none.pt")
    script = tmp_path / "net.torchscript"
    script.write_bytes(b"")
    with pytest.raises(InputError, match="--runtime native"):
        load("onnxruntime", script)
    with pytest.raises(InputError, match="takes 640 x 640 px"):
        load("onnxruntime", yolov8n_onnx, preprocess={"input_height": 320})
    with pytest.raises(InputError, match="multiple of the network's stride"):
        load("onnxruntime", state_dict, preprocess={"input_height": 330})
    with pytest.raises(InputError, match=r"pad_value=0.*--runtime onnxruntime"):
        load("native", state_dict, preprocess={"pad_value": 0})
    with pytest.raises(InputError, match="letterbox-rect"):
        load("native", yolov8n_onnx, preprocess={"resize": "letterbox-rect"})
