"""Pictures as they are extended, damaged, foreign, and refused by the file system."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support import disk_full_after
from synthetic_files import EASY, contents, pictures_and_labels

from posebench.datasets.synthetic.dataset import render_into_cache
from posebench.datasets.synthetic.folder import PictureFolder
from posebench.datasets.synthetic.making import complete
from posebench.datasets.synthetic.names import Recipe
from posebench.datasets.synthetic.render import render
from posebench.datasets.synthetic.splits import GENERATOR_VERSION, SPLITS
from posebench.errors import InputError

Partly = Callable[[Path, int], PictureFolder]


def test_a_picture_is_what_its_split_seed_and_index_say(made: Path) -> None:
    picture = render(SPLITS["easy"], 0, 4)
    assert (made / "images" / "000005.jpg").read_bytes() == picture.jpeg
    labels = PictureFolder(made, "easy", 0).labels(4)
    assert (labels["width"], labels["height"]) == (picture.width, picture.height)
    assert labels["annotations"] == list(picture.annotations)


def test_a_larger_set_extends_a_smaller_one(made: Path, partly: Partly, cache_root: Path) -> None:
    partly(cache_root, 10)
    smaller, images = render_into_cache(Recipe("easy", 10, 0))
    before = {path.name: path.stat().st_mtime_ns for path in images.iterdir()}
    assert len(before) == 10
    larger, _ = render_into_cache(EASY)
    after = {path.name: path.stat().st_mtime_ns for path in images.iterdir()}
    assert len(after) == 12 and before.items() <= after.items()
    assert larger.read_bytes() == (made / "person_keypoints.json").read_bytes()
    assert pictures_and_labels(cache_root) == pictures_and_labels(made)
    assert smaller.exists() and smaller != larger


def test_what_is_complete_is_only_read(partly: Partly, cache_root: Path) -> None:
    partly(cache_root, 12)
    render_into_cache(EASY)
    before = {path: path.stat().st_mtime_ns for path in cache_root.rglob("*")}
    render_into_cache(EASY)
    assert {path: path.stat().st_mtime_ns for path in cache_root.rglob("*")} == before


def test_what_a_killed_process_left_half_written_is_cleared(
    made: Path, partly: Partly, cache_root: Path
) -> None:
    """The names are those that ``atomic_path`` gives; other people's files stay."""
    folder = partly(cache_root, 11)
    for path in (
        folder.images / ".000012.jpg.a8x_4kq1",
        folder.state / "labels" / ".000012.labels.a8x_4kq1",
        folder.root / ".person_keypoints-12.json.a8x_4kq1",
    ):
        path.write_bytes(b"half")
    notes = folder.root / "notes.txt"
    notes.write_text("mine")
    render_into_cache(EASY)
    assert pictures_and_labels(cache_root) == pictures_and_labels(made)
    assert not list(cache_root.glob(".person*"))
    assert notes.read_text() == "mine"


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def change(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def exchange(path: Path) -> None:
    path.write_bytes(path.with_name(path.name.replace("3", "4")).read_bytes())


@pytest.mark.parametrize("damage", [cut, change, empty, exchange, Path.unlink])
@pytest.mark.parametrize("file", ["images/000003.jpg", ".posebench/labels/000003.labels"])
def test_only_what_is_damaged_counts_as_missing(
    partly: Partly, cache_root: Path, damage: Callable[[Path], None], file: str
) -> None:
    folder = partly(cache_root, 12)
    damage(cache_root / file)
    assert folder.missing(12) == [2]


def test_damage_is_repaired_and_the_rest_left_alone(
    made: Path, partly: Partly, cache_root: Path
) -> None:
    folder = partly(cache_root, 12)
    annotations, images = render_into_cache(EASY)
    cut(images / "000003.jpg")
    change(folder.state / "labels" / "000007.labels")
    cut(annotations)
    untouched = (images / "000001.jpg").stat().st_mtime_ns
    render_into_cache(EASY)
    assert pictures_and_labels(cache_root) == pictures_and_labels(made)
    assert annotations.read_bytes() == (made / "person_keypoints.json").read_bytes()
    assert (images / "000001.jpg").stat().st_mtime_ns == untouched


def test_pictures_of_another_seed_are_replaced(partly: Partly, cache_root: Path) -> None:
    wrong = cache_root.with_name(cache_root.name.removesuffix("0") + "1")
    partly(wrong, 12)
    annotations, images = render_into_cache(Recipe("easy", 2, 1))
    assert (images / "000002.jpg").read_bytes() == render(SPLITS["easy"], 1, 1).jpeg
    assert annotations.parent == wrong


def test_pictures_of_another_version_are_not_taken(
    partly: Partly, cache_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = partly(cache_root, 12)
    assert folder.missing(12) == []
    monkeypatch.setattr(f"{PictureFolder.__module__}.GENERATOR_VERSION", GENERATOR_VERSION + 1)
    assert folder.missing(12) == list(range(12))


def test_a_full_disk(made: Path, partly: Partly, cache_root: Path) -> None:
    folder = partly(cache_root, 11)
    with (
        disk_full_after(2000),
        pytest.raises(InputError, match=r"v\d+-easy-0: .*File too large.*POSEBENCH_CACHE"),
    ):
        render_into_cache(EASY)
    assert folder.missing(12) == [11]
    assert all(not name.startswith(".") for name in contents(folder.images))
    render_into_cache(EASY)
    assert pictures_and_labels(cache_root) == pictures_and_labels(made)


@pytest.mark.parametrize(
    "place", ["", "datasets", "datasets/synthetic/{}", "datasets/synthetic/{}/images"]
)
def test_a_file_in_place_of_a_folder(own_cache: Path, cache_root: Path, place: str) -> None:
    file = own_cache / place.format(cache_root.name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    with pytest.raises(InputError, match=r"v\d+-easy-0: no pictures can be kept.*POSEBENCH_CACHE"):
        render_into_cache(Recipe("easy", 1, 0))


def test_the_annotation_file_waits_for_every_picture(partly: Partly, tmp_path: Path) -> None:
    folder = partly(tmp_path / "mine", 12)
    annotations = tmp_path / "mine" / "person_keypoints.json"
    with folder.claimed():
        complete(folder, 3, annotations)
    before = annotations.read_bytes()
    (folder.images / "000002.jpg").unlink()
    with disk_full_after(2000), pytest.raises(OSError, match="too large"), folder.claimed():
        complete(folder, 4, annotations)
    assert annotations.read_bytes() == before
