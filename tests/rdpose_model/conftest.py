"""These tests import torch at their top, so without it their modules are skipped as a whole.

What needs mmpose is in modules called ``*_mmpose``. They run in a session that has none of what
training needs, where the other modules could not even be read.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

_MMPOSE = "_mmpose"
_NETWORK = ("torch", "timm", "safetensors")
_NEEDED = (*_NETWORK, "lightning", "onnx", "onnxscript", "pycocotools", "scipy")


def _missing(module_path: Path) -> list[str]:
    needed = _NETWORK if module_path.stem.endswith(_MMPOSE) else _NEEDED
    return [name for name in needed if importlib.util.find_spec(name) is None]


class _Skipped(pytest.Module):
    def collect(self) -> Iterable[pytest.Item]:
        missing = ", ".join(_missing(self.path))
        pytest.skip(f"{missing} not installed", allow_module_level=True)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out, where only mmpose's tests are asked for, every module that has none."""
    other = collection_path.suffix == ".py" and not collection_path.stem.endswith(_MMPOSE)
    return True if other and config.option.markexpr == "mmpose" else None


def pytest_pycollect_makemodule(
    module_path: Path, parent: pytest.Collector
) -> pytest.Module | None:
    """As ``support.require``: a missing framework skips, or fails where all are meant to be."""
    if not _missing(module_path) or os.environ.get("POSEBENCH_REQUIRE_FRAMEWORKS") == "1":
        return None
    skipped: pytest.Module = _Skipped.from_parent(parent, path=module_path)
    return skipped
