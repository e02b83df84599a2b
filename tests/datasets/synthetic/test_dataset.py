"""Rendered people as a dataset: what is in the annotation file, and who can read it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import require

from posebench.config import DatasetRef
from posebench.datasets.coco import CocoDataset
from posebench.datasets.images import read_image
from posebench.datasets.loading import open_dataset
from posebench.datasets.skeletons import COCO17
from posebench.datasets.synthetic.dataset import SyntheticDataset
from posebench.datasets.synthetic.folder import PictureFolder
from posebench.datasets.synthetic.names import Recipe
from posebench.datasets.synthetic.splits import GENERATOR_VERSION
from posebench.errors import InputError
from posebench.protocols import Dataset
from posebench.store import slug

Partly = Callable[[Path, int], PictureFolder]


@pytest.fixture
def dataset(partly: Partly, cache_root: Path) -> Dataset:
    """Twelve pictures that are in the cache already."""
    partly(cache_root, 12)
    return open_dataset(DatasetRef(name="synthetic-easy:12"))


@pytest.fixture(scope="module")
def document(made: Path) -> Any:
    return json.loads((made / "person_keypoints.json").read_text())


def test_nothing_is_rendered_for_a_plan(own_cache: Path) -> None:
    dataset = open_dataset(DatasetRef())
    assert dataset.name == "synthetic"
    assert len(dataset.image_ids) == 200
    assert dataset.skeleton == COCO17
    assert "rendered" in dataset.notes[0]
    assert not own_cache.exists()


def test_pictures_and_labels_agree(dataset: Dataset) -> None:
    assert list(dataset.image_ids) == list(range(1, 13))
    truth = dataset.ground_truth()
    assert truth.image_ids.tolist() == list(dataset.image_ids)
    assert truth.annotation_ids.tolist() == list(range(1, len(truth.annotation_ids) + 1))
    assert truth.keypoints.shape[1:] == (17, 3)
    assert truth.area_source == "visible mask of rendered people"
    assert dataset.image_path(3).name == "000003.jpg"
    with pytest.raises(InputError, match="image id 13"):
        dataset.image_path(13)


def test_the_file_says_what_made_it(document: Any) -> None:
    assert list(document) == ["info", "licenses", "categories", "annotations", "images"]
    info = {key: document["info"][key] for key in ("generator_version", "split", "seed", "size")}
    assert info == {
        "generator_version": GENERATOR_VERSION, "split": "easy", "seed": 0, "size": 12,
    }  # fmt: skip
    assert {image["license"] for image in document["images"]} == {document["licenses"][0]["id"]}


def test_the_category_is_cocos_person(document: Any) -> None:
    (person,) = document["categories"]
    assert person["name"] == "person"
    assert person["keypoints"][0] == "nose" and person["keypoints"][16] == "right_ankle"
    assert person["skeleton"][0] == [16, 14] and len(person["skeleton"]) == 19


def test_ids_are_consecutive_and_sizes_are_those_of_the_pictures(made: Path, document: Any) -> None:
    assert [image["id"] for image in document["images"]] == list(range(1, 13))
    for image in document["images"]:
        picture = read_image(made / "images" / image["file_name"])
        assert picture.shape == (image["height"], image["width"], 3)
    people = document["annotations"]
    assert people and [person["id"] for person in people] == list(range(1, len(people) + 1))
    owners = [person["image_id"] for person in people]
    assert owners == sorted(owners) and set(owners) <= set(range(1, 13))


def test_pycocotools_reads_it(made: Path, document: Any) -> None:
    require("pycocotools")
    from pycocotools.coco import COCO

    coco = COCO(str(made / "person_keypoints.json"))
    assert len(coco.getImgIds()) == 12
    people = coco.loadAnns(coco.getAnnIds())
    assert len(people) == len(document["annotations"])
    for person in people:
        (image,) = coco.loadImgs(person["image_id"])
        assert coco.annToMask(person).shape == (image["height"], image["width"])


def test_a_limit_takes_the_first_and_renders_no_others(partly: Partly, cache_root: Path) -> None:
    folder = partly(cache_root, 3)
    limited = open_dataset(DatasetRef(name="synthetic-easy", limit=3))
    assert list(limited.image_ids) == [1, 2, 3]
    assert limited.name == "synthetic-easy"
    assert limited.ground_truth().image_ids.tolist() == [1, 2, 3]
    assert not folder.is_whole(3)


def test_a_limit_makes_the_dataset_of_that_size(dataset: Dataset) -> None:
    limited = open_dataset(DatasetRef(name="synthetic-easy", limit=12))
    assert limited.identity() == dataset.identity()


def test_a_limit_beyond_the_size_changes_nothing(dataset: Dataset) -> None:
    limited = open_dataset(DatasetRef(name="synthetic-easy:12", limit=50))
    assert limited.identity() == dataset.identity()


def test_sigmas_are_taken_over(dataset: Dataset) -> None:
    other = open_dataset(DatasetRef(name="synthetic-easy:12"), sigmas=[0.05] * 17)
    assert other.ground_truth().skeleton.sigmas == (0.05,) * 17
    assert other.identity() != dataset.identity()
    with pytest.raises(InputError, match="3 numbers, but synthetic-easy has 17 keypoints"):
        open_dataset(DatasetRef(name="synthetic-easy"), sigmas=[0.05] * 3)


def test_the_identity_tells_sizes_and_seeds_apart(dataset: Dataset) -> None:
    others = [
        open_dataset(DatasetRef(name="synthetic-easy:11")),
        open_dataset(DatasetRef(name="synthetic-easy:12", limit=2)),
        SyntheticDataset("seed", COCO17, Recipe("easy", 2, 1)),
        SyntheticDataset("split", COCO17, Recipe("default", 2, 0)),
    ]
    assert len({dataset.identity(), *(other.identity() for other in others)}) == 5


def test_a_folder_of_ones_own_is_the_same_dataset(dataset: Dataset, made: Path) -> None:
    own = CocoDataset.open(made / "person_keypoints.json", made / "images")
    assert own.identity() == dataset.identity()
    assert own.image_ids == list(dataset.image_ids)


def test_the_name_is_safe_in_folders() -> None:
    name = open_dataset(DatasetRef(name="synthetic-easy:500:9001")).name
    assert name == "synthetic-easy:500:9001"
    assert slug(name) == "synthetic-easy-500-9001"
