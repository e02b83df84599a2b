"""posebench on itself: a postprocess that is broken makes the gate fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import require

ROOT = Path(__file__).parents[2]
# Every Python that starts reads it, the workers too.
BROKEN = """
import numpy as np
from posebench.pipelines import detr_pose

whole = detr_pose.to_source
detr_pose.to_source = lambda points, *rest, **how: whole(points, *rest, **how) + np.float32(12)
"""


def _posebench(*arguments: str | Path, path: Path | None = None) -> int:
    env = os.environ | ({"PYTHONPATH": str(path)} if path else {})
    command = [sys.executable, "-m", "posebench", *map(str, arguments)]
    return subprocess.run(command, env=env, capture_output=True, check=False).returncode


def _measure(out: Path, path: Path | None = None) -> Path:
    models = ("--models", "rfdetr-pose-demo", "--dataset", "synthetic-easy:16")
    assert _posebench("run", *models, "--no-latency", "--out", out, path=path) == 0
    return out


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require("onnxruntime")
    return _measure(tmp_path_factory.mktemp("sound") / "runs")


def _gate(baseline: Path, candidate: Path, *options: str | Path) -> int:
    rules = ("--rules", ROOT / "configs" / "gate.toml")
    return _posebench("gate", "--baseline", baseline, "--candidate", candidate, *rules, *options)


def test_the_same_model_measured_anew_passes(sound: Path, tmp_path: Path) -> None:
    assert _gate(sound, _measure(tmp_path / "runs")) == 0


def test_a_broken_postprocess_ends_with_1(sound: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(BROKEN)
    candidate = _measure(tmp_path / "runs", path=tmp_path)
    assert _gate(sound, candidate, "--json", tmp_path / "verdict.json") == 1
    (decision,) = json.loads((tmp_path / "verdict.json").read_text())["decisions"]
    assert (decision["outcome"], decision["metric"]) == ("fail", "keypoints/AP")
    assert decision["low"] > decision["margin"]
