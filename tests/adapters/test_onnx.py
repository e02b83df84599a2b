from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from posebench_adapters import onnx as adapter
from support import pictures, require

from posebench.config import resolve_protocol
from posebench.errors import InputError, WeightsError
from posebench.protocols import Session
from posebench.sessions import open_session

pytestmark = [pytest.mark.framework, pytest.mark.data]
SIDECAR: dict[str, Any] = {
    "decoder": "yolo-pose",
    "num_keypoints": 17,
    "licence": "AGPL-3.0-only",
    "training_data": ["COCO train2017"],
    "protocol": {"postprocess": {"score_threshold": 0.01}},
}


def opener(path: Path) -> Session:
    return open_session(path, runtime="onnxruntime", device="cpu", threads=1, precision="fp32")


def anonymous(folder: Path, source: Path) -> Path:
    """The network without a word about itself."""
    onnx = require("onnx")
    model = onnx.load(source)
    del model.metadata_props[:]
    path = folder / "Model.onnx"
    onnx.save(model, path)
    return path


def test_ultralytics_files_need_no_sidecar(yolov8n_onnx: Path, coco_mini: Path) -> None:
    card = adapter.card_for(yolov8n_onnx)
    assert (card.name, card.skeleton, card.input_size) == (
        "onnx:yolov8n-pose", "coco17", (640, 640),
    )  # fmt: skip
    assert "AGPL-3.0" in card.licence
    model = adapter.load(card, yolov8n_onnx, resolve_protocol(card.protocol), opener)
    assert sum(len(p) for p in model.predict(pictures(coco_mini, 2))) > 0


@pytest.mark.parametrize("name", ["Model.json", "Model.onnx.json"])
def test_a_sidecar_says_how_to_read_the_output(
    tmp_path: Path, yolov8n_onnx: Path, coco_mini: Path, name: str
) -> None:
    path = anonymous(tmp_path, yolov8n_onnx)
    (tmp_path / name).write_text(json.dumps(SIDECAR))
    card = adapter.card_for(path)
    assert card.name == "onnx:model"
    assert card.licence == "AGPL-3.0-only"
    assert card.training_data == ("COCO train2017",)
    protocol = resolve_protocol(card.protocol)
    assert protocol.postprocess.score_threshold == 0.01
    images = pictures(coco_mini, 2)
    found = adapter.load(card, path, protocol, opener).predict(images)
    expected = adapter.load(adapter.card_for(yolov8n_onnx), yolov8n_onnx, protocol, opener).predict(
        images
    )
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a.keypoints, b.keypoints)


def test_without_either_the_remedy_is_named(tmp_path: Path, yolov8n_onnx: Path) -> None:
    path = anonymous(tmp_path, yolov8n_onnx)
    with pytest.raises(InputError, match=r"Describe it in Model\.json"):
        adapter.card_for(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Invalid JSON"),
        ("{}", r"decoder: Field required; num_keypoints: Field required"),
        (json.dumps(SIDECAR | {"decoder": "heatmap"}), "decoder"),
        (json.dumps(SIDECAR | {"keypoint_dims": 4}), "keypoint_dims"),
        (json.dumps(SIDECAR | {"num_keypoint": 17}), "num_keypoint: Extra inputs"),
        (json.dumps(SIDECAR | {"protocol": {"preprocess": {"hight": 1}}}), "preprocess.hight"),
    ],
)
def test_a_wrong_sidecar_names_the_field(
    tmp_path: Path, yolov8n_onnx: Path, text: str, message: str
) -> None:
    shutil.copy(yolov8n_onnx, tmp_path / "model.onnx")
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(InputError, match=message):
        adapter.card_for(tmp_path / "model.onnx")


def test_a_sidecar_that_does_not_fit_the_network_is_refused(
    tmp_path: Path, yolov8n_onnx: Path
) -> None:
    path = anonymous(tmp_path, yolov8n_onnx)
    (tmp_path / "Model.json").write_text(json.dumps(SIDECAR | {"num_keypoints": 16}))
    card = adapter.card_for(path)
    with pytest.raises(InputError, match="Correct the keypoints"):
        adapter.load(card, path, resolve_protocol(card.protocol), opener)


def test_what_is_no_onnx_file_is_refused(tmp_path: Path, yolov8n_onnx: Path) -> None:
    with pytest.raises(InputError, match=r"no such \.onnx file"):
        adapter.card_for(tmp_path / "none.onnx")
    with pytest.raises(InputError, match=r"no such \.onnx file"):
        adapter.card_for(tmp_path)
    card = adapter.card_for(yolov8n_onnx)
    with pytest.raises(WeightsError, match="path"):
        adapter.load(card, None, resolve_protocol(), opener)
    with pytest.raises(InputError, match="no native runtime"):
        adapter.load(card, yolov8n_onnx, resolve_protocol(), None)
