from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from records import make_failure, make_record

from posebench.store import write_record


def report(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "posebench", "report", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    write_record(folder / "a", make_record())
    write_record(folder / "b", make_failure())
    return folder


def test_written_then_current_then_stale(results: Path, tmp_path: Path) -> None:
    done = report(cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    written = done.stdout.splitlines()
    assert len(written) == 7
    assert all((tmp_path / path).is_file() for path in written)
    assert "rfdetr-pose-m" in (tmp_path / "reports" / "coco-val2017.md").read_text()

    current = report("--check", cwd=tmp_path)
    assert (current.returncode, current.stdout) == (0, "")

    write_record(results / "a", make_record(ap=0.6))
    stale = report("--check", cwd=tmp_path)
    assert stale.returncode == 1
    assert "reports: coco-val2017.md is not what the Records say." in stale.stdout


def test_several_folders_and_another_place(results: Path, tmp_path: Path) -> None:
    write_record(tmp_path / "more", make_record("another", accuracy_id="0" * 64))
    done = report(
        *("--records", results, "--records", tmp_path / "more", "--out", tmp_path / "there"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "| another |" in (tmp_path / "there" / "coco-val2017.md").read_text()


def test_no_records(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = report("--records", "empty", cwd=tmp_path)
    assert done.returncode == 2
    assert "No Records in empty. Give the folder of a run with --records." in done.stderr


def test_folder_that_cannot_be_written(results: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = report("--out", "file/reports", cwd=tmp_path)
    assert done.returncode == 2
    assert "file/reports cannot be written" in done.stderr
