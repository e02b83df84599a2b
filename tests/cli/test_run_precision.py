"""Precision and [session] of a run, by the command that a user types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from commands import posebench
from records import make_environment
from stickworld import StickWorld, make_stickworld
from support import require

from posebench.config import EvalProtocol, SessionOptions
from posebench.loading import LoadedModel
from posebench.record import Runtime

MODEL = "rfdetr-pose-demo"


@pytest.fixture
def world(tmp_path: Path) -> StickWorld:
    return make_stickworld(tmp_path / "world")


def run(folder: Path, precision: str) -> Any:
    done = posebench(
        *("run", "--models", MODEL, "--limit", "2", "--no-latency", "--format", "json"),
        *("--runtime", "onnxruntime", "--precision", precision),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    (record,) = json.loads(done.stdout)
    return record


@pytest.mark.framework
def test_a_run_in_fp16_names_the_network_that_was_made_for_it(tmp_path: Path) -> None:
    require("onnxruntime")
    whole, half, again = (run(tmp_path, precision) for precision in ("fp32", "fp16", "fp16"))
    roles = [artifact["role"] for artifact in half["artifacts"]]
    assert roles == ["network", "network in fp16"]
    assert half["artifacts"][0] == whole["artifacts"][0]
    assert half["artifacts"][1]["filename"] == f"{MODEL}.fp16.onnx"
    assert half["runtime"]["precision"] == "fp16"
    assert half["accuracy_id"] == again["accuracy_id"] != whole["accuracy_id"]


def test_a_native_model_has_no_session_to_set_up(world: StickWorld, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text("[session]\ncompiled = true\n")
    options = ("--config", "run.toml", "--models", f"stick-figure={world.weights}", *world.options)
    done = posebench("run", *options, cwd=tmp_path)
    assert done.returncode == 3
    assert "runs natively, and [session] sets up other runtimes" in done.stderr


@pytest.mark.framework
def test_an_option_of_another_runtime_fails_the_model(tmp_path: Path) -> None:
    require("onnxruntime")
    (tmp_path / "run.toml").write_text("[session]\ncompiled = true\n")
    done = posebench(
        *("run", "--config", "run.toml", "--models", MODEL, "--limit", "1"), cwd=tmp_path
    )
    assert done.returncode == 3
    assert "session.compiled: onnxruntime with provider 'auto' does not know it" in done.stderr


def test_an_unknown_option_is_refused(world: StickWorld, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text("[session]\ncompield = true\n")
    options = ("--config", "run.toml", "--models", f"stick-figure={world.weights}", *world.options)
    done = posebench("run", *options, cwd=tmp_path)
    assert done.returncode == 2
    assert "session.compield" in done.stderr


def test_options_that_are_not_the_defaults_make_another_identity() -> None:
    def identity(**options: Any) -> str:
        runtime = Runtime(name="torch", version="2", provider="cpu", precision="fp32",
                          device="cpu", threads=1)  # fmt: skip
        loaded = LoadedModel(
            artifacts=(),
            protocol=EvalProtocol(),
            runtime=runtime,
            environment=make_environment(),
            num_keypoints=17,
            decode_version=1,
            cost={},
            untrained="",
            session=SessionOptions(**options),
        )
        return loaded.accuracy_id("d")

    assert identity() == identity(compiled=False, workspace_mb=2048)
    others: list[dict[str, Any]] = [
        {"compiled": True},
        {"cuda_graph": True},
        {"optimization_level": 5},
        {"workspace_mb": 64},
        {"provider": "tensorrt"},
    ]
    assert len({identity(), *(identity(**other) for other in others)}) == 6
