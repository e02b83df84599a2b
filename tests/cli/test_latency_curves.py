"""``posebench latency --curve``, with real processes."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from commands import posebench
from stickworld import StickWorld, make_stickworld
from support import require

from posebench.cli.latency_curve import _draw
from posebench.latency.curve_document import LatencyCurves
from posebench.report import curve_plot

FEW = ("--rounds", "2", "--runs", "2")


@pytest.fixture
def world(tmp_path: Path) -> StickWorld:
    return make_stickworld(tmp_path / "world")


@pytest.fixture
def quick(tmp_path: Path) -> tuple[str, str]:
    """A machine that runs tests is never quiet, and these models need no warm-up."""
    path = tmp_path / "quick.toml"
    path.write_text("[latency]\nwarmup = 1\nrepeats = 0\n")
    return ("--config", str(path))


def document(done: Any) -> LatencyCurves:
    assert done.returncode == 0, done.stderr
    return LatencyCurves.model_validate_json(done.stdout)


def written(folder: Path, suffix: str) -> Path:
    (path,) = (folder / "runs" / "latency-curves").glob(f"*.{suffix}")
    return path


def test_batches_of_models_that_run_natively(
    world: StickWorld, quick: tuple[str, str], tmp_path: Path
) -> None:
    """One of them sleeps for 20 ms a picture."""
    models = ",".join(f"stick-{name}={world.weights}" for name in ("figure", "slow"))
    done = posebench(
        *("latency", "--curve", "batch", "--points", "1,3", "--models", models),
        *(*world.options, *FEW, *quick, "--format", "json"),
        cwd=tmp_path,
    )
    found = document(done)
    assert found.latency_protocol.repeats == 0, "the configuration's"
    assert [[point.x for point in curve.points] for curve in found.curves] == [[1, 3]] * 2
    one, three = found.curves[1].points
    assert one.summary.p50_ms >= 20 and three.summary.p50_ms >= 60
    assert three.pictures_per_s == pytest.approx(3000 / three.summary.p50_ms)
    assert one.summary.n == 4 and one.summary.interval is None
    assert any("too few for intervals" in note for note in found.notes)
    arrays = np.load(written(tmp_path, "npz"))
    assert arrays["2-stick-slow-weights.txt/3/sustained/end-to-end_ms"].shape == (2, 2)
    with written(tmp_path, "csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["x"] for row in rows] == ["1", "3"] * 2
    assert float(rows[3]["p50_ms"]) == three.summary.p50_ms
    assert LatencyCurves.model_validate_json(written(tmp_path, "json").read_text()) == found


def test_a_curve_is_drawn(world: StickWorld, quick: tuple[str, str], tmp_path: Path) -> None:
    require("matplotlib")
    done = posebench(
        *("latency", "--curve", "batch", "--points", "1,2", *FEW, *quick),
        *("--models", f"stick-figure={world.weights}", *world.options),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "| batch | stick-figure=weights.txt p50 (ms) | pictures/s |" in done.stdout
    picture = cv2.imread(str(written(tmp_path, "png")))
    assert picture is not None and (picture < 128).any(axis=2).sum() > 1000, "there is ink"


def test_threads_are_those_of_the_runtime(
    world: StickWorld, quick: tuple[str, str], tmp_path: Path
) -> None:
    done = posebench(
        *("latency", "--curve", "threads", *FEW, *quick, "--format", "json"),
        *("--models", f"stick-figure={world.weights}", *world.options),
        cwd=tmp_path,
    )
    (curve,) = document(done).curves
    places = [point.x for point in curve.points]
    assert places[0] == 1 and places[-1] == len(os.sched_getaffinity(0))
    assert curve.side.runtime.threads == 1


@pytest.mark.framework
def test_people_are_counted_in_the_picture_and_by_the_detector(tmp_path: Path) -> None:
    """Annotated boxes are as many as people; the one-stage model has none."""
    require("onnxruntime")
    quick = tmp_path / "quick.toml"
    quick.write_text("[latency]\nwarmup = 1\nrepeats = 0\n")
    done = posebench(
        *("latency", "--curve", "people", "--points", "0,2", "--rounds", "6", "--runs", "1"),
        *("--models", "rfdetr-pose-demo,hrnet-demo", "--boxes", "ground-truth"),
        *("--config", quick, "--format", "json"),
        cwd=tmp_path,
    )
    found = document(done)
    one_stage, top_down = found.curves
    assert [point.boxes for point in one_stage.points] == [None, None]
    assert [point.boxes for point in top_down.points] == [0, 2]
    assert top_down.detector == "annotations"
    nobody, two = top_down.points
    assert nobody.summary.p50_ms < two.summary.p50_ms
    interval = two.summary.interval
    assert interval is not None and interval.processes == 6
    (crossing,) = found.pairs[0].crossings  # without people nothing is computed at all
    assert crossing.slower == "hrnet-demo" and 0 < crossing.at < 2


@pytest.mark.framework
def test_a_network_that_takes_one_picture_has_one_point(
    world: StickWorld, quick: tuple[str, str], tmp_path: Path
) -> None:
    require("onnxruntime")
    done = posebench(
        *("latency", "--curve", "batch", "--points", "1,2,4", *FEW, *quick, *world.options),
        *("--models", "rfdetr-pose-demo", "--format", "json"),
        cwd=tmp_path,
    )
    found = document(done)
    assert [point.x for point in found.curves[0].points] == [1]
    assert any("one picture a run" in note for note in found.notes)


def test_a_model_that_fails_is_named_and_the_others_are_written(
    world: StickWorld, quick: tuple[str, str], tmp_path: Path
) -> None:
    models = ",".join(f"stick-{name}={world.weights}" for name in ("figure", "crash"))
    done = posebench(
        *("latency", "--curve", "batch", "--points", "1", *FEW, *quick),
        *("--models", models, *world.options),
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert "stick-crash=weights.txt: the worker died (SIGSEGV)" in done.stderr
    assert "Traceback" not in done.stderr
    found = LatencyCurves.model_validate_json(written(tmp_path, "json").read_text())
    (curve,) = found.curves
    assert curve.side.label == "stick-figure=weights.txt"
    assert [(point.x, point.summary.n) for point in curve.points] == [(1, 4)]
    assert any("stick-crash=weights.txt: failed: the worker died" in n for n in found.notes)


def test_where_every_model_fails_nothing_is_written(
    world: StickWorld, quick: tuple[str, str], tmp_path: Path
) -> None:
    done = posebench(
        *("latency", "--curve", "batch", "--points", "1", *FEW, *quick),
        *("--models", f"stick-crash={world.weights}", *world.options),
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert "stick-crash=weights.txt: the worker died (SIGSEGV)" in done.stderr
    assert not (tmp_path / "runs" / "latency-curves").exists()


def test_a_picture_that_cannot_be_drawn_masks_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def refused(document: object) -> None:
        raise ValueError("Data cannot be log-scaled")

    document: Any = None  # which is not looked at before that
    monkeypatch.setattr(curve_plot, "latency_curves", refused)
    _draw(document, tmp_path / "curve.json")
    assert "not drawn: Data cannot be log-scaled" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "either --ab or --curve"),
        (["--ab", "a", "b", "--curve", "batch"], "either --ab or --curve"),
        (["--ab", "a", "b", "--points", "1"], "--points says nothing beside --ab"),
        (["--curve", "batch", "--python-b", "python"], "--python-b says nothing beside --curve"),
        (["--curve", "people", "--dataset", "coco-val2017"], "renders pictures"),
        (["--curve", "people", "--points", "0,31"], "31 people cannot be shown"),
        (["--curve", "batch", "--points", "0,1"], "batch begins with 1"),
        (["--curve", "batch", "--points", "1-4"], "not whole numbers"),
        (["--curve", "threads", "--threads", "2"], "takes every number of threads"),
        (["--curve", "threads", "--device", "cuda"], "a GPU's threads are its own"),
    ],
)
def test_bad_input_ends_with_2_and_says_why(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = posebench("latency", *arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
