"""``posebench gate``: exit codes, files, GitHub, and the workflow that uses it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from gate_results import MODEL, RULES, write_result
from typer.testing import CliRunner, Result

from posebench.cli import command_line
from posebench.errors import InputError
from posebench.gate.verdict import Verdict

ROOT = Path(__file__).resolve().parents[2]
ACTION = ROOT / ".github" / "actions" / "gate" / "action.yml"
WORKFLOW = ROOT / ".github" / "workflows" / "posebench-gate.yml"
SHELL = ("bash", "--noprofile", "--norc", "-eo", "pipefail")  # as GitHub starts it


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A baseline, a candidate that is as good, one that is worse, and rules."""
    folder = tmp_path_factory.mktemp("gate")
    write_result(folder / "old", 8.0)
    write_result(folder / "same", 8.0)
    write_result(folder / "worse", 12.0)
    (folder / "gate.toml").write_text(RULES)
    return folder


def gate(
    folder: Path, candidate: str = "worse", *options: str | Path, **environment: str
) -> Result:
    sides = ["--baseline", folder / "old", "--candidate", folder / candidate]
    asked = [*sides, "--rules", folder / "gate.toml", "--replicates", "200", *options]
    app, clear = command_line(["gate"]), dict.fromkeys(["GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"])
    runner, environ = CliRunner(), {**clear, **environment}
    return runner.invoke(app, ["gate", *map(str, asked)], env=environ)


@pytest.mark.parametrize(("candidate", "code"), [("same", 0), ("worse", 1)])
def test_the_verdict_is_printed_and_returned(folder: Path, candidate: str, code: int) -> None:
    done = gate(folder, candidate)
    assert done.exit_code == code, done.output
    assert done.stdout.splitlines()[0].split()[:4] == ["outcome", "dataset", "model", "figure"]
    assert done.stdout.splitlines()[1].split()[2:4] == [MODEL, "keypoints/AP"]
    assert done.stdout.splitlines()[-1].endswith(f"(exit code {code})")
    assert ("\nerror: " in done.stdout) is (code == 1)
    assert done.stderr == f"1/1 {MODEL} on coco-val2017\n"


def test_every_file_is_written(folder: Path, tmp_path: Path) -> None:
    names = ("summary", "junit", "json", "bencher", "benchmark-json")
    options = [part for name in names for part in (f"--{name}", tmp_path / "deep" / f"{name}.out")]
    assert gate(folder, "worse", *options).exit_code == 1
    texts = {path.name: path.read_text("utf-8") for path in (tmp_path / "deep").iterdir()}
    assert sorted(texts) == [
        "bencher.out",
        "benchmark-json-bigger.out",
        "benchmark-json-smaller.out",
        "json.out",
        "junit.out",
        "summary.out",
    ]
    verdict = Verdict.model_validate_json(texts["json.out"])
    assert (verdict.exit_code, verdict.baseline) == (1, str(folder / "old"))
    assert ElementTree.fromstring(texts["junit.out"]).get("failures") == "1"
    assert texts["summary.out"].startswith("## posebench gate failed")
    value = verdict.decisions[0].candidate
    assert json.loads(texts["benchmark-json-bigger.out"])[0]["value"] == value
    assert json.loads(texts["benchmark-json-smaller.out"]) == []
    ((measures),) = json.loads(texts["bencher.out"]).values()
    assert measures == {"keypoints/AP": {"value": value}}


def test_github_gets_annotations_and_a_summary_after_what_is_there(
    folder: Path, tmp_path: Path
) -> None:
    page = tmp_path / "summary.md"
    page.write_text("before\n")
    done = gate(folder, "worse", "--github", GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(page))
    assert done.exit_code == 1
    told = [line.split("::")[1] for line in done.stdout.splitlines() if line.startswith("::")]
    assert told == ["error title=posebench gate%3A keypoints/AP", "warning title=posebench gate"]
    assert page.read_text("utf-8").startswith("before\n## posebench gate failed")


def test_a_job_summary_that_is_nearly_full_gets_less(folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "summary.md"
    page.write_text("x" * 999_400 + "\n")
    gate(folder, "worse", "--github", GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(page))
    text = page.read_text("utf-8")
    assert "lines did not fit and were left out" in text
    assert len(text.encode()) <= 1_048_576


def test_elsewhere_github_is_told_nothing(folder: Path) -> None:
    done = gate(folder, "worse", "--github")
    assert (done.exit_code, "::" in done.stdout) == (1, False)
    assert "this is no GitHub workflow" in done.stderr


def test_without_the_option_github_is_told_nothing(folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "summary.md"
    done = gate(folder, "worse", GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(page))
    assert "::error" not in done.stdout and not page.exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--rules", "none.toml"), r"none\.toml: cannot be read"),
        (("--candidate", "none"), "none: no such file or folder"),
        (("--latency-ab", "none.json"), r"none\.json: cannot be read"),
    ],
)
def test_what_is_not_there_is_named(folder: Path, options: tuple[str, str], told: str) -> None:
    done = gate(folder, "worse", *options)
    assert isinstance(done.exception, InputError)
    assert done.exception.exit_code == 2
    assert re.search(told, str(done.exception))


@pytest.mark.parametrize("option", ["summary", "junit", "json", "bencher", "benchmark-json"])
def test_files_that_cannot_be_written_are_refused_before_any_work(
    folder: Path, option: str
) -> None:
    done = gate(folder, "worse", f"--{option}", folder / "gate.toml" / "out")
    assert isinstance(done.exception, InputError)
    assert str(done.exception).startswith(f"--{option} ") and done.stderr == ""


def test_two_options_do_not_write_one_file(folder: Path, tmp_path: Path) -> None:
    done = gate(folder, "worse", "--json", tmp_path / "a", "--junit", tmp_path / "a")
    assert "another option writes there" in str(done.exception)


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def steps() -> list[dict[str, Any]]:
    """Every step of the workflow and of the action."""
    (job,) = loaded(WORKFLOW)["jobs"].values()
    return [*job["steps"], *loaded(ACTION)["runs"]["steps"]]


def test_the_workflow_may_read_only_and_runs_without_secrets() -> None:
    workflow = loaded(WORKFLOW)
    assert list(workflow[True]) == ["pull_request"]  # YAML 1.1 reads the key `on` as true
    assert workflow["permissions"] == {"contents": "read"}
    assert "secrets." not in WORKFLOW.read_text() + ACTION.read_text()


def test_actions_are_pinned_and_checkout_keeps_no_token() -> None:
    used = [step["uses"] for step in steps() if "uses" in step]
    assert all(name.startswith("./") or re.search(r"@(v\d+|[0-9a-f]{40})$", name) for name in used)
    (checkout,) = (s for s in steps() if s.get("uses", "").startswith("actions/checkout@"))
    assert checkout["with"]["persist-credentials"] is False
    assert any(name == "./.github/actions/gate" for name in used)


def test_scripts_are_valid_and_have_no_values_put_into_them() -> None:
    scripts = [step["run"] for step in steps() if "run" in step]
    assert len(scripts) >= 3
    for script in scripts:
        assert "${{" not in script
        subprocess.run([*SHELL, "-n"], input=script, text=True, check=True)


def test_the_gate_of_the_workflow_gets_inputs_that_the_action_has() -> None:
    (gate_step,) = (s for s in steps() if s.get("uses") == "./.github/actions/gate")
    inputs = loaded(ACTION)["inputs"]
    required = {name for name, told in inputs.items() if told.get("required")}
    assert required <= set(gate_step["with"]) <= set(inputs)
    variables = set(loaded(WORKFLOW)["env"])
    named = re.findall(r"env\.(\w+)", WORKFLOW.read_text())
    assert named and set(named) <= variables


def test_what_the_workflow_names_is_in_this_repository() -> None:
    variables = loaded(WORKFLOW)["env"]
    assert (ROOT / variables["RULES"]).is_file()
    labels = {path.name for path in (ROOT / variables["BASELINE"]).iterdir()}
    assert set(variables["MODELS"].split(",")) == labels


def run_action(folder: Path, place: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Run the action's script as GitHub does, in ``place``, with ``posebench`` on the PATH."""
    binary = place / "bin" / "posebench"
    binary.parent.mkdir()
    binary.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m posebench "$@"\n')
    binary.chmod(0o755)
    action = loaded(ACTION)
    (step,) = action["runs"]["steps"]
    known = {name: str(told.get("default", "")) for name, told in action["inputs"].items()}
    known |= {"baseline": str(folder / "old"), "rules": str(folder / "gate.toml")} | inputs
    variables = {
        name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: known[found[1]], value)
        for name, value in step["env"].items()
    }
    github = {name: str(place / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    path = f"{binary.parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, **variables, **github, "GITHUB_ACTIONS": "true", "PATH": path}
    (place / "step.sh").write_text(step["run"])
    return subprocess.run(
        [*SHELL, "step.sh"],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_action_fails_with_the_gate_and_leaves_its_verdict(
    folder: Path, tmp_path: Path
) -> None:
    done = run_action(folder, tmp_path, candidate=str(folder / "worse"))
    assert done.returncode == 1, done.stderr
    assert "::error title=posebench gate%3A keypoints/AP::" in done.stdout
    assert (tmp_path / "GITHUB_OUTPUT").read_text() == "exit-code=1\n"
    page = (tmp_path / "GITHUB_STEP_SUMMARY").read_text("utf-8")
    assert page == (tmp_path / "gate" / "summary.md").read_text("utf-8")
    assert Verdict.model_validate_json((tmp_path / "gate" / "verdict.json").read_bytes())
    ElementTree.parse(tmp_path / "gate" / "junit.xml")


def test_an_input_of_the_action_is_never_a_command(folder: Path, tmp_path: Path) -> None:
    hostile = '--help $(touch one) `touch two`; touch three "'
    done = run_action(folder, tmp_path, candidate=hostile)
    assert done.returncode == 2
    assert f"{hostile}: no such file or folder" in done.stderr
    assert (tmp_path / "GITHUB_OUTPUT").read_text() == "exit-code=2\n"
    assert not {"one", "two", "three"} & {path.name for path in tmp_path.iterdir()}
