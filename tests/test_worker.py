"""The worker as a real process, killed and hung for real, with the plug-in's models."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest

from posebench.predictions import read_shard
from posebench.worker_client import WorkerClient, WorkerFailure


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[WorkerClient]:
    client = WorkerClient(tmp_path / "worker.log")
    yield client
    client.kill()


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    paths = []
    for number in range(3):
        path = tmp_path / f"{number}.png"
        picture = np.random.default_rng(number).integers(0, 255, (80, 100, 3), np.uint8)
        assert cv2.imwrite(str(path), picture)
        paths.append(path)
    return paths


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "stick.txt"
    path.write_text("0.5")
    return path


def load(worker: WorkerClient, name: str, weights: Path, **changes: Any) -> dict[str, Any]:
    request = {
        "op": "load",
        "reference": f"stick-{name}",
        "weights": str(weights),
        "overrides": {},
        "runtime": "native",
        "precision": "fp32",
        "device": "cpu",
        "threads": 1,
    }
    return worker.ask({**request, **changes}, silence_s=60)


def predict(
    worker: WorkerClient, pictures: list[Path], shard: Path, silence_s: float = 60
) -> tuple[dict[str, Any], int]:
    done = 0

    def progress(images: int) -> None:
        nonlocal done
        done += images

    request = {
        "op": "predict",
        "image_ids": list(range(len(pictures))),
        "paths": [str(path) for path in pictures],
        "shard": str(shard),
    }
    return worker.ask(request, silence_s=silence_s, progress=progress), done


def test_a_model_is_loaded_run_timed_and_closed(
    worker: WorkerClient, weights: Path, pictures: list[Path], tmp_path: Path
) -> None:
    loaded = load(worker, "figure", weights)
    assert loaded["runtime"]["name"] == "native"
    assert loaded["num_keypoints"] == 17
    assert loaded["protocol"]["preprocess"]["input_height"] == 64
    answer, done = predict(worker, pictures, tmp_path / "shard-00000.npz")
    assert done == 3
    assert answer["undecodable"] == {}
    assert answer["peak_memory_mb"] > 10
    shard = read_shard(tmp_path / "shard-00000.npz")
    np.testing.assert_array_equal(shard.image_ids, [0, 1, 2])
    np.testing.assert_allclose(shard.keypoints[:, 0], [[50, 40 - 20 + 3.2]] * 3, atol=1e-4)
    timing: dict[str, Any] = {"op": "time_round", "paths": [str(pictures[0])], "image_ids": [0]}
    latency = {"warmup": 1, "warmup_s": 0, "samples": 4}
    timing |= {"latency": latency, "regime": "sustained", "batch": None}
    assert worker.ask({**timing, "op": "warm_up"}, silence_s=60) == {}
    timed = worker.ask(timing, silence_s=60)
    assert len(timed["spans"]["end-to-end"]) == 4
    in_threes = worker.ask({**timing, "batch": 3}, silence_s=60)
    assert list(in_threes["spans"]) == ["end-to-end"], "the stages of a batch are not told apart"
    with pytest.raises(WorkerFailure, match="none of the pictures"):
        worker.ask({**timing, "paths": [str(tmp_path / "missing.png")]}, silence_s=60)
    worker.close()


def test_files_of_the_working_folder_are_no_modules(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user's random.py would take the place of Python's."""
    for name in ("random", "numpy", "posebench"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a file of the user')")
    monkeypatch.chdir(tmp_path)
    client = WorkerClient(tmp_path / "worker.log")
    assert load(client, "figure", weights)["num_keypoints"] == 17
    client.close()


def test_what_a_framework_prints_goes_to_the_log(
    worker: WorkerClient, weights: Path, tmp_path: Path
) -> None:
    load(worker, "figure", weights)
    worker.close()
    assert "a framework that prints" in (tmp_path / "worker.log").read_text()


def test_user_overrides_win_over_the_card(worker: WorkerClient, weights: Path) -> None:
    overrides = {"preprocess": {"input_height": 96}}
    loaded = load(worker, "figure", weights, overrides=overrides)
    assert loaded["protocol"]["preprocess"]["input_height"] == 96
    assert loaded["protocol"]["preprocess"]["input_width"] == 64


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [
        ("raise", "error", "RuntimeError: the box of matches is empty"),
        ("extra", "missing-extra", "matches are not installed"),
    ],
)
def test_an_error_while_loading_is_told_and_the_worker_lives(
    worker: WorkerClient, weights: Path, name: str, kind: str, text: str
) -> None:
    with pytest.raises(WorkerFailure) as caught:
        load(worker, name, weights)
    assert caught.value.failure.kind == kind
    assert text in caught.value.failure.message
    assert load(worker, "figure", weights)["num_keypoints"] == 17


def test_a_missing_extra_names_the_pip_command(worker: WorkerClient, weights: Path) -> None:
    with pytest.raises(WorkerFailure) as caught:
        load(worker, "extra", weights)
    assert "pip install 'posebench[matches]'" in caught.value.failure.remedy


def test_an_unknown_protocol_field_is_bad_input(worker: WorkerClient, weights: Path) -> None:
    with pytest.raises(WorkerFailure) as caught:
        load(worker, "figure", weights, overrides={"preprocess": {"hight": 1}})
    assert caught.value.failure.kind == "bad-input"


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [("crash", "crash", "SIGSEGV"), ("hungry", "out-of-memory", "MemoryError")],
)
def test_a_model_that_dies_says_how(
    worker: WorkerClient,
    weights: Path,
    pictures: list[Path],
    tmp_path: Path,
    name: str,
    kind: str,
    text: str,
) -> None:
    load(worker, name, weights)
    with pytest.raises(WorkerFailure) as caught:
        predict(worker, pictures, tmp_path / "shard.npz")
    assert caught.value.failure.kind == kind
    assert text in caught.value.failure.message
    assert not (tmp_path / "shard.npz").exists()


def test_silence_ends_the_worker(
    worker: WorkerClient, weights: Path, pictures: list[Path], tmp_path: Path
) -> None:
    load(worker, "hang", weights)
    with pytest.raises(WorkerFailure, match="no sign of life for 2 s") as caught:
        predict(worker, pictures, tmp_path / "shard.npz", silence_s=2)
    assert caught.value.failure.kind == "timeout"
    with pytest.raises(WorkerFailure):
        predict(worker, pictures, tmp_path / "shard.npz")


def test_a_killed_worker_is_taken_for_want_of_memory(worker: WorkerClient, weights: Path) -> None:
    load(worker, "figure", weights)
    (child,) = psutil.Process(os.getpid()).children()
    child.send_signal(signal.SIGKILL)
    with pytest.raises(WorkerFailure) as caught:
        load(worker, "figure", weights)
    assert caught.value.failure.kind == "out-of-memory"


def test_an_unreadable_picture_counts_as_empty(
    worker: WorkerClient, weights: Path, pictures: list[Path], tmp_path: Path
) -> None:
    pictures[1].write_bytes(b"not a picture")
    load(worker, "figure", weights)
    answer, done = predict(worker, pictures, tmp_path / "shard-00000.npz")
    assert done == 3
    assert list(answer["undecodable"]) == ["1"]
    np.testing.assert_array_equal(read_shard(tmp_path / "shard-00000.npz").offsets, [0, 1, 1, 2])


def test_an_interpreter_without_posebench_is_a_crash_with_its_log(tmp_path: Path) -> None:
    client = WorkerClient(
        tmp_path / "log", interpreter=Path(sys.executable), environment={"PYTHONHOME": "/nowhere"}
    )
    with pytest.raises(WorkerFailure) as caught:
        client.ask({"op": "close"}, silence_s=60)
    assert caught.value.failure.kind == "crash"
    assert caught.value.failure.detail
    client.kill()
