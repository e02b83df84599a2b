"""``posebench evaluate --protocol`` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from convention_problems import climbed, figure_values, load_case
from support import require_oracle
from typer.testing import CliRunner, Result

from posebench.cli.evaluate import evaluate
from posebench.conventions.case import accuracy
from posebench.conventions.ladder import Wish
from posebench.errors import InputError

app = typer.Typer()
app.command()(evaluate)
NAMES = "person_keypoints.json", "yolov8n-pose.predictions.json"


def run(annotations: Path, predictions: Path, *options: str) -> Result:
    files = ["--annotations", str(annotations), "--predictions", str(predictions)]
    return CliRunner().invoke(app, [*files, *options], catch_exceptions=False)


def on_mini(coco_mini: Path, *options: str) -> Result:
    return run(coco_mini / NAMES[0], coco_mini / NAMES[1], *options)


def as_json(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.mark.parametrize("protocol", ["mmpose", "ultralytics"])
def test_the_protocol_beside_coco_and_the_ladder(protocol: Any, coco_mini: Path) -> None:
    found = as_json(on_mini(coco_mini, "--format", "json", "--protocol", protocol))
    plain = as_json(on_mini(coco_mini, "--format", "json"))
    final, rungs = climbed(load_case(*(coco_mini / n for n in NAMES)), Wish(protocol))
    assert list(found[protocol].values()) == figure_values(accuracy(final).keypoints)
    assert found["coco"] == plain["coco"]
    assert [rung["rule"] for rung in found["ladder"]] == [rung.rule for rung in rungs]
    assert found["ladder"][-1]["figures"]["AP"] == found[protocol]["AP"]
    assert "ladder" not in plain and plain["protocol"] == "coco"


def test_table_and_markdown_show_each_rung(coco_mini: Path) -> None:
    table = on_mini(coco_mini, "--protocol", "ultralytics").stdout
    assert table.splitlines()[0].split() == ["figure", "ultralytics", "coco"]
    (header,) = [line for line in table.splitlines() if line.startswith("rule")]
    for text in ("102 -> 59 with labelled people", "segment -> 0.53 x box", "20 -> 300 a picture"):
        (line,) = [line for line in table.splitlines() if text in line]
        assert line.index(text) == header.index("what it changes here")
    markdown = on_mini(coco_mini, "--protocol", "mmpose", "--format", "md").stdout
    assert "| rule | what it changes here | AP | change | AP50 | AP75 | APm | APl |" in markdown
    assert "| OKS-NMS |" in markdown


def test_options_that_remove_are_rungs_of_coco_too(coco_mini: Path) -> None:
    options = ["--score-threshold", "0.25", "--max-dets", "5", "--score-mode", "keypoint"]
    found = as_json(on_mini(coco_mini, "--format", "json", *options))
    assert [rung["rule"] for rung in found["ladder"]] == [
        "coco", "score threshold", "score", "max dets",
    ]  # fmt: skip
    assert found["ladder"][-1]["figures"] == found["coco"]


def test_what_is_taken_for_a_score_is_said(coco_mini: Path) -> None:
    assert "one score a person" in on_mini(coco_mini, "--protocol", "mmpose").stderr
    assert "one score a person" not in on_mini(coco_mini, "--protocol", "ultralytics").stderr


def test_crowd_levels_are_shown(data: Path, tmp_path: Path) -> None:
    annotations = data / "openmmlab-samples" / "crowdpose" / "test_crowdpose.json"
    (tmp_path / "dt.json").write_text("[]")
    found = as_json(run(annotations, tmp_path / "dt.json", "--format", "json"))
    names = ["AP", "AP50", "AP75", "AR", "AR50", "AR75", "AP(E)", "AP(M)", "AP(H)"]
    assert list(found["coco"]) == names
    assert found["reasons"]["coco/AP(H)"] == "no picture has such a crowdIndex"


def test_parts_of_the_whole_body_are_columns(data: Path) -> None:
    folder = data / "evaluator-cases" / "xtcocotools"
    files = folder / "example_wholebody_val.json", folder / "example_wholebody_preds.json"
    table = run(*files).stdout
    assert "part  " in table and "left hand" in table and "nose" not in table
    found = as_json(run(*files, "--format", "json"))
    assert list(found["parts"]) == ["body", "foot", "face", "left hand", "right hand", "whole"]
    assert found["parts"]["whole"] == found["coco"]
    assert len(found["per_keypoint"]) == 133


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--protocol", "mmpose", "--cross-check", "xtcocotools"], "--cross-check"),
        (["--score-threshold", "0.1", "--cross-check", "xtcocotools"], "--cross-check"),
        (["--protocol", "ultralytics", "--compat", "pycocotools"], "--compat"),
    ],
)
def test_what_does_not_go_together(options: list[str], message: str, coco_mini: Path) -> None:
    result = on_mini(coco_mini, *options)
    assert result.exit_code == 2
    assert message in result.stderr


def test_the_rules_of_xtcocotools_are_noted(coco_mini: Path) -> None:
    require_oracle("xtcocotools")
    found = as_json(on_mini(coco_mini, "--format", "json", "--cross-check", "xtcocotools"))
    assert found["cross_check"]["max_difference"] == 0.0
    assert any("ignores people without v > 0" in note for note in found["notes"])


def test_a_whole_body_is_not_cross_checked(data: Path) -> None:
    folder = data / "evaluator-cases" / "xtcocotools"
    files = folder / "example_wholebody_val.json", folder / "example_wholebody_preds.json"
    with pytest.raises(InputError, match="not those of coco-wholebody133"):
        run(*files, "--cross-check", "pycocotools")
