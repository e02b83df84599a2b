"""The command as a user types it, as a process of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import posebench, quick_latency
from stickworld import StickWorld, as_yolo, make_stickworld

from posebench.record import parse_record


@pytest.fixture
def world(tmp_path: Path) -> StickWorld:
    return make_stickworld(tmp_path / "world")


def test_standard_output_is_an_array_of_records(world: StickWorld, tmp_path: Path) -> None:
    done = posebench(
        *("run", "--models", f"stick-figure={world.weights}", *world.options),
        *("--no-latency", "--format", "json"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    (document,) = json.loads(done.stdout)
    assert parse_record(document, source="stdout").figure("keypoints", "AP") == 1.0
    assert "model    stick-figure=weights.txt" in done.stderr
    assert "ok stick-figure=weights.txt: AP 1.0000" in done.stderr


@pytest.mark.parametrize("form", ["table", "md"])
def test_the_table_goes_to_standard_output(world: StickWorld, tmp_path: Path, form: str) -> None:
    models = f"stick-figure={world.weights},stick-raise={world.weights}"
    done = posebench(
        *("run", "--models", models, *world.options, "--no-latency", "--format", form),
        cwd=tmp_path,
    )
    assert done.returncode == 3, "a model that was asked for by name failed"
    assert "stick-figure" in done.stdout and "100.0" in done.stdout
    assert "box of matches is empty" in " ".join(done.stdout.split())


def test_a_yolo_folder_is_a_dataset_too(world: StickWorld, tmp_path: Path) -> None:
    done = posebench(
        *("run", "--models", f"stick-figure={world.weights}", "--dataset", as_yolo(world)),
        *("--no-latency", "--format", "json"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    (document,) = json.loads(done.stdout)
    record = parse_record(document, source="stdout")
    assert record.figure("keypoints", "AP") == 1.0
    assert record.dataset is not None and record.dataset.area == "0.53 x box"


def test_an_encoding_without_a_dash_loses_no_result(
    world: StickWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    model = f"stick-figure={world.weights}"
    done = posebench("run", "--models", model, *world.options, "--no-latency", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "100.0" in done.stdout


def test_an_option_names_another_dataset_than_the_file(world: StickWorld, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(
        f'[dataset]\nannotations = "{world.annotations}"\nimages = "{world.images}"\n'
    )
    options = ("--config", "run.toml", "--dataset", as_yolo(world), "--models", "stick-figure")
    done = posebench("run", *options, "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "areas are 0.53 x box" in done.stderr


def test_files_of_one_name_are_rows_of_their_own(world: StickWorld, tmp_path: Path) -> None:
    other = tmp_path / "other" / world.weights.name
    other.parent.mkdir()
    other.write_text("0.5")
    models = f"stick-figure={world.weights},stick-figure={other}"
    done = posebench(
        *("run", "--models", models, *world.options, "--no-latency", "--format", "json"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    labels = {record["model"]["label"] for record in json.loads(done.stdout)}
    assert len(labels) == 2 and all("weights.txt (" in label for label in labels)


def test_a_dry_run_prints_the_plan_and_leaves_no_trace(world: StickWorld, tmp_path: Path) -> None:
    done = posebench("run", "--models", "stick-*", *world.options, "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "to be fetched from" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_glob_may_skip_a_model_without_failing_the_run(world: StickWorld, tmp_path: Path) -> None:
    """Their published weights cannot be fetched: nobody listens on that port."""
    done = posebench("run", "--models", "stick-f*", *world.options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "skipped stick-figure: cannot fetch https://127.0.0.1:9" in done.stderr
    named = posebench("run", "--models", "stick-figure", *world.options, cwd=tmp_path)
    assert named.returncode == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--models", "stick-figur"], "Did you mean stick-figure"),
        (["--models", "stick-figure", "--runtime", "tensorflow"], "runtime"),
        (["--models", "stick-figure", "--device", "gpu"], "device"),
        (["--models", "stick-figure", "--precision", "fp8"], "precision"),
        (["--models", "stick-figure", "--trust-checkpoint", "sha256:abc"], "trust_checkpoints"),
        (["--models", "stick-figure="], "no path to the weights"),
        (["--models", "stick-figure", "--config", "none.toml"], "none.toml: cannot be read"),
        (["--models", "stick-figure", "--sigmas", "a,b"], "--sigmas"),
        (["--models", "stick-figure", "--sigmas", "0.1,0.2"], "sigmas"),
    ],
)
def test_bad_input_ends_with_2_and_says_why(
    world: StickWorld, tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = posebench("run", *arguments, *world.options, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_coco_is_not_fetched_unasked(tmp_path: Path) -> None:
    models = ("--models", "rfdetr-pose-m,yolov8m-pose")
    done = posebench("run", *models, "--dataset", "coco-val2017", cwd=tmp_path)
    assert done.returncode == 2
    assert "coco-val2017" in done.stderr and "--download" in done.stderr


def test_without_a_dataset_people_are_rendered_but_not_for_a_dry_run(
    world: StickWorld, tmp_path: Path, own_cache: Path
) -> None:
    command = ("run", "--models", f"stick-figure={world.weights}", "--limit", "2")
    planned = posebench(*command, "--dry-run", cwd=tmp_path)
    assert planned.returncode == 0, planned.stderr
    assert "dataset  synthetic: 2 pictures, coco17" in planned.stderr
    assert not own_cache.exists()
    done = posebench(*command, "--no-latency", "--format", "json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (document,) = json.loads(done.stdout)
    record = parse_record(document, source="stdout")
    assert record.dataset is not None
    assert (record.dataset.name, record.dataset.images) == ("synthetic", 2)
    assert len(list(own_cache.glob("datasets/synthetic/*/images/*.jpg"))) == 2


def test_a_cache_that_cannot_be_written_names_the_remedy(
    world: StickWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("POSEBENCH_CACHE", str(tmp_path / "file"))
    model = f"stick-figure={world.weights}"
    done = posebench("run", "--models", model, "--dataset", "synthetic-easy:10", cwd=tmp_path)
    assert done.returncode == 2
    assert "Not a directory" in done.stderr and "POSEBENCH_CACHE" in done.stderr
    assert "Traceback" not in done.stderr


def test_models_that_cannot_be_had_are_rows_with_a_reason(
    world: StickWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server of both is down."""
    monkeypatch.setenv("POSEBENCH_MIRROR", "http://127.0.0.1:9")
    models = ("--models", "rfdetr-pose-m,yolov8m-pose", "--format", "json")
    done = posebench("run", *models, *world.options, cwd=tmp_path)
    assert done.returncode == 3
    first, second = json.loads(done.stdout)
    assert first["failure"]["kind"] == second["failure"]["kind"] == "no-weights"
    for document in (first, second):
        assert "cannot fetch http://127.0.0.1:9" in document["failure"]["message"]
    assert "yolov8m-pose" in second["failure"]["remedy"]


def test_publish_and_report_take_up_what_run_left(world: StickWorld, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("pandas")
    quick = tmp_path / "quick.toml"
    quick.write_text(quick_latency(3))
    model = f"stick-figure={world.weights}"
    run = posebench("run", "--config", quick, "--models", model, *world.options, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    published = posebench("publish", "runs", cwd=tmp_path)
    assert published.returncode == 0, published.stderr
    assert Path(tmp_path, published.stdout.strip()).is_file()
    report = posebench("report", cwd=tmp_path)
    assert report.returncode == 0, report.stderr
    assert any(line.endswith(".md") for line in report.stdout.split())
    assert posebench("report", "--check", cwd=tmp_path).returncode == 0
