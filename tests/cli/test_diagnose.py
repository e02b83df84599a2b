"""``posebench diagnose`` as a user runs it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from commands import posebench
from diagnoses import PROBLEM, drawing_little
from support import require
from typer.testing import CliRunner, Result

from posebench.cli.diagnose import diagnose
from posebench.diagnosis.document import Diagnosis
from posebench.errors import InputError

app = typer.Typer()
app.command()(diagnose)


@pytest.fixture(scope="module", autouse=True)
def few_draws() -> Iterator[None]:
    with drawing_little():
        yield


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return PROBLEM.write(tmp_path)


def run(files: tuple[Path, Path], *options: str) -> Result:
    annotations, predictions = map(str, files)
    arguments = [predictions, "--annotations", annotations, *options]
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def as_json(files: tuple[Path, Path], *options: str) -> dict[str, Any]:
    result = run(files, "--format", "json", *options)
    assert result.exit_code == 0
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.mark.data
def test_real_predictions(coco_mini: Path, tmp_path: Path) -> None:
    """The AP is pycocotools'; the worst keypoints of a small network are not its shoulders."""
    require("matplotlib")
    require("pandas")
    out = tmp_path / "out"
    predictions = coco_mini / "yolov8n-pose.predictions.json"
    result = run((coco_mini / "person_keypoints.json", predictions), "--out", str(out))
    assert result.exit_code == 0
    assert result.stdout.startswith("What costs most AP are ")
    assert "AP is 45.7 (95 % interval: " in result.stdout
    assert result.stderr == f"written to {out}\n"
    found = Diagnosis.model_validate_json((out / "diagnosis.json").read_text())
    assert found.accuracy["AP"].value == pytest.approx(0.456967, abs=1e-6)
    assert found.label == "yolov8n-pose.predictions" and found.images == 102
    wrong = {n: 1 - kinds.rates["good"] for n, kinds in found.localisation.per_group.items()}
    assert wrong["shoulder"] < wrong["wrist"] and wrong["shoulder"] < wrong["ankle"]
    assert sorted(path.stem for path in out.glob("*.png")) == [
        *("confidence", "groups", "impact", "keypoints", "overlap", "reliability", "thresholds")
    ]


def test_a_table_tells_every_kind_of_error(files: tuple[Path, Path]) -> None:
    text, found = run(files).stdout, as_json(files)
    for step in found["impact"]["alone"]:
        (line,) = [line for line in text.splitlines() if f"({step['name']})  " in line]
        assert f"{100 * step['ap_gain']['value']:+.1f}" in line
    assert "\nleft_wrist " in text and "\noLRP " in text and "\nkeypoints " in text
    assert "figures are on a scale of 100" in text


def test_markdown_is_the_page_without_pictures(files: tuple[Path, Path]) -> None:
    text = run(files, "--format", "md").stdout
    assert text.splitlines()[2] == "# Diagnosis of dt on gt"
    assert "| keypoints far off (miss) |" in text
    assert "![" not in text


def test_options_reach_the_document(files: tuple[Path, Path]) -> None:
    plain = as_json(files)
    wide = as_json(files, "--sigmas", ",".join(["0.2"] * 17), "--factor", "ronchi-perona")
    assert (plain["factor"], wide["factor"]) == ("corrected", "ronchi-perona")
    assert set(wide["sigmas"].values()) == {0.2} != set(plain["sigmas"].values())
    assert wide["accuracy"]["AR"]["value"] > plain["accuracy"]["AR"]["value"]


def test_notes_go_to_standard_error(files: tuple[Path, Path]) -> None:
    rows = [{**row, "bbox": [0.0, 0, 9, 9]} for row in PROBLEM.dt]
    files[1].write_text(json.dumps(rows))
    result = run(files, "--format", "json")
    assert "note: bbox of" in result.stderr
    assert any("bbox of" in note for note in json.loads(result.stdout)["notes"])


def test_empty_predictions_work_and_say_so(files: tuple[Path, Path], tmp_path: Path) -> None:
    require("pandas")
    files[1].write_text("[]")
    result = run(files, "--out", str(tmp_path / "out"))
    assert result.exit_code == 0 and result.stdout.startswith("Nobody was predicted: AP is 0")
    assert "\n0 detections, 0 scored " in result.stdout and "how often" not in result.stdout
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("diagnosis.json", "diagnosis.md")
    ]


def test_what_is_missing_or_does_not_fit_is_bad_input(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    assert run(files, "--factor", "mine").exit_code == 2
    assert CliRunner().invoke(app, [str(files[1])]).exit_code == 2  # no annotations
    finished = posebench("diagnose", tmp_path / "none.json", "--annotations", files[0])
    assert finished.returncode == 2
    assert finished.stderr.startswith("error: ") and "none.json" in finished.stderr
    with pytest.raises(InputError, match=r"3 numbers, but .* has 17 keypoints"):
        run(files, "--sigmas", "0.1,0.1,0.1")
