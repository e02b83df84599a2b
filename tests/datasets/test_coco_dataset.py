"""COCO annotation files as datasets: arrays, identity, paths, cache, errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coco_problems import Shape, random_problem

from posebench.datasets.annotations import load_annotations
from posebench.datasets.coco import CocoDataset
from posebench.datasets.skeletons import COCO17, get_skeleton, make_skeleton
from posebench.errors import InputError
from posebench.protocols import Dataset


@pytest.fixture
def document() -> dict[str, Any]:
    return random_problem(Shape(8, images=4, people=6)).gt


def write(folder: Path, document: Any) -> Path:
    path = folder / "gt.json"
    path.write_text(json.dumps(document))
    return path


def test_arrays_are_those_of_the_file(document: dict[str, Any], tmp_path: Path) -> None:
    dataset = CocoDataset.open(write(tmp_path, document), name="mine")
    truth = dataset.ground_truth()
    people = document["annotations"]
    assert dataset.image_ids == [image["id"] for image in document["images"]]
    assert truth.image_ids[truth.image_index].tolist() == [p["image_id"] for p in people]
    assert truth.keypoints.reshape(len(people), -1).tolist() == [p["keypoints"] for p in people]
    assert truth.boxes.tolist() == [p["bbox"] for p in people]
    assert truth.areas.tolist() == [p["area"] for p in people]
    assert truth.annotation_ids.tolist() == [p["id"] for p in people]
    assert truth.is_crowd.tolist() == [bool(p["iscrowd"]) for p in people]
    assert (truth.skeleton, truth.class_names) == (COCO17, ("class 0",))


def test_it_is_a_dataset(document: dict[str, Any], tmp_path: Path) -> None:
    dataset: Dataset = CocoDataset.open(write(tmp_path, document), tmp_path, name="mine")
    assert dataset.name == "mine"
    first = document["images"][0]
    assert dataset.image_path(first["id"]) == tmp_path / first["file_name"]


def test_real_file(coco_mini: Path) -> None:
    dataset = CocoDataset.open(coco_mini / "person_keypoints.json", coco_mini)
    assert (dataset.name, len(dataset.image_ids)) == ("person_keypoints", 102)
    assert dataset.ground_truth().keypoints.shape == (264, 17, 3)
    assert not dataset.notes


def test_limit_takes_the_smallest_image_ids(document: dict[str, Any], tmp_path: Path) -> None:
    dataset = CocoDataset.open(write(tmp_path, document), limit=2)
    kept = sorted(image["id"] for image in document["images"])[:2]
    truth = dataset.ground_truth()
    assert dataset.image_ids == truth.image_ids.tolist() == kept
    expected = [p["id"] for p in document["annotations"] if p["image_id"] in kept]
    assert truth.annotation_ids.tolist() == expected
    images = [p["image_id"] for p in document["annotations"] if p["image_id"] in kept]
    assert truth.image_ids[truth.image_index].tolist() == images


def test_identity_is_of_content_images_and_sigmas(document: dict[str, Any], tmp_path: Path) -> None:
    path = write(tmp_path, document)
    plain = CocoDataset.open(path)
    (tmp_path / "elsewhere").mkdir()
    moved = CocoDataset.open(write(tmp_path / "elsewhere", document), name="other")
    assert plain.identity() == moved.identity()
    document["annotations"][0]["area"] += 1
    others = [
        CocoDataset.open(path, limit=2),
        CocoDataset.open(path, sigmas=[0.05] * 17),
        CocoDataset.open(write(tmp_path / "elsewhere", document)),
    ]
    identities = {plain.identity(), *(dataset.identity() for dataset in others)}
    assert len(identities) == 4


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/passwd", "a/../../b.jpg"])
def test_file_names_cannot_leave_the_folder(
    name: str, document: dict[str, Any], tmp_path: Path
) -> None:
    document["images"][0]["file_name"] = name
    (tmp_path / "images").mkdir()
    dataset = CocoDataset.open(write(tmp_path, document), tmp_path / "images")
    with pytest.raises(InputError, match="leads out of"):
        dataset.image_path(document["images"][0]["id"])


def test_a_picture_may_be_a_link(document: dict[str, Any], tmp_path: Path) -> None:
    name = document["images"][0]["file_name"]
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "blob").write_bytes(b"picture")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / name).symlink_to(tmp_path / "store" / "blob")
    dataset = CocoDataset.open(write(tmp_path, document), tmp_path / "images")
    assert dataset.image_path(document["images"][0]["id"]).read_bytes() == b"picture"


@pytest.mark.parametrize("value", [[1], {}, None, "1.5"])
def test_a_category_id_that_is_no_number_is_named(
    value: Any, document: dict[str, Any], tmp_path: Path
) -> None:
    document["annotations"][0]["category_id"] = value
    with pytest.raises(InputError, match=r"annotations\[0\].*category_id"):
        CocoDataset.open(write(tmp_path, document))


def test_missing_pictures_are_explained(document: dict[str, Any], tmp_path: Path) -> None:
    del document["images"][0]["file_name"]
    path = write(tmp_path, document)
    with pytest.raises(InputError, match="no file_name"):
        CocoDataset.open(path, tmp_path).image_path(document["images"][0]["id"])
    with pytest.raises(InputError, match="--images"):
        CocoDataset.open(path).image_path(document["images"][1]["id"])
    with pytest.raises(InputError, match="not a folder"):
        CocoDataset.open(path, tmp_path / "nowhere")


def test_ground_truth_comes_from_the_cache_of_its_content(
    document: dict[str, Any], tmp_path: Path, own_cache: Path
) -> None:
    path = write(tmp_path, document)
    first = load_annotations(path)
    (cached,) = (own_cache / "ground-truth").iterdir()
    stamp = cached.stat().st_mtime_ns
    second = load_annotations(path)
    assert cached.stat().st_mtime_ns == stamp
    for name, value in vars(first).items():
        np.testing.assert_array_equal(getattr(second, name), value, err_msg=name)
        assert getattr(second, name).dtype == value.dtype, name


@pytest.mark.parametrize("content", [b"", b"no zip"])
def test_damaged_cache_is_made_again(
    content: bytes, document: dict[str, Any], tmp_path: Path, own_cache: Path
) -> None:
    path = write(tmp_path, document)
    load_annotations(path)
    (cached,) = (own_cache / "ground-truth").iterdir()
    cached.write_bytes(content)
    assert len(load_annotations(path).areas) == len(document["annotations"])
    assert cached.stat().st_size > 100


def test_unwritable_cache_is_no_error(
    document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("POSEBENCH_CACHE", str(tmp_path / "file"))
    assert len(load_annotations(write(tmp_path, document)).areas)


def test_categories_without_keypoints_are_left_out(
    document: dict[str, Any], tmp_path: Path
) -> None:
    document["categories"].append({"id": 90, "name": "dog"})
    count = len(document["annotations"])
    document["annotations"].insert(0, {"id": 9999, "image_id": 3, "category_id": 90})
    dataset = CocoDataset.open(write(tmp_path, document))
    assert len(dataset.ground_truth().areas) == count
    assert dataset.annotations.other_category_ids.tolist() == [90]


def test_messages_name_the_place_in_the_file(document: dict[str, Any], tmp_path: Path) -> None:
    document["categories"].append({"id": 90, "name": "dog"})
    document["annotations"].insert(0, {"id": 9999, "image_id": 3, "category_id": 90})
    del document["annotations"][2]["area"]
    with pytest.raises(InputError, match=r"annotations\[2\].*area is missing"):
        CocoDataset.open(write(tmp_path, document))


def test_unnamed_keypoints_are_recognised_by_number(
    document: dict[str, Any], tmp_path: Path
) -> None:
    del document["categories"][0]["keypoints"]
    assert CocoDataset.open(write(tmp_path, document)).skeleton == COCO17
    for person in document["annotations"]:
        person["keypoints"] = person["keypoints"][:9]
    with pytest.raises(InputError, match="3 keypoints that are not the 17 of COCO"):
        CocoDataset.open(write(tmp_path, document))


BROKEN: dict[str, tuple[Any, str]] = {
    "a list": ([], "not a COCO annotation file"),
    "no images": ({"annotations": [], "categories": []}, "no 'images'"),
    "no annotations": ({"images": [], "categories": []}, "no 'annotations'"),
    "images is an object": ({"images": {}}, "images is an object, not a list"),
    "an image is a text": ({"images": ["a"]}, r"images\[0\] is a text, not an object"),
    "instances": (
        {"images": [], "annotations": [], "categories": [{"id": 1, "name": "person"}]},
        "no category has keypoints.*person_keypoints",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_documents(name: str, tmp_path: Path) -> None:
    content, message = BROKEN[name]
    with pytest.raises(InputError, match=message):
        CocoDataset.open(write(tmp_path, content))


EDITS: dict[str, tuple[str, str, Any, str]] = {
    "crowd": ("annotations", "iscrowd", 7, "iscrowd is 7, neither 0 nor 1"),
    "area": ("annotations", "area", -3, "area is negative"),
    "count": ("annotations", "num_keypoints", "x", "num_keypoints is a text"),
    "category": ("annotations", "category_id", 55, "category_id 55 is not in categories"),
    "box": ("annotations", "bbox", [1, 2, 3], "bbox has 3 values, not 4 numbers"),
    "huge": ("annotations", "id", 2**63, "id is too large an integer"),
    "huge float": ("annotations", "id", 1e30, "too large for a whole number"),
    "truth": ("annotations", "area", True, "area is true or false, not a number"),
    "image": ("images", "id", None, "id is null, not a number"),
    "names": ("categories", "keypoints", "nose", "do not share one list"),
    "limbs": ("categories", "skeleton", [[1]], "not a list of pairs"),
}


@pytest.mark.parametrize("name", EDITS)
def test_a_wrong_field_is_named(name: str, document: dict[str, Any], tmp_path: Path) -> None:
    where, field, value, message = EDITS[name]
    document[where][0][field] = value
    with pytest.raises(InputError, match=message):
        CocoDataset.open(write(tmp_path, document))


def test_one_id_with_two_files_is_an_error(document: dict[str, Any], tmp_path: Path) -> None:
    document["images"].append({**document["images"][0], "file_name": "other.jpg"})
    with pytest.raises(InputError, match=r"images\[4\].*'other.jpg'.*earlier entry"):
        CocoDataset.open(write(tmp_path, document))


def test_repeated_category_ids_are_an_error(document: dict[str, Any], tmp_path: Path) -> None:
    document["categories"].append(document["categories"][0])
    with pytest.raises(InputError, match=r"categories\[1\].*not unique"):
        CocoDataset.open(write(tmp_path, document))


def test_categories_with_different_keypoints_are_an_error(
    document: dict[str, Any], tmp_path: Path
) -> None:
    document["categories"].append({"id": 8, "name": "hand", "keypoints": ["thumb"]})
    with pytest.raises(InputError, match="'class 0' and 'hand' do not share"):
        CocoDataset.open(write(tmp_path, document))


def test_not_text_and_not_there(tmp_path: Path) -> None:
    path = tmp_path / "gt.json"
    with pytest.raises(InputError, match="cannot be read"):
        CocoDataset.open(path)
    path.write_bytes(b"\xff\xfe{}")
    with pytest.raises(InputError, match="not UTF-8 text"):
        CocoDataset.open(path)
    path.write_bytes(b"[" * 200_000)
    with pytest.raises(InputError, match="not valid JSON"):
        CocoDataset.open(path)


def test_skeleton_registry() -> None:
    assert get_skeleton("coco17") is COCO17
    assert len(COCO17.keypoints) == 17 and len(COCO17.flip_pairs) == 8
    for left, right in COCO17.flip_pairs:
        mirrored = COCO17.keypoints[left].replace("left", "right")
        assert COCO17.keypoints[right] == mirrored
    with pytest.raises(InputError, match="unknown skeleton 'coco18'"):
        get_skeleton("coco18")


def test_made_skeletons() -> None:
    spelled = [name.replace("_", " ").title() for name in COCO17.keypoints]
    assert make_skeleton(spelled, 17) is COCO17
    other = make_skeleton(["left hand", "right hand", "tail"], 3, sigmas=[0.1, 0.1, 0.2])
    assert (other.flip_pairs, other.name) == (((0, 1),), "custom3")
    assert make_skeleton([], 17, sigmas=[0.1] * 17).sigmas == (0.1,) * 17
    renamed = [f"point {i}" for i in range(17)]
    with pytest.raises(InputError, match="--sigmas"):
        make_skeleton(renamed, 17)
    with pytest.raises(InputError, match="sigmas must be finite and positive"):
        make_skeleton([], 17, sigmas=[0.0] * 17)
