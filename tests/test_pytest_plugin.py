"""The fixture as a project uses it: pytest as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from stickworld import StickWorld, make_stickworld

CONFTEST = 'pytest_plugins = ["posebench.testing.pytest_plugin"]\n'
TEST = """
def test_latency(pose_benchmark):
    pose_benchmark({model!r}, pictures={pictures!r}, rounds=12, warmup_s=0)
"""


@pytest.fixture
def world(tmp_path: Path) -> StickWorld:
    return make_stickworld(tmp_path / "world")


def run(folder: Path, model: str, world: StickWorld, *options: str) -> Any:
    folder.mkdir(exist_ok=True)
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_speed.py").write_text(TEST.format(model=model, pictures=str(world.images)))
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:xdist",
            "-p",
            "no:cacheprovider",
            *options,
        ],
        cwd=folder,
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_model_is_timed_and_named(world: StickWorld, tmp_path: Path) -> None:
    done = run(
        tmp_path / "project", f"stick-slow={world.weights}", world, "--benchmark-json=out.json"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = json.loads((tmp_path / "project" / "out.json").read_text())["benchmarks"]
    assert found["stats"]["rounds"] == 12
    assert 0.02 < found["stats"]["median"] < 0.06, "it sleeps for 20 ms"
    told = found["extra_info"]
    assert told["model"] == "stick-slow=weights.txt"
    assert 20 < told["end-to-end_p50_ms"] < 60
    assert len(told["artifacts"]) == 1 and len(told["artifacts"][0]) == 64
    assert told["runtime"]["name"] == "native"


def test_a_slower_model_fails_the_comparison(world: StickWorld, tmp_path: Path) -> None:
    project = tmp_path / "project"
    first = run(project, f"stick-figure={world.weights}", world, "--benchmark-autosave")
    assert first.returncode == 0, first.stdout
    fail = ("--benchmark-compare", "--benchmark-compare-fail=median:50%")
    second = run(project, f"stick-slow={world.weights}", world, *fail)
    assert second.returncode != 0
    assert "Performance has regressed" in second.stdout + second.stderr


def test_a_folder_without_pictures_is_named(world: StickWorld, tmp_path: Path) -> None:
    empty = StickWorld(world.annotations, tmp_path / "nothing", world.weights)
    done = run(tmp_path / "project", f"stick-figure={world.weights}", empty)
    assert done.returncode != 0
    assert "nothing: no picture" in done.stdout
