from __future__ import annotations

from pathlib import Path

from commands import posebench
from gate_results import write_result
from records import make_dataset

from posebench.comparison.document import Comparison

QUICK = ("--replicates", "100", "--permutations", "199")


def test_a_document_and_a_table(tmp_path: Path) -> None:
    for spread in (16.0, 4.0):
        write_result(tmp_path, spread, model=f"m{spread:g}")
    out = tmp_path / "deep" / "change.json"
    sides = f"{tmp_path}::m16", tmp_path / "m4"
    done = posebench("compare", *sides, *QUICK, "--seed", "5", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "B is better than A: AP" in done.stdout
    written = Comparison.model_validate_json(out.read_text())
    assert (written.seed, written.replicates, written.permutations) == (5, 100, 199)
    shown = posebench("compare", *sides, *QUICK, "--seed", "5", "--format", "json")
    assert Comparison.model_validate_json(shown.stdout).pairs == written.pairs


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    one = write_result(tmp_path, model="one")
    other = write_result(tmp_path, model="other", dataset=make_dataset(identity="0" * 64))
    done = posebench("compare", one, other, "--format", "md")
    assert done.returncode == 4
    assert "other cannot be compared with one: dataset.identity" in done.stderr
    assert done.stdout == ""
