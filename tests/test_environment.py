from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from posebench import environment


def test_this_machine_describes_itself() -> None:
    here = environment.describe()
    assert here.packages["numpy"] == np.__version__
    assert here.cpu_cores >= 1 and here.memory_mb > 100
    assert here.cpu
    assert len(here.fingerprint) == 64


def test_the_fingerprint_is_of_the_machine_not_of_the_packages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = environment.describe().fingerprint
    monkeypatch.setattr(environment, "PACKAGES", ())
    environment.describe.cache_clear()
    assert environment.describe().fingerprint == before
    monkeypatch.setattr(environment, "_cpu_name", lambda: "another processor")
    environment.describe.cache_clear()
    assert environment.describe().fingerprint != before
    environment.describe.cache_clear()


def test_the_revision_is_that_of_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert environment._git_revision() is None
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], [*identity, "commit", "-q", "--allow-empty", "-m", "x"]):
        subprocess.run(["git", *command], check=True)
    revision = environment._git_revision()
    assert revision is not None and len(revision) == 40
    (tmp_path / "new").write_text("")
    assert environment._git_revision() == f"{revision}-dirty"
