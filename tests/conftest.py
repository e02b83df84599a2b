"""Shared fixtures: real data where it lies, a cache of the test's own, one thread."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

# Two OpenMP threads beside any busy process are many times slower than one.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("YOLO_AUTOINSTALL", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

# A shell ignores Ctrl-C for what it starts in the background, and every child would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A deadline is a timing assertion: on a busy machine it fails without a defect.
settings.register_profile("posebench", deadline=None)
settings.load_profile("posebench")

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("POSEBENCH_TEST_DATA") or ROOT.parent / "shared" / "data")


def pytest_configure(config: pytest.Config) -> None:
    """Let the process that gathers what parallel ones report read the warnings of Lightning."""
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        from rfdetr_pose.torchvision_import import repair_torchvision

        repair_torchvision()


def _require(path: Path) -> Path:
    if path.exists():
        return path
    message = f"test data not found: {path} (POSEBENCH_TEST_DATA points to its folder)"
    if os.environ.get("POSEBENCH_REQUIRE_DATA") == "1":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def data() -> Path:
    """Folder with real images, annotations and weights."""
    return _require(DATA)


@pytest.fixture(scope="session")
def coco_mini(data: Path) -> Path:
    """102 real COCO val2017 pictures with their annotations."""
    return _require(data / "coco-val2017-mini")


@pytest.fixture(scope="session")
def yolov8n_onnx(data: Path) -> Path:
    """Real YOLOv8n-pose weights as an FP32 ONNX file."""
    return _require(data / "weights" / "yolov8n-pose.onnx")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep every test out of the user's cache."""
    cache = tmp_path / "cache"
    monkeypatch.setenv("POSEBENCH_CACHE", str(cache))
    return cache
