"""Checkpoints of the user's own: other architectures, keypoints and classes, and hostile ones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from posebench_adapters import ultralytics
from support import pictures, require
from yolo_networks import checkpoint, describe

from posebench.cache import file_sha256
from posebench.checkpoints import TRUST_VARIABLE
from posebench.config import EvalProtocol, resolve_protocol
from posebench.errors import InputError, WeightsError
from posebench.protocols import Session
from posebench.sessions import open_session
from posebench.types import ModelCard, Prediction

pytestmark = pytest.mark.framework
BY_NAME = {card.name: card for card in ultralytics.CARDS}
SMALL = {"preprocess": {"input_height": 320, "input_width": 256}}


def in_onnxruntime(path: Path) -> Session:
    return open_session(path, runtime="onnxruntime", device="cpu", threads=1, precision="fp32")


def resolve(card: ModelCard, weights: Path, *overrides: dict[str, dict[str, Any]]) -> EvalProtocol:
    return resolve_protocol(card.protocol, ultralytics.recommend(card, weights), *overrides)


def assert_same_people(first: Prediction, second: Prediction) -> None:
    """Everybody has a counterpart; ranks of equal scores and the last place may differ."""
    assert len(first) == len(second) > 0
    pixels = np.abs(first.keypoints[:, None] - second.keypoints[None]).max(axis=(2, 3))
    scores = np.abs(first.scores[:, None] - second.scores[None])
    same = (pixels < 0.05) & (scores < 1e-4)
    if first.class_ids is not None:
        assert second.class_ids is not None
        same &= first.class_ids[:, None] == second.class_ids[None]
    assert same.any(axis=1).mean() >= 0.98


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "changes", "nms"),
    [
        ("yolov8n-pose", {"nc": 3, "kpt_shape": [5, 2]}, "box-iou"),
        ("yolov8n-pose", {"nc": 1, "kpt_shape": [1, 3]}, "box-iou"),
        ("yolo11n-pose", {"nc": 1}, "box-iou"),
        ("yolo26n-pose", {"nc": 1}, "none"),
        ("yolo26n-pose", {"nc": 2, "kpt_shape": [4, 2]}, "none"),
        ("yolo26n-pose", {"nc": 1}, "box-iou"),
    ],
)
def test_native_and_exported_agree_on_any_checkpoint(
    tmp_path: Path, coco_mini: Path, name: str, changes: dict[str, Any], nms: str
) -> None:
    require("ultralytics")
    weights = checkpoint(tmp_path, name, **changes)
    card = BY_NAME[name]
    protocol = resolve(card, weights, SMALL, {"postprocess": {"nms": nms}})
    num_keypoints, dims = changes.get("kpt_shape", (17, 3))
    assert protocol.postprocess.keypoint_score == ("visibility" if dims == 3 else "constant")
    images = pictures(coco_mini, 2)
    native = ultralytics.load(card, weights, protocol, None)
    exported = ultralytics.load(card, weights, protocol, in_onnxruntime)
    assert native.num_keypoints == exported.num_keypoints == num_keypoints
    for a, b in zip(native.predict(images), exported.predict(images), strict=True):
        assert_same_people(a, b)
        assert (a.class_ids is None) == (changes["nc"] == 1)
        if dims == 2:
            assert (a.keypoint_scores == 1).all()
            assert (b.keypoint_scores == 1).all()


def test_the_recommendation_follows_the_checkpoint(tmp_path: Path) -> None:
    require("ultralytics")
    raw = checkpoint(tmp_path, "yolov8n-pose", nc=1)
    assert resolve(BY_NAME["yolo26n-pose"], raw).postprocess.nms == "box-iou"
    one_to_one = describe(tmp_path, "yolo26n-pose")
    assert resolve(BY_NAME["yolo26n-pose"], one_to_one).postprocess.nms == "none"
    assert resolve(BY_NAME["yolo11n-pose"], one_to_one).postprocess.nms == "box-iou"


@pytest.mark.data
def test_torchscript_runs_natively(tmp_path: Path, data: Path, coco_mini: Path) -> None:
    require("ultralytics")
    from posebench_adapters._ultralytics_network import load_yolo

    card = BY_NAME["yolov8n-pose"]
    weights = data / "weights" / "yolov8n-pose.safetensors"
    yolo = load_yolo(card, weights)
    yolo.model.pt_path = str(tmp_path / "net.pt")
    script = Path(yolo.export(format="torchscript", imgsz=640, device="cpu"))
    images = pictures(coco_mini, 2)
    found = ultralytics.load(card, script, resolve(card, script), None).predict(images)
    expected = ultralytics.load(card, weights, resolve_protocol(), None).predict(images)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a.keypoints, b.keypoints, rtol=0, atol=0.05)


@pytest.mark.data
def test_an_export_with_nms_inside_is_read(tmp_path: Path, data: Path, coco_mini: Path) -> None:
    require("ultralytics")
    from posebench_adapters._ultralytics_network import load_yolo

    card = BY_NAME["yolov8n-pose"]
    weights = data / "weights" / "yolov8n-pose.safetensors"
    yolo = load_yolo(card, weights)
    yolo.model.pt_path = str(tmp_path / "net.pt")
    file = Path(
        yolo.export(format="onnx", imgsz=640, nms=True, conf=0.25, iou=0.7, simplify=False,
                    opset=17, device="cpu")
    )  # fmt: skip
    protocol = resolve(card, file, {"postprocess": {"score_threshold": 0.3}})
    assert protocol.postprocess.nms == "in-graph"
    images = pictures(coco_mini, 3)
    found = ultralytics.load(card, file, protocol, in_onnxruntime).predict(images)
    box_iou = resolve_protocol({"postprocess": {"score_threshold": 0.3}})
    expected = ultralytics.load(card, weights, box_iou, in_onnxruntime).predict(images)
    assert sum(map(len, expected)) > 0
    for a, b in zip(found, expected, strict=True):
        assert len(a) == len(b)
        np.testing.assert_allclose(a.keypoints, b.keypoints, rtol=0, atol=0.05)


class Trap:
    """Unpickling it makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.folder),)


@pytest.fixture
def trapped(tmp_path: Path) -> tuple[Path, Path]:
    """A working checkpoint that also runs code, and the folder that the code makes."""
    torch: Any = require("torch")
    require("ultralytics")
    path = checkpoint(tmp_path, "yolov8n-pose", nc=1)
    document = torch.load(path, map_location="cpu", weights_only=False)
    trace = tmp_path / "code-was-run"
    torch.save(document | {"trap": Trap(trace)}, path)
    return path, trace


@pytest.mark.parametrize("runtime", ["native", "onnxruntime"])
def test_a_checkpoint_that_runs_code_is_refused(
    trapped: tuple[Path, Path], runtime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, trace = trapped
    monkeypatch.delenv(TRUST_VARIABLE, raising=False)
    card = BY_NAME["yolov8n-pose"]
    opener = None if runtime == "native" else in_onnxruntime
    with pytest.raises(WeightsError, match=r"--trust-checkpoint sha256:"):
        ultralytics.load(card, path, resolve_protocol(SMALL), opener)
    with pytest.raises(WeightsError, match=r"--trust-checkpoint sha256:"):
        ultralytics.recommend(card, path)
    assert not trace.exists()


def test_a_trusted_checkpoint_is_loaded(
    trapped: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, trace = trapped
    monkeypatch.setenv(TRUST_VARIABLE, f"sha256:{file_sha256(path)}")
    model = ultralytics.load(BY_NAME["yolov8n-pose"], path, resolve_protocol(SMALL), None)
    assert model.num_keypoints == 17
    assert trace.exists()


def test_trust_in_one_file_does_not_spread(
    trapped: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, trace = trapped
    (tmp_path / "trusted").mkdir()
    other = checkpoint(tmp_path / "trusted", "yolov8n-pose", nc=1)
    monkeypatch.setenv(TRUST_VARIABLE, f"sha256:{file_sha256(other)}")
    card = BY_NAME["yolov8n-pose"]
    ultralytics.load(card, other, resolve_protocol(SMALL), None)
    with pytest.raises(WeightsError):
        ultralytics.load(card, path, resolve_protocol(SMALL), None)
    assert not trace.exists()


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 torn archive"])
def test_a_damaged_checkpoint_is_an_error_with_its_name(tmp_path: Path, content: bytes) -> None:
    require("ultralytics")
    path = tmp_path / "best.pt"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"best\.pt"):
        ultralytics.load(BY_NAME["yolov8n-pose"], path, resolve_protocol(), None)


def test_a_model_of_another_task_is_refused(tmp_path: Path) -> None:
    require("ultralytics")
    from posebench_adapters._ultralytics_network import import_ultralytics

    yolo = import_ultralytics().YOLO("yolov8n.yaml")
    yolo.save(tmp_path / "detect.pt")
    with pytest.raises(WeightsError, match="task is 'detect'"):
        ultralytics.load(BY_NAME["yolov8n-pose"], tmp_path / "detect.pt", resolve_protocol(), None)


def test_executable_formats_need_trust(tmp_path: Path) -> None:
    require("ultralytics")
    engine = tmp_path / "net.engine"
    engine.write_bytes(b"a plan")
    with pytest.raises(WeightsError, match="run code"):
        ultralytics.load(BY_NAME["yolov8n-pose"], engine, resolve_protocol(), None)


def test_in_graph_nms_cannot_be_asked_of_a_checkpoint(tmp_path: Path) -> None:
    require("ultralytics")
    weights = checkpoint(tmp_path, "yolov8n-pose", nc=1)
    protocol = resolve_protocol(SMALL, {"postprocess": {"nms": "in-graph"}})
    for opener in (None, in_onnxruntime):
        with pytest.raises(InputError, match="in-graph"):
            ultralytics.load(BY_NAME["yolov8n-pose"], weights, protocol, opener)
