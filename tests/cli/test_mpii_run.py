"""``posebench run`` on a tiny MPII: a real top-down model, its Record and its report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import posebench, quick_latency
from mpii_folder import write_folder
from support import require

from posebench.datasets.mpii import MpiiDataset
from posebench.datasets.mpii_mapping import coco17_to_mpii16
from posebench.metrics.head_distances import HeadDistances
from posebench.metrics.pckh import pckh
from posebench.predictions import read_predictions
from posebench.record import Record, parse_record
from posebench.report.files import render
from posebench.report.terminal import markdown_table

pytestmark = pytest.mark.framework
MAPPED = ("--boxes", "ground-truth", "--map-keypoints", "coco17-to-mpii16")


@pytest.fixture(autouse=True)
def runtime() -> None:
    require("onnxruntime")


@pytest.fixture
def folder(data: Path, tmp_path: Path) -> Path:
    return write_folder(tmp_path / "mpii", data)


def run(folder: Path, models: str, *options: str) -> tuple[int, list[Record], str]:
    config = folder.parent / "quick.toml"
    config.write_text(quick_latency(5))
    done = posebench(
        *("run", "--models", models, "--dataset", folder, "--out", folder.parent / "runs"),
        *("--config", config, "--format", "json"),
        *options,
    )
    documents: list[Any] = json.loads(done.stdout) if done.stdout.strip() else []
    return done.returncode, [parse_record(d, source="stdout") for d in documents], done.stderr


def test_a_coco_model_is_mapped_scored_kept_and_reported(folder: Path) -> None:
    code, (record,), stderr = run(folder, "hrnet-demo", *MAPPED)
    assert (code, record.status) == (0, "ok"), stderr
    assert record.protocol is not None and record.protocol.pckh is not None
    assert record.protocol.pckh.mapping == "coco17-to-mpii16"
    assert record.protocol.postprocess.nms == "none", "nobody annotated is suppressed"
    assert list(record.accuracy) == ["pckh"], "no OKS is reported"
    task = record.accuracy["pckh"]
    assert task.figures["head"].value is None
    assert "head_top" in (task.figures["head"].reason or "")
    assert "12 joints instead of 14" in task.notes[0]
    interval = task.figures["PCKh@0.5"].interval
    assert interval is not None and interval.low <= (record.figure("pckh", "PCKh@0.5") or 0)

    (kept,) = (folder.parent / "runs").glob("*/hrnet-demo/*/pckh.npz")
    assert "pckh.npz" in record.files
    again = pckh(HeadDistances.load(kept))
    assert {n: f.value for n, f in again.items()} == {n: e.value for n, e in task.figures.items()}
    _check_by_hand(folder, kept.parent / "predictions", task.figures["PCKh@0.5"].value)
    _check_report(record, folder.parent / "report")

    code, (second,), stderr = run(folder, "hrnet-demo", *MAPPED)
    assert second == record and "kept from an earlier run" in stderr


def test_a_model_of_mpiis_own_joints_needs_no_mapping(folder: Path) -> None:
    """An RDPose checkpoint of its 16 joints, scored with the other comparison."""
    for package in ("torch", "timm"):
        require(package)
    from rdpose.checkpoint import save_checkpoint
    from rdpose_networks import make_network, tiny

    weights = folder.parent / "mpii.safetensors"
    save_checkpoint(make_network(tiny(joints="mpii16", input_size=(64, 64))), weights)
    below = folder.parent / "below.toml"
    below.write_text('[latency]\nenabled = false\n[protocol.pckh]\ncomparison = "<"\n')
    options = ("--boxes", "ground-truth", "--config", str(below))
    code, (record,), stderr = run(folder, f"rdpose:{weights}", *options)
    assert (code, record.status) == (0, "ok"), stderr
    assert record.protocol is not None and record.protocol.pckh is not None
    assert (record.protocol.pckh.mapping, record.protocol.pckh.comparison) == ("none", "<")
    task = record.accuracy["pckh"]
    assert not task.notes and task.figures["head"].value is not None
    (kept,) = (folder.parent / "runs").rglob("pckh.npz")
    again = pckh(HeadDistances.load(kept), comparison="<")
    assert {n: f.value for n, f in again.items()} == {n: e.value for n, e in task.figures.items()}


def _check_by_hand(folder: Path, predictions: Path, figure: float | None) -> None:
    """The share of visible limb joints within half a head, counted anew."""
    truth = MpiiDataset.open(folder).ground_truth()
    found = read_predictions(predictions)  # one person a picture, in their order
    joints = coco17_to_mpii16(found.keypoints)
    limbs = [*range(6), *range(10, 16)]
    offsets = joints[:, limbs] - truth.keypoints[:, limbs, :2]
    assert truth.head_sizes is not None
    near = np.hypot(offsets[..., 0], offsets[..., 1]) <= 0.5 * truth.head_sizes[:, None]
    visible = truth.keypoints[:, limbs, 2] > 0
    assert figure == pytest.approx((near & visible).sum() / visible.sum(), abs=1e-12)


def _check_report(record: Record, out: Path) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("pandas")
    names = [path.name for path in render([record], out)]
    assert any(name.startswith("pckh-latency-") for name in names)
    text = (out / "mpii.md").read_text()
    assert "PCKh@0.5 (12 joints)" in text and "| PCKh@0.5 |" not in text
    assert "12 joints instead of 14" in text
    short = markdown_table([record])
    assert "PCKh@0.5 (12 joints)" in short and "12 joints instead of 14" in short
    assert "AP50" not in short and "AP50" not in text


def test_without_the_mapping_the_option_is_named(folder: Path) -> None:
    code, (record,), _ = run(folder, "hrnet-demo", "--boxes", "ground-truth")
    assert code == 3 and record.failure is not None
    assert record.failure.kind == "bad-input"
    assert "17 keypoints, mpii has 16" in record.failure.message
    assert "--map-keypoints coco17-to-mpii16" in record.failure.remedy
    assert not list((folder.parent / "runs").rglob("shard-*"))


def test_a_one_stage_model_is_refused(folder: Path) -> None:
    code, (record,), _ = run(folder, "rfdetr-pose-demo", *MAPPED)
    assert code == 3 and record.failure is not None
    assert "defined for annotated people" in record.failure.message
    assert not list((folder.parent / "runs").rglob("shard-*"))


@pytest.mark.parametrize("boxes", [(), ("--boxes", "rfdetr-pose-demo")])
def test_other_boxes_are_a_usage_error_before_anything_runs(
    folder: Path, boxes: tuple[str, ...]
) -> None:
    code, records, stderr = run(folder, "hrnet-demo", *boxes, *MAPPED[2:])
    assert (code, records) == (2, [])
    assert "--boxes ground-truth" in stderr
    assert not (folder.parent / "runs").exists()


def test_the_mapping_is_for_mpii_only(coco_mini: Path, tmp_path: Path) -> None:
    done = posebench(
        *("run", "--models", "hrnet-demo", "--out", tmp_path / "runs", *MAPPED),
        *("--annotations", coco_mini / "person_keypoints.json", "--images", coco_mini / "images"),
    )
    assert done.returncode == 2
    assert "--map-keypoints" in done.stderr and "mpii-val" in done.stderr
