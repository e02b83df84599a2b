"""``posebench run`` on a top-down model: real weights, real pictures, every box source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from commands import posebench, quick_latency
from support import require

from posebench.predictions import read_predictions
from posebench.record import Record, parse_record

pytestmark = pytest.mark.framework
PICTURES = 12


@pytest.fixture(autouse=True)
def runtime() -> None:
    require("onnxruntime")


def run(coco_mini: Path, out: Path, *arguments: str) -> tuple[int, list[Record], str]:
    config = out.parent / "quick.toml"
    config.write_text(quick_latency(12))
    done = posebench(
        *("run", "--format", "json", "--config", config, "--out", out, "--limit", str(PICTURES)),
        *("--annotations", coco_mini / "person_keypoints.json", "--images", coco_mini / "images"),
        *arguments,
    )
    documents: list[Any] = json.loads(done.stdout) if done.stdout.strip() else []
    return done.returncode, [parse_record(d, source="stdout") for d in documents], done.stderr


def test_each_box_source_is_recorded_with_its_quality(
    coco_mini: Path, data: Path, tmp_path: Path
) -> None:
    annotations = json.loads((coco_mini / "person_keypoints.json").read_text())
    people = annotations["annotations"]
    first = sorted(image["id"] for image in annotations["images"])[:PICTURES]
    detections = tmp_path / "detections.json"
    entries = [
        {k: p[k] for k in ("image_id", "category_id", "bbox")} | {"score": 0.9}
        for p in people
        if not p["iscrowd"]
    ]
    detections.write_text(json.dumps(entries))
    detector = f"yolox-nano={data / 'weights' / 'yolox_nano.onnx'}"
    found = {}
    for boxes in ("ground-truth", str(detections), detector, None):
        asked = ("--boxes", boxes) if boxes else ()
        code, (record,), stderr = run(
            coco_mini, tmp_path / "runs", "--models", "hrnet-demo", *asked
        )
        assert (code, record.status) == (0, "ok"), stderr
        assert record.boxes is not None and record.protocol is not None
        found[boxes] = record
    truth, file = found["ground-truth"], found[str(detections)]
    yolox, own = found[detector], found[None]
    assert len({record.accuracy_id for record in found.values()}) == 4

    assert truth.protocol is not None and truth.protocol.detector is None, "none ran"
    assert truth.boxes is not None and truth.boxes.sha256 is None
    assert truth.boxes.count == sum(
        p["num_keypoints"] > 0 and not p["iscrowd"] for p in people if p["image_id"] in first
    )
    assert file.boxes is not None and file.boxes.ap.value is not None
    assert file.boxes.ap.value > 0.99, "these are the annotations"
    assert {a.role for a in file.artifacts} == {"network", "boxes"}
    assert any("pictures" in note or "image" in note for note in file.boxes.notes), file.boxes.notes

    assert yolox.boxes is not None and yolox.boxes.ap.value is not None
    assert 0.2 < yolox.boxes.ap.value < 0.6
    assert yolox.protocol is not None and yolox.protocol.detector is not None
    assert yolox.protocol.detector.preprocess.input_height == 416
    assert yolox.protocol.detector.preprocess.pad_position == "top-left"
    assert {a.role for a in yolox.artifacts} == {"network", "detector network"}
    assert yolox.boxes.sha256 in {a.sha256 for a in yolox.artifacts}
    spans = [cell.span for cell in yolox.latency if cell.people is None]
    assert spans == [
        *("image-decode", "preprocess", "detector", "crop", "network", "postprocess"),
        *("network+postprocess", "end-to-end", "end-to-end-encoded"),
    ]
    by_people = [cell for cell in yolox.latency if cell.people is not None]
    assert sum(cell.summary.n for cell in by_people) == 12
    assert "detector" not in {cell.span for cell in truth.latency}

    assert own.boxes is not None and own.boxes.label == "rfdetr-pose-demo"
    assert own.protocol is not None and own.protocol.detector is not None
    assert own.protocol.detector.postprocess.score_threshold == 0.2


def test_what_was_looked_into_is_kept_and_a_second_run_keeps_it_all(
    coco_mini: Path, tmp_path: Path
) -> None:
    out = tmp_path / "runs"
    asked = ("--models", "hrnet-demo", "--boxes", "ground-truth")
    _, (first,), _ = run(coco_mini, out, *asked)
    (folder,) = out.glob("*/hrnet-demo/*/predictions")
    looked_into = read_predictions(folder).boxes_looked_into()
    assert looked_into is not None and first.boxes is not None
    assert sum(map(len, looked_into.values())) == first.boxes.count
    code, (second,), stderr = run(coco_mini, out, *asked)
    assert code == 0
    assert "kept from an earlier run" in stderr
    assert second == first


def test_protocol_fields_of_the_crop_reach_the_model_and_the_identity(
    coco_mini: Path, tmp_path: Path
) -> None:
    out = tmp_path / "runs"
    asked = ("--models", "hrnet-demo", "--boxes", "ground-truth")
    _, (plain,), _ = run(coco_mini, out, *asked)
    config = tmp_path / "flip.toml"
    config.write_text(
        "[latency]\nenabled = false\n[protocol.augmentation]\nflip_test = true\n"
        "[protocol.top_down]\nbox_padding = 1.5\n"
    )
    code, (changed,), stderr = run(coco_mini, out, *asked, "--config", str(config))
    assert code == 0, stderr
    assert changed.protocol is not None and changed.protocol.top_down is not None
    assert changed.protocol.augmentation.flip_test
    assert changed.protocol.top_down.box_padding == 1.5
    assert changed.protocol.top_down.warp == "udp", "the card's own fields stay"
    assert changed.accuracy_id != plain.accuracy_id
    assert changed.figure("keypoints", "AP") != plain.figure("keypoints", "AP")


def test_a_model_without_boxes_is_skipped_and_a_detector_is_no_pose_model(
    coco_mini: Path, data: Path, tmp_path: Path
) -> None:
    from posebench.registry import resolve_reference

    packaged = resolve_reference("hrnet-demo").card.weights[0].packaged
    detector = f"yolox-nano={data / 'weights' / 'yolox_nano.onnx'}"
    code, records, _ = run(
        coco_mini, tmp_path / "runs", "--models", f"hrnet-w32={packaged},{detector}"
    )
    assert code == 3
    skipped, refused = records
    assert skipped.status == "skipped" and skipped.failure is not None
    assert skipped.failure.kind == "no-boxes"
    assert "--boxes ground-truth" in skipped.failure.remedy
    assert refused.failure is not None
    assert "no keypoints" in refused.failure.message
    assert "--boxes" in refused.failure.remedy


def test_a_box_file_for_other_pictures_is_an_error_that_says_so(
    coco_mini: Path, tmp_path: Path
) -> None:
    path = tmp_path / "other.json"
    path.write_text(
        json.dumps([{"image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "score": 1}])
    )
    code, (record,), _ = run(
        coco_mini, tmp_path / "runs", "--models", "hrnet-demo", "--boxes", str(path)
    )
    assert code == 3
    assert record.failure is not None and record.failure.kind == "bad-input"
    assert "other.json" in record.failure.message


@pytest.mark.parametrize("boxes", ["nowhere.json", "yolox-namo", "hrnet-w32", "README.md"])
def test_a_box_source_that_cannot_be_is_a_usage_error_before_anything_runs(
    coco_mini: Path, tmp_path: Path, boxes: str
) -> None:
    code, records, stderr = run(
        coco_mini, tmp_path / "runs", "--models", "rfdetr-pose-demo,hrnet-demo", "--boxes", boxes
    )
    assert (code, records) == (2, [])
    assert boxes in stderr
    assert not (tmp_path / "runs").exists()


def test_the_detectors_protocol_can_be_set_without_its_name(
    coco_mini: Path, data: Path, tmp_path: Path
) -> None:
    config = tmp_path / "strict.toml"
    config.write_text(
        "[latency]\nenabled = false\n[protocol.detector.postprocess]\nscore_threshold = 0.6\n"
    )
    detector = f"yolox-nano={data / 'weights' / 'yolox_nano.onnx'}"
    asked = ("--models", "hrnet-demo", "--boxes", detector, "--config", str(config))
    code, (record,), stderr = run(coco_mini, tmp_path / "runs", *asked)
    assert code == 0, stderr
    assert record.protocol is not None and record.protocol.detector is not None
    assert record.protocol.detector.name == "yolox-nano"
    assert record.protocol.detector.postprocess.score_threshold == 0.6
    wrong = f"yolox-s={data / 'weights' / 'yolox_nano.onnx'}"
    code, (record,), _ = run(
        coco_mini, tmp_path / "runs", "--models", "hrnet-demo", "--boxes", wrong
    )
    assert code == 3 and record.failure is not None
    assert "the detector yolox-s" in record.failure.message
    assert "protocol.detector.preprocess.input_height" in record.failure.remedy


def test_no_boxes_at_all_is_no_people_and_no_crash(coco_mini: Path, tmp_path: Path) -> None:
    path = tmp_path / "none.json"
    path.write_text("[]")
    code, (record,), stderr = run(
        coco_mini, tmp_path / "runs", "--models", "hrnet-demo", "--boxes", str(path)
    )
    assert code == 0, stderr
    assert record.figure("keypoints", "AP") == 0
    assert record.boxes is not None and record.boxes.count == 0


def test_the_embedded_model_keeps_the_contract(tmp_path: Path) -> None:
    done = posebench("check", "hrnet-demo", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
