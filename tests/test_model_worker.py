from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from posebench import model_worker
from posebench.config import RunConfig


class FakeWorker:
    """Keeps what it was started with."""

    environment: Mapping[str, str]

    def __init__(self, log: Path, *, interpreter: Any, environment: Mapping[str, str]) -> None:
        FakeWorker.environment = environment

    def close(self) -> None: ...


@pytest.mark.parametrize(("given", "told"), [(None, "PCI_BUS_ID"), ("FASTEST_FIRST",) * 2])
def test_cuda_counts_gpus_as_the_drivers_tools_do_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: str | None, told: str
) -> None:
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)
    if given:
        monkeypatch.setenv("CUDA_DEVICE_ORDER", given)
    monkeypatch.setattr(model_worker, "WorkerClient", FakeWorker)
    monkeypatch.setattr(model_worker, "load_model", lambda *_: SimpleNamespace())
    task = SimpleNamespace(request=SimpleNamespace(label="a"), dataset=None)
    found: Any = SimpleNamespace(task=task, weights=Path("a.onnx"), boxes=None)
    with model_worker.loaded_model(found, RunConfig(models=("a",), out=tmp_path), "timing"):
        assert FakeWorker.environment["CUDA_DEVICE_ORDER"] == told
