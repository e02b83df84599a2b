"""``posebench evaluate`` as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from coco_problems import Problem, Shape, random_problem, run_ours, strip_boxes
from commands import posebench
from support import require_oracle
from typer.testing import CliRunner, Result

from posebench.cli.evaluate import evaluate
from posebench.crosscheck import Package, cross_check
from posebench.errors import InputError, MissingExtraError
from posebench.predictions import collect, write_shard
from posebench.types import Prediction

app = typer.Typer()
app.command()(evaluate)


@pytest.fixture
def problem() -> Problem:
    return random_problem(Shape(8, images=4, people=6))


def run(problem: Problem, folder: Path, *options: str) -> Result:
    annotations, predictions = problem.write(folder)
    files = ["--annotations", str(annotations), "--predictions", str(predictions)]
    return CliRunner().invoke(app, [*files, *options], catch_exceptions=False)


def as_json(
    problem: Problem, folder: Path, *options: str, codes: tuple[int, ...] = (0,)
) -> dict[str, Any]:
    result = run(problem, folder, "--format", "json", *options)
    assert result.exit_code in codes
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_json_has_the_ten_figures(problem: Problem, tmp_path: Path) -> None:
    found = as_json(problem, tmp_path)
    names = ["AP", "AP50", "AP75", "APm", "APl", "AR", "AR50", "AR75", "ARm", "ARl"]
    assert list(found["coco"]) == names
    assert list(found["coco"].values()) == run_ours(*problem.write(tmp_path)).figures
    assert set(found["per_keypoint"]["left_ear"]) == {"oks", "count"}


def test_notes_go_to_standard_error(problem: Problem, tmp_path: Path) -> None:
    result = run(problem, tmp_path, "--format", "json")
    assert "note: bbox of" in result.stderr
    assert json.loads(result.stdout)["notes"]


def test_table_and_markdown(problem: Problem, tmp_path: Path) -> None:
    figure = f"{run_ours(*problem.write(tmp_path)).figures[0]:.4f}"
    table = run(problem, tmp_path).stdout
    assert table.splitlines()[0].split() == ["figure", "keypoints", "bbox"]
    assert table.splitlines()[1].split()[:2] == ["AP", figure]
    markdown = run(problem, tmp_path, "--format", "md", "--per-keypoint-ap").stdout
    assert f"| AP | {figure} |" in markdown
    assert "| keypoint | mean OKS | pairs | AP |" in markdown


def test_intervals_stand_beside_the_figures(problem: Problem, tmp_path: Path) -> None:
    content = as_json(problem, tmp_path, "--intervals", "--per-keypoint-ap")
    for name in ("coco/AP", "bbox/AR100", "per_keypoint/nose/oks", "per_keypoint/nose/ap"):
        task, _, figure = name.partition("/")
        keypoint, _, kind = figure.partition("/")
        value = content[task][keypoint][kind] if kind else content[task][figure]
        assert content["intervals"][name]["low"] <= value <= content["intervals"][name]["high"]
    shown = run(problem, tmp_path, "--intervals").stdout.splitlines()
    bounds = content["intervals"]["coco/AP"]
    assert f"{bounds['low']:.4f} to {bounds['high']:.4f}" in shown[1]
    assert "intervals" not in as_json(problem, tmp_path)


def test_why_there_are_no_intervals(problem: Problem, tmp_path: Path) -> None:
    single = random_problem(Shape(8, images=1, people=6))
    assert "none of a single picture" in as_json(single, tmp_path, "--intervals")["notes"][-1]
    other = as_json(problem, tmp_path, "--intervals", "--protocol", "mmpose")
    assert "by the rules of COCO alone" in other["notes"][-1]


def test_null_is_a_dash_with_its_reason(problem: Problem, tmp_path: Path) -> None:
    problem.gt["annotations"] = []
    table = run(strip_boxes(problem), tmp_path).stdout
    assert table.splitlines()[1].split() == ["AP", "-"]
    assert "coco/AP: no ground truth: the annotations are empty" in table


@pytest.mark.parametrize("package", ["pycocotools", "xtcocotools", "hotcoco"])
def test_cross_check_shows_equality(package: str, problem: Problem, tmp_path: Path) -> None:
    require_oracle(package)
    found = as_json(problem, tmp_path, "--cross-check", package)["cross_check"]
    assert (found["package"], found["max_difference"]) == (package, 0.0)
    assert found["coco"] == as_json(problem, tmp_path)["coco"]
    assert (
        f"{package} {found['version']}" in run(problem, tmp_path, "--cross-check", package).stdout
    )


@pytest.mark.parametrize("package", ["pycocotools", "xtcocotools", "hotcoco"])
def test_cross_check_of_nothing(package: str, problem: Problem, tmp_path: Path) -> None:
    require_oracle(package)
    problem.dt = []
    found = as_json(problem, tmp_path, "--cross-check", package)["cross_check"]
    assert (found["coco"]["AP"], found["max_difference"]) == (0.0, 0.0)


def test_cross_check_follows_sigmas_max_dets_and_compat(problem: Problem, tmp_path: Path) -> None:
    require_oracle("pycocotools")
    options = ["--sigmas", ",".join(["0.2"] * 17), "--max-dets", "3", "--compat", "pycocotools"]
    found = as_json(problem, tmp_path, *options, "--cross-check", "pycocotools")
    assert found["cross_check"]["max_difference"] == 0.0
    assert found["coco"] != as_json(problem, tmp_path)["coco"]


def test_cross_check_ends_with_1_on_a_difference(problem: Problem, tmp_path: Path) -> None:
    require_oracle("pycocotools")
    for number, person in enumerate(problem.gt["annotations"]):
        person["id"] = number
    figures = [as_json(problem, tmp_path, "--cross-check", "pycocotools", codes=(1,))]
    figures.append(
        as_json(problem, tmp_path, "--cross-check", "pycocotools", "--compat", "pycocotools")
    )
    strict, compat = (found["cross_check"]["max_difference"] for found in figures)
    assert strict > 0.0
    assert compat == 0.0


def test_cross_check_reports_what_the_other_cannot_score(problem: Problem, tmp_path: Path) -> None:
    require_oracle("pycocotools")
    del problem.gt["annotations"][0]["num_keypoints"]
    with pytest.raises(InputError, match="pycocotools cannot score these files: KeyError"):
        run(problem, tmp_path, "--cross-check", "pycocotools")


def test_missing_package_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package: Package = "pycocotools"
    monkeypatch.setitem(sys.modules, "pycocotools.cocoeval", None)
    with pytest.raises(MissingExtraError, match=r"posebench\[cross-check\]"):
        cross_check(package, tmp_path, [], {}, sigmas=[])


def predicted(entries: list[dict[str, Any]]) -> Prediction:
    points = np.array([e["keypoints"] for e in entries], np.float32).reshape(-1, 17, 3)
    scores = np.array([entry["score"] for entry in entries], np.float32)
    return Prediction(points[:, :, :2], points[:, :, 2], scores, scores)


@pytest.mark.parametrize("somebody", [True, False])
def test_shards(somebody: bool, problem: Problem, tmp_path: Path) -> None:
    require_oracle("pycocotools")
    ids = [image["id"] for image in problem.gt["images"]]
    problem.dt = problem.dt if somebody else []
    groups = [[entry for entry in problem.dt if entry["image_id"] == image] for image in ids]
    write_shard(tmp_path / "shard-00000.npz", collect(ids, [predicted(g) for g in groups]))
    annotations, _ = problem.write(tmp_path)
    options = ["--annotations", str(annotations), "--predictions", str(tmp_path)]
    result = CliRunner().invoke(
        app, [*options, "--format", "json", "--cross-check", "pycocotools"], catch_exceptions=False
    )
    found = json.loads(result.stdout)
    assert found["detections"] == len(problem.dt)
    assert (found["coco"]["AP"] > 0) == somebody
    assert found["cross_check"]["max_difference"] == 0.0


@pytest.mark.parametrize("separator", [",", ", ", " ", "\n"])
def test_sigmas_from_the_line_or_a_file(separator: str, problem: Problem, tmp_path: Path) -> None:
    text = separator.join(["0.05"] * 17)
    (tmp_path / "sigmas.txt").write_text(f"[{text}]\n")
    from_line = as_json(problem, tmp_path, "--sigmas", text)
    assert as_json(problem, tmp_path, "--sigmas", str(tmp_path / "sigmas.txt")) == from_line
    assert from_line["coco"] != as_json(problem, tmp_path)["coco"]


@pytest.mark.parametrize(
    ("sigmas", "message"),
    [
        ("a,b", "not numbers separated by commas"),
        ("0.1,0.2", "2 numbers, but .* has 17 keypoints"),
        ("nan", "1 numbers"),
        (",".join(["-1"] * 17), "finite and positive"),
    ],
)
def test_bad_sigmas(sigmas: str, message: str, problem: Problem, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        run(problem, tmp_path, "--sigmas", sigmas)


def test_real_data(coco_mini: Path) -> None:
    done = posebench(
        *("evaluate", "--format", "json", "--annotations", coco_mini / "person_keypoints.json"),
        *("--predictions", coco_mini / "yolov8n-pose.predictions.json"),
    )
    found = json.loads(done.stdout)
    assert found["coco"]["AP"] == pytest.approx(0.456967, abs=5e-7)
    assert (found["images"], found["people"], found["notes"]) == (102, 153, [])


def test_errors_end_the_process_with_a_message(problem: Problem, tmp_path: Path) -> None:
    problem.dt[0]["score"] = None
    annotations, predictions = problem.write(tmp_path)
    done = posebench("evaluate", "--annotations", annotations, "--predictions", predictions)
    assert (done.returncode, done.stdout) == (2, "")
    assert "results[0]" in done.stderr and "score is null" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_needs_no_framework_and_no_pandas() -> None:
    code = (
        "import sys, posebench.cli.evaluate, posebench.evaluation, posebench.datasets.results; "
        "print([m for m in ('torch', 'pandas', 'cv2', 'rich', 'pycocotools') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_only_the_command_that_is_named_is_built() -> None:
    from posebench.cli import command_line

    def names(*arguments: str) -> list[str | None]:
        return [command.name for command in command_line(arguments).registered_commands]

    everything = "list doctor check run latency evaluate compare diagnose gate sigmas".split()
    everything += "visualize publish report".split()
    assert names("evaluate", "--help") == ["evaluate"]
    assert names() == names("--help") == names("unknown") == everything
