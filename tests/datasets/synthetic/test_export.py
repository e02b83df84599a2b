"""A folder of the user's is never changed unless it is the one that is asked for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from synthetic_files import EASY, contents, pictures_and_labels

from posebench.datasets.synthetic.export import make_folder
from posebench.datasets.synthetic.folder import PictureFolder
from posebench.datasets.synthetic.names import Recipe
from posebench.errors import InputError

Partly = Callable[[Path, int], PictureFolder]
MARKER = ".posebench/made-by.json"


@pytest.fixture
def out(made: Path, tmp_path: Path) -> Path:
    """A finished folder of ``EASY``."""
    shutil.copytree(made, tmp_path / "out")
    return tmp_path / "out"


def remark(out: Path, **fields: Any) -> None:
    marker = out / MARKER
    marker.write_text(json.dumps({**json.loads(marker.read_text()), **fields}))


def assert_refused(recipe: Recipe, out: Path, message: str) -> None:
    before = contents(out)
    with pytest.raises(InputError, match=message):
        make_folder(recipe, out)
    assert contents(out) == before


def test_a_finished_folder_is_left_as_it_is(out: Path, made: Path) -> None:
    annotations, images = make_folder(EASY, out)
    assert (annotations, images) == (out / "person_keypoints.json", out / "images")
    assert contents(out) == contents(made)


def test_an_interrupted_folder_is_taken_up(made: Path, partly: Partly, tmp_path: Path) -> None:
    out = partly(tmp_path / "out", 11).root
    make_folder(EASY, out)
    assert contents(out) == contents(made)


def test_one_that_was_killed_before_its_first_picture(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / ".posebench").mkdir(parents=True)
    (out / ".posebench" / ".made-by.json.a8x_4kq1").touch()
    annotations, _ = make_folder(Recipe("easy", 1, 0), out)
    assert annotations.is_file()
    assert sorted(p.name for p in (out / ".posebench").iterdir()) == [
        "labels", "lock", "made-by.json",
    ]  # fmt: skip


def test_a_folder_grows(made: Path, partly: Partly, tmp_path: Path) -> None:
    out = partly(tmp_path / "out", 11).root
    remark(out, size=11)
    make_folder(EASY, out)
    assert pictures_and_labels(out) == pictures_and_labels(made)
    assert json.loads((out / MARKER).read_text())["size"] == 12
    assert len(json.loads((out / "person_keypoints.json").read_text())["images"]) == 12


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (Recipe("easy", 12, 1), r"out: made with seed 0, not 1\. .*--out"),
        (Recipe("crowded", 12, 0), r"out: made with split easy, not crowded\. .*--out"),
        (Recipe("easy", 10, 0), r"out: made for 12 pictures, more than 10\. Give --size 12 or"),
    ],
)
def test_a_folder_of_another_recipe(out: Path, recipe: Recipe, message: str) -> None:
    assert_refused(recipe, out, message)


def test_a_folder_of_another_version(out: Path) -> None:
    remark(out, generator_version=0)
    assert_refused(EASY, out, "made with generator version 0, not")


@pytest.mark.parametrize(
    "content",
    [
        *("", "{", "[]", "{}", '{"generator_version": 1, "colour": 2}'),
        '{"generator_version": 1, "split": "easy", "size": null, "seed": 0}',
        '{"generator_version": 1, "split": "easy", "size": "12", "seed": 0}',
        '{"generator_version": 1, "split": "hard", "size": 12, "seed": 0}',
    ],
)
def test_a_damaged_marker(out: Path, content: str) -> None:
    (out / MARKER).write_text(content)
    assert_refused(EASY, out, r"made-by\.json: damaged .*--out")


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "images").mkdir(parents=True)
    (out / "images" / "000001.jpg").write_bytes(b"my holidays")
    assert_refused(EASY, out, r"out: there is something else in it\. .*--out")


@pytest.mark.parametrize("place", ["file", "file/out"])
def test_a_folder_that_cannot_be(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match=r"no pictures can be kept in it \(.*--out"):
        make_folder(EASY, tmp_path / place)
    assert (tmp_path / "file").read_text() == "mine"


def test_files_that_only_look_like_leftovers_are_kept(out: Path) -> None:
    mine = [out / ".person_keypoints_backup.json.old", out / "images" / ".000001.jpg.mine"]
    for path in mine:
        path.write_text("mine")
    make_folder(EASY, out)
    assert [path.read_text() for path in mine] == ["mine", "mine"]
