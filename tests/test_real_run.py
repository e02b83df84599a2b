"""The real YOLOv8n-pose on 102 real COCO pictures, by the command that a user types.

The shipped predictions of the same weights are rounded to 2 decimals and score .456967 with
pycocotools; the figures here may differ from it by what that rounding does, below 1e-5.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from commands import posebench, quick_latency
from support import require

pytestmark = [pytest.mark.data, pytest.mark.framework]

KNOWN = {
    "AP": 0.456967, "AP50": 0.702755, "AP75": 0.526058, "APm": 0.366961, "APl": 0.580000,
    "AR": 0.541176, "AR50": 0.784314, "AR75": 0.601307, "ARm": 0.455682, "ARl": 0.656923,
}  # fmt: skip


def run(coco_mini: Path, folder: Path, model: str, *options: str) -> Any:
    done = posebench(
        *("run", "--models", model, "--dataset", "coco-val2017-mini"),
        *("--annotations", coco_mini / "person_keypoints.json", "--images", coco_mini / "images"),
        *("--format", "json", *options),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    (record,) = json.loads(done.stdout)
    return record


def figures(record: Any, task: str = "keypoints") -> dict[str, float]:
    return {name: e["value"] for name, e in record["accuracy"][task]["figures"].items()}


@pytest.fixture(scope="module")
def onnx_run(
    coco_mini: Path, yolov8n_onnx: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Any]:
    require("onnxruntime")
    folder = tmp_path_factory.mktemp("onnx")
    (folder / "quick.toml").write_text(quick_latency(4, processes=2))
    model = f"yolov8n-pose={yolov8n_onnx}"
    return folder, run(coco_mini, folder, model, "--config", "quick.toml")


def test_onnx_runtime_scores_what_the_shipped_predictions_score(onnx_run: tuple[Path, Any]) -> None:
    _, record = onnx_run
    found = figures(record)
    assert found == pytest.approx(KNOWN, abs=1e-5)
    assert record["runtime"]["provider"] == "CPUExecutionProvider"
    assert record["measured"]["params"] == 3_289_964
    assert [cell["span"] for cell in record["latency"]] == [
        "image-decode", "preprocess", "network", "postprocess", "network+postprocess",
        "end-to-end", "end-to-end-encoded",
    ]  # fmt: skip
    assert all(cell["summary"]["p50_ms"] > 0 for cell in record["latency"])


def test_the_kept_predictions_score_the_same_and_pycocotools_agrees(
    onnx_run: tuple[Path, Any], coco_mini: Path
) -> None:
    require("pycocotools")
    folder, record = onnx_run
    (predictions,) = folder.glob("runs/*/*/*/predictions")
    done = posebench(
        *("evaluate", "--annotations", coco_mini / "person_keypoints.json"),
        *("--predictions", predictions, "--format", "json", "--cross-check", "pycocotools"),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["coco"] == figures(record)
    assert document["bbox"] == figures(record, "bbox")


def test_the_file_describes_itself_to_the_onnx_scheme(
    onnx_run: tuple[Path, Any], coco_mini: Path, yolov8n_onnx: Path, tmp_path: Path
) -> None:
    _, record = onnx_run
    again = run(coco_mini, tmp_path, f"onnx:{yolov8n_onnx}", "--no-latency")
    assert figures(again) == figures(record)
    assert again["artifacts"] == record["artifacts"]
    assert again["latency"] == []


def test_openvino_runs_the_same_file_to_the_same_figures(
    onnx_run: tuple[Path, Any], coco_mini: Path, yolov8n_onnx: Path, tmp_path: Path
) -> None:
    require("openvino")
    _, record = onnx_run
    options = ("--runtime", "openvino", "--no-latency")
    other = run(coco_mini, tmp_path, f"yolov8n-pose={yolov8n_onnx}", *options)
    assert figures(other) == pytest.approx(figures(record), abs=2e-4)
    assert other["accuracy_id"] != record["accuracy_id"]


def test_int8_costs_accuracy(
    onnx_run: tuple[Path, Any], coco_mini: Path, data: Path, tmp_path: Path
) -> None:
    require("openvino")
    _, record = onnx_run
    folder = data / "weights" / "yolov8n-pose-int8-openvino"
    options = ("--precision", "int8", "--no-latency")
    int8 = run(coco_mini, tmp_path, f"yolov8n-pose={folder}", *options)
    loss = figures(record)["AP"] - figures(int8)["AP"]
    assert 0 < loss < 0.015


def test_a_full_precision_run_of_an_int8_file_is_refused(
    coco_mini: Path, data: Path, tmp_path: Path
) -> None:
    require("openvino")
    folder = data / "weights" / "yolov8n-pose-int8-openvino"
    done = posebench(
        *("run", "--models", f"yolov8n-pose={folder}"),
        *("--annotations", coco_mini / "person_keypoints.json", "--images", coco_mini / "images"),
        cwd=tmp_path,
    )
    assert done.returncode == 3
    assert "--precision int8" in done.stderr


def test_an_exported_file_is_not_run_natively(
    coco_mini: Path, yolov8n_onnx: Path, tmp_path: Path
) -> None:
    """Ultralytics would choose threads and precision by itself, and the Record could not say."""
    require("ultralytics")
    done = posebench(
        *("run", "--models", f"yolov8n-pose={yolov8n_onnx}", "--runtime", "native"),
        *("--annotations", coco_mini / "person_keypoints.json", "--images", coco_mini / "images"),
        cwd=tmp_path,
    )
    assert done.returncode == 3
    assert "Use --runtime onnxruntime or openvino" in done.stderr


def test_a_checkpoint_of_another_skeleton_runs_on_its_own_dataset(tmp_path: Path) -> None:
    """Five keypoints, untrained: exported, run and scored, at AP 0 and without a complaint."""
    require("ultralytics")
    from yolo_networks import checkpoint

    weights = checkpoint(tmp_path, "yolov8n-pose", kpt_shape=[5, 3])
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    picture = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "images" / "a.png"), picture)
    points = " ".join(f"{0.3 + 0.1 * i:.2f} 0.5 2" for i in range(5))
    (tmp_path / "labels" / "a.txt").write_text(f"0 0.5 0.5 0.6 0.4 {points}\n")
    (tmp_path / "data.yaml").write_text("val: images\nnames: [hand]\nkpt_shape: [5, 3]\n")
    done = posebench(
        *("run", "--models", f"yolov8n-pose={weights}", "--dataset", "data.yaml"),
        *("--sigmas", "0.1,0.1,0.1,0.1,0.1", "--no-latency", "--format", "json"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    (record,) = json.loads(done.stdout)
    assert len(record["accuracy"]["keypoints"]["per_keypoint"]) == 5
    assert {"keypoints", "bbox"} == set(record["accuracy"])
