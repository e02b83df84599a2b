"""Matches survive the disk, and a damaged file is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from coco_problems import Shape, random_problem, run_ours

from posebench.errors import InputError
from posebench.metrics.matches import Matches


@pytest.fixture
def matches(tmp_path: Path) -> Matches:
    return run_ours(*random_problem(Shape(5)).write(tmp_path)).accuracy.matches


def test_round_trip_keeps_every_array(matches: Matches, tmp_path: Path) -> None:
    matches.save(tmp_path / "deep" / "matches.npz")
    loaded = Matches.load(tmp_path / "deep" / "matches.npz")
    for name, value in vars(matches).items():
        assert np.array_equal(getattr(loaded, name), value), name
        assert getattr(loaded, name).dtype == value.dtype, name
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["matches.npz"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"{}"])
def test_damaged_file_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"bad\.npz: not a readable matches file"):
        Matches.load(path)


def test_truncated_file_is_named(matches: Matches, tmp_path: Path) -> None:
    path = tmp_path / "bad.npz"
    matches.save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"bad\.npz"):
        Matches.load(path)


def test_other_version_is_refused(matches: Matches, tmp_path: Path) -> None:
    path = tmp_path / "new.npz"
    np.savez(path, format_version=np.int64(99), **vars(matches))
    with pytest.raises(InputError, match="matches format 99, this posebench reads 2"):
        Matches.load(path)


def test_arrays_that_are_missing_or_unknown_are_named(matches: Matches, tmp_path: Path) -> None:
    path = tmp_path / "bad.npz"
    arrays = {name: value for name, value in vars(matches).items() if name != "scores"}
    np.savez(path, format_version=np.int64(2), more=np.ones(1), **arrays)
    with pytest.raises(InputError, match=r"bad\.npz: .* without scores and with unknown more"):
        Matches.load(path)


@pytest.mark.parametrize("version", [{}, {"format_version": "2"}, {"format_version": [2, 2]}])
def test_a_version_that_is_no_number(
    version: dict[str, object], matches: Matches, tmp_path: Path
) -> None:
    path = tmp_path / "bad.npz"
    np.savez(path, **{n: np.asarray(v) for n, v in (vars(matches) | version).items()})
    with pytest.raises(InputError, match=r"bad\.npz: .* format_version is no whole number"):
        Matches.load(path)
