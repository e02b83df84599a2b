"""Which file is the picture of an id."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from posebench.errors import InputError
from posebench.visualize.pictures import NumberedPictures, find_pictures, open_dataset


def folder(path: Path, *names: str) -> Path:
    path.mkdir(exist_ok=True)
    for name in names:
        (path / name).write_text("")
    return path


def test_a_picture_is_found_by_the_number_it_is_named_by(tmp_path: Path) -> None:
    names = ("000000000139.jpg", "7.PNG", "COCO_val2014_000000000042.jpg", "x5.jpg", "9.txt")
    source = NumberedPictures(folder(tmp_path, *names))
    assert [source.image_path(i).name for i in (139, 7, 42)] == list(names[:3])
    assert not source.image_path(5).exists() and not source.image_path(9).exists()
    assert source.image_path(5).name == "000000000005.jpg"


def test_two_pictures_of_one_number_are_refused_if_it_is_asked_for(tmp_path: Path) -> None:
    images = folder(tmp_path, "1.jpg", "001.png", "2.jpg")
    assert find_pictures([2], images, None).there == [(2, images / "2.jpg")]
    with pytest.raises(InputError, match=r"001\.png and 1\.jpg both"):
        find_pictures([1, 2], images, None)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    images = folder(tmp_path / "images", "2.jpg")
    found = find_pictures([1, 2, 3], images, None)
    assert found.missing == ["000000000001.jpg", "000000000003.jpg"]
    with pytest.raises(InputError, match=r"none of the 2 pictures.*--annotations"):
        find_pictures([1, 3], images, None)
    with pytest.raises(InputError, match="not a folder"):
        find_pictures([1], tmp_path / "nowhere", None)


def annotated(path: Path, names: list[str], keypoints: int = 5) -> Path:
    images = [{"id": i, "file_name": name} for i, name in enumerate(names, start=1)]
    points = [f"paw {k}" for k in range(keypoints)]
    category = {"id": 1, "name": "cat", "keypoints": points, "skeleton": [[1, 2], [2, 5]]}
    path.write_text(json.dumps({"images": images, "annotations": [], "categories": [category]}))
    return path


def test_annotations_say_how_pictures_are_called(tmp_path: Path) -> None:
    images = folder(tmp_path / "images", "cat.jpg")
    path = annotated(tmp_path / "gt.json", ["cat.jpg", "dog.jpg"])
    dataset = open_dataset(path, images, sigmas=None, scored=False)
    assert dataset.skeleton.edges == ((0, 1), (1, 4))
    found = find_pictures([1, 2, 99], images, dataset)
    assert found.there == [(1, images / "cat.jpg")]
    assert found.missing == ["dog.jpg", "image id 99"]


def test_only_scoring_needs_sigmas(tmp_path: Path) -> None:
    path = annotated(tmp_path / "gt.json", ["cat.jpg"])
    with pytest.raises(InputError, match="--sigmas"):
        open_dataset(path, folder(tmp_path / "images"), sigmas=None, scored=True)
    given = open_dataset(path, tmp_path / "images", sigmas=[0.1] * 5, scored=True)
    assert given.skeleton.sigmas == (0.1,) * 5


def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    images = folder(tmp_path / "images")
    path = annotated(tmp_path / "gt.json", ["../secret.jpg"])
    dataset = open_dataset(path, images, sigmas=None, scored=False)
    with pytest.raises(InputError, match="leads out"):
        find_pictures([1], images, dataset)
