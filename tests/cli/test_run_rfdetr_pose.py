"""``posebench run`` on the in-house models: the default, and sizes that are not trained yet."""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import posebench, quick_latency
from servers import serve
from support import require

from posebench.record import Record, parse_record
from posebench.registry import resolve_reference

pytestmark = pytest.mark.framework

QUICK = quick_latency(4)
# A process like any other, but for the checksums: these checkpoints are not the published ones.
PATCHED = """
import sys
from dataclasses import replace
import posebench.config
from posebench.cli import main
from posebench.registry import catalogue
posebench.config.DEFAULT_DATASET = "synthetic-easy:10"
for name, digest in {digests!r}.items():
    entry = catalogue()[name]
    weights = replace(entry.card.weights[0], digest=digest)
    catalogue()[name] = replace(entry, card=replace(entry.card, weights=(weights,)))
sys.argv = ["posebench", *{arguments!r}]
main()
"""


def records(stdout: str) -> list[Record]:
    return [parse_record(document, source="stdout") for document in json.loads(stdout)]


def test_without_a_word_on_models_or_data_the_embedded_models_run_without_torch(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hundred rendered pictures, no download, and no framework but the runtime."""
    require("onnxruntime")
    for name in ("torch", "transformers", "ultralytics"):
        (tmp_path / "hidden" / f"{name}.py").parent.mkdir(exist_ok=True)
        (tmp_path / "hidden" / f"{name}.py").write_text(f"raise ImportError({name!r})\n")
    path = os.pathsep.join([str(tmp_path / "hidden"), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path.rstrip(os.pathsep))
    monkeypatch.setenv("POSEBENCH_MIRROR", "http://127.0.0.1:9")
    (tmp_path / "quick.toml").write_text(quick_latency(2))
    done = posebench("run", "--config", "quick.toml", "--format", "json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record, top_down = records(done.stdout)
    assert (record.model.name, record.status) == ("rfdetr-pose-demo", "ok")
    assert (top_down.model.name, top_down.status) == ("hrnet-demo", "ok")
    assert top_down.boxes is not None and top_down.boxes.label == "rfdetr-pose-demo"
    assert record.dataset is not None and record.runtime is not None
    assert (record.dataset.name, record.dataset.images) == ("synthetic", 200)
    assert record.runtime.name == "onnxruntime"
    assert {a.filename for a in record.artifacts} == {"rfdetr-pose-demo.onnx"}
    ap = record.figure("keypoints", "AP")
    assert ap is not None and ap > 0.15  # it sees people; how many is in results/
    other = top_down.figure("keypoints", "AP")
    assert other is not None and other > 0.15
    assert record.span("end-to-end") is not None
    assert top_down.span("detector") is not None


def test_a_size_without_trained_weights_is_timed_and_says_so(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command of the project's first page to the letter, its checkpoints on a local server."""
    require("ultralytics")
    files = {"rfdetr-pose-m": save_detector, "yolov8m-pose": save_yolo}
    digests = {}
    for name, save in files.items():
        url = resolve_reference(name).card.weights[0].url
        path = tmp_path / "mirror" / url.split("/", 3)[3]
        path.parent.mkdir(parents=True, exist_ok=True)
        save(path)
        digests[name] = f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    (tmp_path / "quick.toml").write_text(QUICK)
    command = "run --models rfdetr-pose-m,yolov8m-pose --format json --config quick.toml"
    with serve(tmp_path / "mirror") as address:
        monkeypatch.setenv("POSEBENCH_MIRROR", address)
        code = PATCHED.format(digests=digests, arguments=command.split())
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr
    ours, yolo = records(done.stdout)
    assert (ours.status, yolo.status) == ("ok", "ok")
    assert ours.accuracy == {} and yolo.figure("keypoints", "AP") is not None
    assert "keypoint head" in ours.model.untrained and yolo.model.untrained == ""
    assert "rfdetr-pose" in ours.model.untrained  # how to train it
    assert ours.span("network") is not None
    assert ours.measured is not None and ours.measured.params is not None
    assert 28e6 < ours.measured.params < 35e6
    assert ours.measured.gflops is not None and ours.measured.gflops > 50
    assert {a.role for a in ours.artifacts} == {"network", "checkpoint"}


def save_detector(path: Path) -> None:
    """As the publisher saves it, with random weights."""
    from rfdetr_pose.torchvision_import import repair_torchvision

    repair_torchvision()
    torch: Any = require("torch")
    require("rfdetr")
    logging.getLogger("rf-detr").setLevel(logging.ERROR)
    config: Any = require("rfdetr.config")
    models: Any = require("rfdetr.models")
    torch.manual_seed(0)
    network = models.build_model_from_config(config.RFDETRMediumConfig(pretrain_weights=None))
    torch.save({"model": network.state_dict(), "args": argparse.Namespace(epochs=1)}, path)


def save_yolo(path: Path) -> None:
    """A smaller network stands in for the medium one."""
    from yolo_networks import checkpoint

    checkpoint(path.parent, "yolov8n-pose").rename(path)
