"""These tests import torch at their top, so without it their modules are skipped as a whole."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

_NEEDED = ("torch", "transformers", "supervision", "safetensors", "scipy")
_MISSING = [name for name in _NEEDED if importlib.util.find_spec(name) is None]


class _Skipped(pytest.Module):
    def collect(self) -> Iterable[pytest.Item]:
        pytest.skip(f"{', '.join(_MISSING)} not installed", allow_module_level=True)


def pytest_pycollect_makemodule(
    module_path: Path, parent: pytest.Collector
) -> pytest.Module | None:
    """As ``support.require``: a missing framework skips, or fails where all are meant to be."""
    if not _MISSING or os.environ.get("POSEBENCH_REQUIRE_FRAMEWORKS") == "1":
        return None
    skipped: pytest.Module = _Skipped.from_parent(parent, path=module_path)
    return skipped
