"""``posebench sigmas`` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from commands import posebench
from sigmas.annotators import NAMES, SIGMAS, document, flock, scattered, write
from typer.testing import CliRunner, Result

from posebench.cli.options import parse_sigmas
from posebench.cli.sigmas import sigmas
from posebench.config import RunConfig, read_toml, resolve_protocol
from posebench.errors import InputError

app = typer.Typer()
app.command()(sigmas)


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Two annotators of the same birds, and the options that name them."""
    rng = np.random.default_rng(0)
    birds = flock(rng, 60)
    options = []
    for name in "ab":
        path = write(document(birds, scattered(birds, rng)), tmp_path / f"{name}.json")
        options += ["--annotations", str(path)]
    return options


@pytest.fixture
def model(tmp_path: Path) -> list[str]:
    """Labels of birds and a model's predictions, and the options that name them."""
    rng = np.random.default_rng(0)
    birds = flock(rng, 60)
    path = write(document(birds, birds.points), tmp_path / "val.json")
    placed = scattered(birds, rng, SIGMAS / 2)
    results = [
        {
            "image_id": 10 + int(birds.image_index[n]),
            "category_id": 1,
            "keypoints": np.column_stack([placed[n], np.ones(4)]).ravel().tolist(),
            "score": 0.5,
        }
        for n in range(60)
    ]
    predictions = tmp_path / "results.json"
    predictions.write_text(json.dumps(results))
    return ["--annotations", str(path), "--predictions", str(predictions)]


def run(*options: str) -> Result:
    return CliRunner().invoke(app, list(options), catch_exceptions=False)


def as_json(*options: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*options, "--format", "json").stdout)
    return found


def test_json_of_annotators(files: list[str]) -> None:
    found = as_json(*files)
    assert (found["source"], found["estimator"]) == ("annotators", "mean")
    assert (found["annotators"], found["pictures"], found["people"]) == (2, 15, 60)
    assert list(found["keypoints"]) == list(NAMES)
    nose = found["keypoints"]["nose"]
    assert nose["low"] < nose["sigma"] < nose["high"]
    assert nose["sigma"] == nose["mean"] != nose["median"]
    assert (nose["count"], nose["coco"], nose["reason"]) == (60, 0.26 / 10, None)
    assert found["keypoints"]["tail"]["coco"] is None
    assert found["interval"]["resampled"] == "images"


def test_robust_takes_the_median(files: list[str]) -> None:
    found = as_json(*files, "--robust")
    tail = found["keypoints"]["tail"]
    assert found["estimator"] == "median" and tail["sigma"] == tail["median"]
    titles = run(*files, "--robust").stdout.splitlines()[0]
    assert titles.split("  ")[-1].strip() == "by the mean"


def test_table_and_markdown(files: list[str]) -> None:
    nose = as_json(*files)["keypoints"]["nose"]
    lines = run(*files).stdout.splitlines()
    shown = [f"{nose[f]:#.3g}" for f in ("sigma", "low", "high", "median")]
    assert lines[1].split() == [
        "nose", shown[0], shown[1], "to", shown[2], "60", "0.026", shown[3]
    ]  # fmt: skip
    markdown = run(*files, "--format", "md").stdout
    assert "| keypoint | sigma | 95 % interval | deviations | COCO | by the median |" in markdown
    assert (
        lines[-2] == "mean square of the differences between 2 annotators: 60 people on 15 pictures"
    )


def test_the_list_and_the_snippet_can_be_used(files: list[str], tmp_path: Path) -> None:
    known = [row["sigma"] for row in as_json(*files)["keypoints"].values()]
    listed = run(*files).stdout.splitlines()[-1].removeprefix("--sigmas ")
    assert parse_sigmas(listed) == pytest.approx(known, rel=0.01)
    out = tmp_path / "new" / "run.toml"
    assert run(*files, "--format", "toml", "--out", str(out)).stdout.strip() == str(out)
    protocol = resolve_protocol(RunConfig.model_validate(read_toml(out)).protocol)
    assert protocol.evaluation.sigmas == parse_sigmas(listed)
    assert f"# --sigmas {listed}\n" in out.read_text()


def test_without_a_sigma_there_is_no_list_and_no_snippet(files: list[str]) -> None:
    path = Path(files[1])
    content = json.loads(path.read_text())
    for entry in content["annotations"]:
        entry["keypoints"][-3:] = [0, 0, 0]
    write(content, path)
    lines = run(*files).stdout.splitlines()
    assert lines[-1] == "tail: 0 deviations, 30 are needed"
    assert lines[4].split() == ["tail", "-", "-", "0", "-"]
    with pytest.raises(InputError, match="--format toml: no sigma for tail"):
        run(*files, "--format", "toml")


def test_a_model_without_known_sigmas(model: list[str]) -> None:
    found = as_json(*model)
    assert (found["source"], found["estimator"], found["check"]) == ("model", "median", None)
    assert (found["people"], found["found"]) == (60, 60)
    assert found["calibration"] is None
    assert "with --sigmas they are checked" in found["notes"][-1]
    notes = run(*model).stderr
    assert "note: the error of the model is in these sigmas too" in notes


def test_a_model_is_calibrated_by_anchors(model: list[str]) -> None:
    plain, found = as_json(*model), as_json(*model, "--anchor", "nose=.03", "--anchor", "tail=.15")
    ratios = found["calibration"]["ratios"]
    assert list(ratios) == ["nose", "tail"]
    assert ratios["nose"] == pytest.approx(0.03 / plain["keypoints"]["nose"]["sigma"])
    factor = found["calibration"]["factor"]
    assert factor == pytest.approx((ratios["nose"] + ratios["tail"]) / 2)
    wing = found["keypoints"]["left_wing"]["sigma"]
    assert wing == pytest.approx(factor * plain["keypoints"]["left_wing"]["sigma"])
    assert (
        f"times {factor:.3g} from 2 anchors"
        in run(*model, "--anchor", "nose=.03", "--anchor", "tail=.15").stdout
    )


def test_anchors_need_residuals(model: list[str]) -> None:
    path = Path(model[1])
    content = json.loads(path.read_text())
    for entry in content["annotations"]:
        entry["keypoints"][:3] = [0, 0, 0]
    write(content, path)
    with pytest.raises(InputError, match="--anchor: nose: too few residuals"):
        run(*model, "--anchor", "coco")


def test_sigmas_in_use_are_checked(model: list[str]) -> None:
    used = ",".join(str(sigma * 4) for sigma in SIGMAS)
    found = as_json(*model, "--sigmas", used)
    assert list(found["check"]["scales"]) == ["0.5", "1", "2"]
    assert found["check"]["scales"]["1"]["AP95"] > 0.9
    assert found["check"]["keypoints"]["nose"]["above_95"] > 0.9
    assert found["notes"][-1].startswith("saturated: ")
    text = run(*model, "--sigmas", used)
    assert "note: saturated: " in text.stderr
    assert text.stdout.splitlines()[0].endswith("COCO  in use  KS > .95  KS < .05")
    assert "sigmas in use x      AP    AP50    AP75    AP95" in text.stdout
    right = as_json(*model, "--sigmas", ",".join(str(sigma / 2) for sigma in SIGMAS))
    assert right["notes"] == found["notes"][:-1]


@pytest.mark.data
def test_real_predictions_of_a_known_skeleton(coco_mini: Path) -> None:
    predictions = coco_mini / "yolov8n-pose.predictions.json"
    options = ["--annotations", str(coco_mini / "person_keypoints.json")]
    found = as_json(*options, "--predictions", str(predictions), "--anchor", "coco")
    assert found["check"]["scales"]["1"]["AP"] == pytest.approx(0.456967, abs=1e-6)
    assert len(found["calibration"]["ratios"]) == 17
    assert not any("saturated" in n or "too strict" in n for n in found["notes"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["a"], "one file does not say how annotators differ"),
        (["a", "b", "--predictions", "x.json"], "with one annotation file only"),
        (["a", "b", "--sigmas", ".1"], "only with --predictions"),
        (["a", "b", "--anchor", "coco"], "only with --predictions"),
        (["a", "--predictions", "x.json", "--robust"], "only between annotators"),
    ],
)
def test_options_that_do_not_fit(options: list[str], message: str) -> None:
    words = [w for o in options for w in (["--annotations", o] if len(o) == 1 else [o])]
    result = run(*words)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.replace("│", " ").split())


def test_bad_input_ends_with_2(files: list[str], model: list[str], tmp_path: Path) -> None:
    same = posebench("sigmas", *files[:2], *files[:2])
    assert same.returncode == 2 and "have the same content" in same.stderr
    with pytest.raises(InputError, match=r"--sigmas: 1 numbers, but .*val.json has 4 keypoints"):
        run(*model, "--sigmas", "0.1")
    with pytest.raises(InputError, match=r"--sigmas nope.txt: no such file"):
        run(*model, "--sigmas", "nope.txt")
    with pytest.raises(InputError, match=r"--out .*: it is a folder"):
        run(*files, "--out", str(tmp_path))
    with pytest.raises(InputError, match="cannot be read"):
        run(*files, "--annotations", str(tmp_path / "absent.json"))
