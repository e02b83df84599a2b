"""Whole runs, in real workers, on a dataset made for the plug-in's models."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from latency.timed_models import FakeClock
from stickworld import StickWorld, make_stickworld

from posebench.config import RunConfig
from posebench.latency.rounds import turns
from posebench.machine.gpu import GpuState
from posebench.machine.watch import MachineWatch
from posebench.planning import plan
from posebench.record import Record
from posebench.runner import run
from posebench.store import claimed, files_are_whole, latency_name, load_records, read_record

QUICK = {
    "processes": 1,
    "regimes": ["sustained"],
    "warmup": 1,
    "warmup_s": 0,
    "repeats": 0,
}


class Recorder:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.images = 0
        self.kept: list[bool] = []
        self.stages: list[str] = []
        self.turns = 0

    def started(self, label: str, images: int) -> None:
        self.stages = []

    def stage(self, label: str, stage: str) -> None:
        self.stages.append(stage)

    def advanced(self, images: int) -> None:
        self.images += images

    def timing(self, turns: int) -> None:
        self.turns = turns

    def timed(self) -> None:
        self.turns -= 1

    def finished(self, record: Record, *, kept: bool) -> None:
        self.kept.append(kept)


@pytest.fixture
def world(tmp_path: Path) -> StickWorld:
    return make_stickworld(tmp_path / "world")


def files(world: StickWorld) -> dict[str, Any]:
    return {"annotations": world.annotations, "images": world.images}


def benchmark(
    world: StickWorld,
    out: Path,
    *names: str,
    machine: MachineWatch | None = None,
    clock: FakeClock | None = None,
    **options: Any,
) -> tuple[list[Record], Recorder]:
    planned = plan(
        None,
        {
            "models": [f"{name}={world.weights}" for name in names],
            "dataset": files(world),
            "out": out,
            "latency": {**QUICK, "samples": 3},
            **options,
        },
        download=False,
    )
    observer = Recorder()
    found = run(
        planned.config, planned.models, planned.dataset, observer, machine=machine, clock=clock
    )
    return found, observer


def test_a_perfect_model_scores_one_in_every_task(world: StickWorld, tmp_path: Path) -> None:
    (record,), _ = benchmark(world, tmp_path / "runs", "stick-figure")
    assert record.status == "ok"
    assert record.figure("keypoints", "AP") == 1.0
    assert record.figure("bbox", "AP") == 1.0
    assert record.accuracy["keypoints"].per_keypoint["left_wrist"].count == 4
    assert record.runtime is not None and record.runtime.name == "native"
    assert record.measured is not None and record.measured.params == 1
    assert record.dataset is not None and record.dataset.people == 4
    assert record.model.training_data == (), "the user's own weights were trained on who knows what"


def test_the_record_is_on_disk_with_everything_it_names(world: StickWorld, tmp_path: Path) -> None:
    (record,), _ = benchmark(world, tmp_path / "runs", "stick-figure")
    (path,) = (tmp_path / "runs").rglob("record-*.json")
    assert read_record(path) == record
    assert record.latency_id is not None
    raw = latency_name(record.latency_id)
    assert {"matches.npz", raw, "predictions/shard-00000.npz"} <= set(record.files)
    assert files_are_whole(path.parent, record)
    with np.load(path.parent / raw) as samples:
        assert samples["sustained/end-to-end_ms"].shape == (1, 3)


def test_a_second_run_keeps_what_is_there(world: StickWorld, tmp_path: Path) -> None:
    first, _ = benchmark(world, tmp_path / "runs", "stick-figure")
    second, observer = benchmark(world, tmp_path / "runs", "stick-figure")
    assert observer.kept == [True]
    assert observer.stages == ["load"]
    assert second == first


def test_another_latency_protocol_measures_latency_only(world: StickWorld, tmp_path: Path) -> None:
    benchmark(world, tmp_path / "runs", "stick-figure")
    latency = {**QUICK, "samples": 5}
    (record,), observer = benchmark(world, tmp_path / "runs", "stick-figure", latency=latency)
    assert observer.stages == ["load", "latency"]
    assert record.latency[0].summary.n == 5
    assert record.figure("keypoints", "AP") == 1.0
    both = load_records([tmp_path / "runs"])
    assert {r.latency[0].summary.n for r in both} == {3, 5}, "the first one is still there"


def test_leaving_latency_out_later_loses_none(world: StickWorld, tmp_path: Path) -> None:
    off = {"enabled": False}
    benchmark(world, tmp_path / "runs", "stick-figure", latency=off)
    (timed,), observer = benchmark(world, tmp_path / "runs", "stick-figure")
    assert observer.stages == ["load", "latency"]
    (kept,), observer = benchmark(world, tmp_path / "runs", "stick-figure", latency=off)
    assert observer.kept == [True] and kept == timed
    assert load_records([tmp_path / "runs"]) == [timed]


TURNS = {**QUICK, "processes": 6, "regimes": ["paced", "sustained"], "samples": 2, "pause_ms": 5}
COOL = GpuState(1590, 5000, 50, 40.0, (), 0)


def test_models_take_turns_in_new_processes(world: StickWorld, tmp_path: Path) -> None:
    names = ("stick-figure", "stick-moody")
    records, observer = benchmark(world, tmp_path / "runs", *names, latency=TURNS)
    assert observer.turns == 0, "twelve were announced, and twelve came"
    orders = turns(2, 6, seed=0)
    for model, record in enumerate(records):
        (path,) = (tmp_path / "runs").rglob(f"{record.model.label.split('=')[0]}*/*/latency-*.npz")
        with np.load(path) as samples:
            for regime in ("paced", "sustained"):
                assert samples[f"{regime}/end-to-end_ms"].shape == (6, 2)
                np.testing.assert_array_equal(samples[f"{regime}/process"], range(6))
                places = [order.index(model) for order in orders]
                np.testing.assert_array_equal(samples[f"{regime}/position"], places)
        cell = record.cells("paced")[0]
        assert len(cell.process_p50_ms) == 6 and cell.summary.interval is not None


def test_a_hot_gpu_has_its_round_measured_again(world: StickWorld, tmp_path: Path) -> None:
    """The first reading of all is hot; afterwards the GPU is cool, and says what it did."""
    hot = replace(COOL, temperature_c=93, throttling=("hardware thermal limit",))
    script, clock = iter([hot]), FakeClock()
    machine = MachineWatch(lambda own: next(script, COOL), ("A note on the machine.",))
    latency = {**TURNS, "processes": 2, "repeats": 3, "cool_down_s": 7}
    names = ("stick-figure", "stick-moody")
    options: dict[str, Any] = {"machine": machine, "clock": clock, "latency": latency}
    records, _ = benchmark(world, tmp_path / "runs", *names, **options)
    first = records[turns(2, 2, seed=0)[0][0]]
    again = "1 disturbed round(s) were measured again and are not counted."
    busy = [note for note in first.latency_notes if again in note]
    assert busy and busy[0].startswith("Paced: "), first.latency_notes
    assert clock.slept and clock.slept[0] == 7
    for record in records:
        assert "A note on the machine." in record.latency_notes
        told = [note for note in record.latency_notes if "The GPU ran at 1590 to 1590 MHz" in note]
        assert len(told) == 2, "in each regime"
        assert not any("93 C" in note for note in told), "that round is not counted"
        assert record.span("end-to-end", "paced").n == 4  # type: ignore[union-attr]


def test_a_run_that_has_to_wait_leaves_the_folder_alone(world: StickWorld, tmp_path: Path) -> None:
    (good,), _ = benchmark(world, tmp_path / "runs", "stick-figure")
    assert good.accuracy_id is not None
    (path,) = (tmp_path / "runs").rglob("record-*.json")
    with claimed(path.parent):
        (refused,), _ = benchmark(world, tmp_path / "runs", "stick-figure")
    assert refused.failure is not None and "another run is at work" in refused.failure.message
    assert load_records([tmp_path / "runs"]) == [good]


def test_accuracy_survives_a_failure_while_it_is_timed(world: StickWorld, tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "dataset": {**files(world), "limit": 1},
        "limits": {"silence_s": 8.0},
    }
    (failed,), _ = benchmark(world, tmp_path / "runs", "stick-hang", **options)
    assert failed.failure is not None and failed.failure.kind == "timeout"
    (kept,) = load_records([tmp_path / "runs"])
    assert kept.status == "ok" and kept.latency == ()
    assert kept.accuracy == failed.accuracy


def test_other_weights_are_another_run(world: StickWorld, tmp_path: Path) -> None:
    benchmark(world, tmp_path / "runs", "stick-figure")
    world.weights.write_text("0.5")
    (record,), observer = benchmark(world, tmp_path / "runs", "stick-figure")
    assert "predict" in observer.stages
    assert (record.figure("keypoints", "AP") or 0) < 1
    assert len(load_records([tmp_path / "runs"])) == 2


def test_a_replaced_picture_is_another_run(world: StickWorld, tmp_path: Path) -> None:
    (first,), _ = benchmark(world, tmp_path / "runs", "stick-figure")
    picture = world.images / "003.png"
    picture.write_bytes(picture.read_bytes() + b"\0")
    (second,), observer = benchmark(world, tmp_path / "runs", "stick-figure")
    assert "predict" in observer.stages
    assert first.accuracy_id != second.accuracy_id


def test_a_damaged_shard_is_predicted_again(world: StickWorld, tmp_path: Path) -> None:
    benchmark(world, tmp_path / "runs", "stick-figure")
    (shard,) = (tmp_path / "runs").rglob("shard-00000.npz")
    shard.write_bytes(b"damaged")
    (record,), observer = benchmark(world, tmp_path / "runs", "stick-figure")
    assert "predict" in observer.stages
    assert record.figure("keypoints", "AP") == 1.0


def test_what_goes_wrong_with_one_model_leaves_the_others_alone(
    world: StickWorld, tmp_path: Path
) -> None:
    names = ["stick-crash", "stick-hang", "stick-extra", "stick-hungry", "stick-figure"]
    limits = {"silence_s": 8.0}
    records, _ = benchmark(world, tmp_path / "runs", *names, limits=limits)
    outcome = [(r.status, r.failure.kind if r.failure else None) for r in records]
    assert outcome == [
        ("error", "crash"),
        ("error", "timeout"),
        ("skipped", "missing-extra"),
        ("error", "out-of-memory"),
        ("ok", None),
    ]
    assert len(load_records([tmp_path / "runs"])) == 5


def test_a_run_that_later_succeeds_leaves_no_trace_of_the_failure(
    world: StickWorld, tmp_path: Path
) -> None:
    world.weights.write_text("not a number")
    (failed,), _ = benchmark(world, tmp_path / "runs", "stick-figure")
    assert failed.status == "error"
    world.weights.write_text("0.8")
    benchmark(world, tmp_path / "runs", "stick-figure")
    assert [r.status for r in load_records([tmp_path / "runs"])] == ["ok"]


def test_an_unreadable_picture_is_listed_and_scored_as_empty(
    world: StickWorld, tmp_path: Path
) -> None:
    (world.images / "002.png").write_bytes(b"not a picture")
    limits = {"undecodable_share": 0.5}
    (record,), _ = benchmark(world, tmp_path / "runs", "stick-figure", limits=limits)
    assert record.status == "ok"
    assert record.dataset is not None
    assert record.dataset.undecodable == ("002.png (id 2)",)
    assert record.figure("keypoints", "AR") == 0.75


def test_a_repaired_picture_is_read_again(world: StickWorld, tmp_path: Path) -> None:
    """Even if the file has the same size as before."""
    picture = world.images / "002.png"
    good = picture.read_bytes()
    picture.write_bytes(bytes(len(good)))
    limits = {"undecodable_share": 0.5}
    benchmark(world, tmp_path / "runs", "stick-figure", limits=limits)
    picture.write_bytes(good)
    (record,), _ = benchmark(world, tmp_path / "runs", "stick-figure", limits=limits)
    assert record.figure("keypoints", "AP") == 1.0
    assert record.dataset is not None and record.dataset.undecodable == ()
    assert load_records([tmp_path / "runs"]) == [record]


def test_pictures_of_one_name_are_counted_one_by_one(world: StickWorld, tmp_path: Path) -> None:
    document = json.loads(world.annotations.read_text())
    for image in document["images"]:
        image["file_name"] = f"{image['id']}/frame.png"
    world.annotations.write_text(json.dumps(document))
    (record,), _ = benchmark(world, tmp_path / "runs", "stick-figure")
    assert record.failure is not None
    assert "4 pictures (100.0%) cannot be read" in record.failure.message


def test_a_damaged_seal_costs_its_shard_only(world: StickWorld, tmp_path: Path) -> None:
    benchmark(world, tmp_path / "runs", "stick-figure")
    (seal,) = (tmp_path / "runs").rglob("shard-00000.json")
    seal.write_text("garbage")
    (record,), observer = benchmark(world, tmp_path / "runs", "stick-figure")
    assert "predict" in observer.stages
    assert record.figure("keypoints", "AP") == 1.0


def test_a_newer_record_in_the_way_stops_its_own_model_only(
    world: StickWorld, tmp_path: Path
) -> None:
    benchmark(world, tmp_path / "runs", "stick-figure")
    (path,) = (tmp_path / "runs").rglob("record-*.json")
    newer = path.read_text().replace('"schema_version": 2', '"schema_version": 99')
    path.write_text(newer)
    records, _ = benchmark(world, tmp_path / "runs", "stick-figure", "stick-slow")
    assert [r.status for r in records] == ["error", "ok"]
    assert path.read_text() == newer


def test_a_system_error_stops_its_own_model_only(world: StickWorld, tmp_path: Path) -> None:
    options: dict[str, Any] = {"interpreter": tmp_path / "no-python"}
    records, _ = benchmark(world, tmp_path / "runs", "stick-figure", "stick-slow", **options)
    assert [r.failure.kind if r.failure else None for r in records] == ["error", "error"]
    assert records[0].failure is not None and "no-python" in records[0].failure.message


def test_too_many_unreadable_pictures_fail_the_run(world: StickWorld, tmp_path: Path) -> None:
    (world.images / "002.png").write_bytes(b"not a picture")
    (record,), _ = benchmark(world, tmp_path / "runs", "stick-figure")
    assert record.failure is not None
    assert record.failure.kind == "undecodable-images"
    assert "002.png" in record.failure.message


def test_a_runtime_that_the_model_does_not_use_is_refused(
    world: StickWorld, tmp_path: Path
) -> None:
    (record,), _ = benchmark(world, tmp_path / "runs", "stick-figure", runtime="openvino")
    assert record.failure is not None
    assert "--runtime native" in record.failure.remedy


def test_a_native_model_on_a_gpu_is_refused(world: StickWorld, tmp_path: Path) -> None:
    (record,), _ = benchmark(world, tmp_path / "runs", "stick-figure", device="cuda")
    assert record.failure is not None
    assert "--device cpu" in record.failure.remedy


def test_a_dataset_of_another_skeleton_is_refused(world: StickWorld, tmp_path: Path) -> None:
    document = json.loads(world.annotations.read_text())
    document["categories"][0]["keypoints"] = ["head", "tail"]
    for annotation in document["annotations"]:
        annotation["keypoints"] = annotation["keypoints"][:6]
        annotation["num_keypoints"] = 2
    world.annotations.write_text(json.dumps(document))
    protocol = {"evaluation": {"sigmas": [0.1, 0.1]}}
    (record,), _ = benchmark(world, tmp_path / "runs", "stick-figure", protocol=protocol)
    assert record.failure is not None
    assert "17 keypoints" in record.failure.message and "has 2" in record.failure.message


def test_a_failure_does_not_replace_a_good_record(world: StickWorld, tmp_path: Path) -> None:
    """The model that hangs does so while it is timed: the second picture it ever sees."""
    options: dict[str, Any] = {
        "dataset": {**files(world), "limit": 1},
        "limits": {"silence_s": 8.0},
    }
    off = {"enabled": False}
    (good,), _ = benchmark(world, tmp_path / "runs", "stick-hang", latency=off, **options)
    assert good.status == "ok"
    (failed,), _ = benchmark(world, tmp_path / "runs", "stick-hang", **options)
    assert failed.failure is not None and failed.failure.kind == "timeout"
    assert failed.figure("keypoints", "AP") == good.figure("keypoints", "AP"), (
        "what was finished is told all the same"
    )
    assert load_records([tmp_path / "runs"]) == [good]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_its_run(tmp_path: Path, how: signal.Signals) -> None:
    world = make_stickworld(tmp_path / "world", pictures=300)
    command = [
        *(sys.executable, "-m", "posebench", "run", *world.options),
        *("--models", f"stick-slow={world.weights}", "--no-latency", "--out", "runs"),
    ]
    parent = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (workers := psutil.Process(parent.pid).children()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(1.5)
    parent.send_signal(how)
    parent.wait(timeout=30)
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert not alive


def test_latency_can_be_left_out(world: StickWorld, tmp_path: Path) -> None:
    (record,), _ = benchmark(world, tmp_path / "runs", "stick-figure", latency={"enabled": False})
    assert record.status == "ok"
    assert record.latency == () and record.latency_id is None


def test_an_interrupted_run_is_taken_up_again(tmp_path: Path) -> None:
    """A real Ctrl-C between two shards; the second run predicts only what is missing."""
    world = make_stickworld(tmp_path / "world", pictures=300)
    command = [
        *(sys.executable, "-m", "posebench", "run", *world.options),
        *("--models", f"stick-slow={world.weights}", "--no-latency", "--out", "runs"),
    ]
    first = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "runs").rglob("shard-00000.json")):
        assert time.monotonic() < deadline and first.poll() is None
        time.sleep(0.02)
    first.send_signal(signal.SIGINT)
    _, said = first.communicate(timeout=60)
    assert first.returncode == 130
    assert "takes up where it stopped" in said
    assert not list((tmp_path / "runs").rglob("record*.json"))
    (shard,) = (tmp_path / "runs").rglob("shard-00000.npz")
    stamp = shard.stat().st_mtime_ns
    second = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert second.returncode == 0, second.stderr
    assert shard.stat().st_mtime_ns == stamp
    (record,) = load_records([tmp_path / "runs"])
    assert record.figure("keypoints", "AP") == 1.0


def test_a_run_config_fills_from_toml(world: StickWorld, tmp_path: Path) -> None:
    toml = tmp_path / "run.toml"
    toml.write_text(
        f'models = ["stick-figure={world.weights}"]\nthreads = 2\n'
        f'[dataset]\nname = "sticks"\nannotations = "{world.annotations}"\n'
        f'images = "{world.images}"\n[latency]\nsamples = 7\n'
        "[protocol.postprocess]\nnms_threshold = 0.5\n"
    )
    planned = plan(toml, {"threads": 1, "dataset": {"limit": 2}}, download=False)
    assert planned.config == RunConfig.model_validate(
        {
            "models": [f"stick-figure={world.weights}"],
            "threads": 1,
            "dataset": {
                "name": "sticks",
                "annotations": world.annotations,
                "images": world.images,
                "limit": 2,
            },
            "latency": {"samples": 7},
            "protocol": {"postprocess": {"nms_threshold": 0.5}},
        }
    )
    assert planned.dataset.name == "sticks"
    assert len(planned.dataset.image_ids) == 2
