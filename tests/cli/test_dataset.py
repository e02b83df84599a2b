"""``posebench dataset make`` as a user types it."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import posebench


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("make")
    options = ("--split", "easy", "--size", "10", "--workers", "2", "--out", "my people")
    return folder, posebench("dataset", "make", *options, cwd=folder)


Made = tuple[Path, subprocess.CompletedProcess[str]]


def test_pictures_and_annotations_are_there(made: Made) -> None:
    folder, done = made
    assert done.returncode == 0, done.stderr
    out = folder / "my people"
    document = json.loads((out / "person_keypoints.json").read_text())
    names = [image["file_name"] for image in document["images"]]
    assert names == sorted(path.name for path in (out / "images").iterdir())
    assert len(names) == 10


def test_standard_output_is_the_command_that_uses_it(made: Made) -> None:
    folder, done = made
    program, *arguments = shlex.split(done.stdout)
    assert program == "posebench"
    planned = posebench(*arguments, "--models", "stick-figure", "--dry-run", cwd=folder)
    assert planned.returncode == 0, planned.stderr
    assert "dataset  synthetic-easy:10: 10 pictures" in planned.stderr


def test_another_set_in_the_same_folder_is_refused(made: Made) -> None:
    folder, _ = made
    done = posebench(
        *("dataset", "make", "--split", "easy", "--seed", "1", "--out", "my people"), cwd=folder
    )
    assert done.returncode == 2
    assert done.stderr == (
        "error: my people: made with seed 0, not 1. Choose another folder with --out.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "out", "--split", "easi"], "unknown split 'easi'. Did you mean easy?"),
        (["--out", "out", "--size", "0"], "the number of pictures is 0. Give a whole number from"),
        (["--out", "out", "--size", "10000000"], "the number of pictures is 10000000."),
        (["--out", "out", "--seed", "-1"], "the seed is -1."),
        (["--out", "file"], "file: no pictures can be kept in it (file: Not a directory)."),
        (["--out", "out", "--workers", "0"], "--workers"),
        ([], "--out"),
    ],
)
def test_bad_input_ends_with_2_and_writes_nothing(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "file").touch()
    done = posebench("dataset", "make", *arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_interrupted(tmp_path: Path) -> None:
    """Ctrl-C goes to the whole group of processes; whoever renders must not answer it aloud."""
    command = [sys.executable, "-m", "posebench", "dataset", "make", "--size", "500"]
    process = subprocess.Popen(
        [*command, "--out", str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    first = tmp_path / "out" / "images"
    while process.poll() is None and not list(first.glob("0*.jpg")):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate()
    assert process.returncode == 130
    assert "interrupted; the same command takes up where it stopped." in errors
    assert "Traceback" not in errors and output == ""


def test_the_group_is_listed_and_explains_itself() -> None:
    listed = posebench("--help")
    assert "dataset" in listed.stdout
    assert "make" in posebench("dataset", "--help").stdout
