"""What several test modules need."""

from __future__ import annotations

import importlib
import importlib.util
import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

from posebench.types import Image


def require(module: str) -> ModuleType:
    """Import an optional framework; skip the test without it.

    With ``POSEBENCH_REQUIRE_FRAMEWORKS=1`` a missing framework fails instead, so that an
    environment which is meant to have it cannot pass by skipping.
    """
    required = os.environ.get("POSEBENCH_REQUIRE_FRAMEWORKS") == "1"
    if importlib.util.find_spec(module) is None and not required:
        pytest.skip(f"{module} is not installed")
    if module == "ultralytics":
        # Through the adapter, so that it stays offline and out of the user's settings.
        from posebench_adapters._ultralytics_network import import_ultralytics

        imported: ModuleType = import_ultralytics()
        return imported
    if module == "timm":  # it imports torchvision
        from rfdetr_pose.torchvision_import import repair_torchvision

        repair_torchvision()
    return importlib.import_module(module)


def require_mmpose() -> ModuleType:
    """Import mmpose as its adapter does, or skip or fail as ``require`` does."""
    required = os.environ.get("POSEBENCH_REQUIRE_FRAMEWORKS") == "1"
    if importlib.util.find_spec("mmpose") is None and not required:
        pytest.skip("mmpose is not installed")
    from posebench_adapters._mmpose_import import import_mmpose

    imported: ModuleType = import_mmpose()
    return imported


def require_oracle(package: str) -> None:
    """Import a reference evaluator, or skip or fail as ``require`` does.

    xtcocotools is built for numpy 1 and not for Python 3.13, so there it always skips.
    """
    if package == "xtcocotools" and (np.lib.NumpyVersion(np.__version__) >= "2.0.0"):
        pytest.skip("xtcocotools is built for numpy 1")
    require(package)
    if package != "hotcoco":
        importlib.import_module(f"{package}.cocoeval")


def require_browser() -> tuple[str, str]:
    """Where Chromium and its driver lie; skip the test without them or without selenium.

    With ``POSEBENCH_REQUIRE_BROWSER=1`` a missing one fails instead.
    """
    browser = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    missing = [
        name
        for name, there in (
            ("chromium", browser),
            ("chromedriver", driver),
            ("selenium", importlib.util.find_spec("selenium")),
        )
        if not there
    ]
    if browser and driver and not missing:
        return browser, driver
    message = f"not installed: {', '.join(missing)}"
    if os.environ.get("POSEBENCH_REQUIRE_BROWSER") == "1":
        pytest.fail(message)
    pytest.skip(message)


@cache
def read_rgb(path: Path) -> Image:
    """A picture as a model sees it; the array is shared, so do not write to it."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert image is not None, path
    rgb = np.ascontiguousarray(image[..., ::-1]).astype(np.uint8)
    rgb.flags.writeable = False
    return rgb


def pictures(coco_mini: Path, count: int) -> list[Image]:
    """The first pictures of the real data set, by file name."""
    return [read_rgb(path) for path in sorted((coco_mini / "images").iterdir())[:count]]


@contextmanager
def disk_full_after(size: int) -> Iterator[None]:
    """No file may grow beyond ``size`` bytes: writing fails as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
