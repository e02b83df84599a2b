"""Names of drawings, and what happens to a folder that holds something already."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posebench.errors import InputError
from posebench.visualize.files import MANIFEST, claim_folder, drawing_names, write_drawing

NAMES = st.lists(
    st.sampled_from(["a.jpg", "A.JPG", "x/a.png", "a-2.jpg", "y/a.webp", "a.bmp", "a-2.png"]),
    max_size=9,
)


@given(NAMES, st.booleans())
def test_every_picture_has_a_name_of_its_own(pictures: list[str], ranked: bool) -> None:
    names = drawing_names([Path(picture) for picture in pictures], ranked=ranked)
    assert len({name.casefold() for name in names}) == len(pictures)
    for name, picture in zip(names, pictures, strict=True):
        assert name == Path(name).name and Path(picture).stem in name


def test_the_name_is_the_pictures_own() -> None:
    pictures = [Path("val/000000000139.jpg"), Path("b.png"), Path("c.webp"), Path("x/b.png")]
    expected = ["000000000139.jpg", "b.png", "c.jpg", "b-2.png"]
    assert drawing_names(pictures, ranked=False) == expected
    assert drawing_names(pictures, ranked=True)[2] == "0003_c.jpg"


def fill(folder: Path, names: list[str]) -> None:
    claim_folder(folder, names)
    for name in names:
        (folder / name).write_text("drawing")


def test_the_next_run_takes_its_own_folder_and_leaves_nothing_stale(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    fill(out, ["1.jpg", "2.jpg"])
    (out / "notes.txt").write_text("mine")
    fill(out, ["2.jpg", "3.png"])
    assert sorted(p.name for p in out.iterdir()) == [MANIFEST, "2.jpg", "3.png", "notes.txt"]


def test_a_foreign_folder_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_text("mine")
    with pytest.raises(InputError, match="not empty, and not made by"):
        claim_folder(tmp_path, ["2.jpg"])
    assert [p.name for p in tmp_path.iterdir()] == ["1.jpg"]


def test_a_foreign_file_in_an_own_folder_is_not_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "out"
    fill(out, ["1.jpg"])
    (out / "2.jpg").write_text("mine")
    with pytest.raises(InputError, match=r"2\.jpg: not made by"):
        claim_folder(out, ["1.jpg", "2.jpg"])
    assert (out / "2.jpg").read_text() == "mine" and (out / "1.jpg").read_text() == "drawing"


@pytest.mark.parametrize("listed", [["../victim.jpg"], ["/tmp/x.jpg"], ["notes.txt"], "1.jpg", [3]])
def test_a_list_that_names_anything_else_deletes_nothing(listed: object, tmp_path: Path) -> None:
    victim = tmp_path / "victim.jpg"
    victim.write_text("mine")
    out = tmp_path / "out"
    fill(out, ["1.jpg"])
    (out / MANIFEST).write_text(json.dumps({"drawings": listed}))
    with pytest.raises(InputError, match="damaged"):
        claim_folder(out, ["1.jpg"])
    assert victim.exists() and (out / "1.jpg").exists()


def test_a_link_is_removed_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    target = tmp_path / "target.jpg"
    target.write_text("mine")
    out = tmp_path / "out"
    claim_folder(out, ["1.jpg"])
    (out / "1.jpg").symlink_to(target)
    claim_folder(out, ["1.jpg"])
    write_drawing(out / "1.jpg", np.zeros((4, 4, 3), np.uint8))
    assert target.read_text() == "mine" and not (out / "1.jpg").is_symlink()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="not a folder"):
        claim_folder(tmp_path / "out", ["1.jpg"])


def test_drawings_are_written_as_they_are(tmp_path: Path) -> None:
    image = np.zeros((32, 48, 3), np.uint8)
    image[:, 24:] = (250, 20, 60)
    for name, tolerance in (("a.png", 0), ("a.jpg", 12)):
        write_drawing(tmp_path / name, image)
        read = cv2.imread(str(tmp_path / name))[..., ::-1].astype(int)
        assert np.abs(read - image)[:, [5, 40]].max() <= tolerance
