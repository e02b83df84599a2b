from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from posebench.datasets.box_area import AREA_PER_BOX_AREA
from posebench.datasets.skeletons import COCO17
from posebench.datasets.yolo_pose import YoloPoseDataset, label_path
from posebench.errors import InputError
from posebench.protocols import Dataset

HEIGHT, WIDTH = 40, 80
PERSON = "0 0.5 0.5 0.25 0.5 " + " ".join(["0.5 0.25 2"] * 15 + ["0.25 0.5 1", "0 0 0"])


def write_yaml(folder: Path, **overrides: Any) -> Path:
    fields: dict[str, Any] = {
        "path": ".",
        "val": "images/val",
        "names": ["person"],
        "kpt_shape": [17, 3],
    }
    fields.update(overrides)
    path = folder / "data.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in fields.items() if v is not None}))
    return path


def add_picture(folder: Path, name: str, labels: str | None = PERSON, split: str = "val") -> Path:
    picture = folder / "images" / split / name
    picture.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(picture), np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    if labels is not None:
        label = folder / "labels" / split / Path(name).with_suffix(".txt")
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text(labels)
    return picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "people"
    add_picture(folder, "b.png")
    add_picture(folder, "a.jpg", f"{PERSON}\n\n{PERSON}\n")
    add_picture(folder, "c.png", None)
    return folder


def opened(folder: Path, *, sigmas: list[float] | None = None, **overrides: Any) -> YoloPoseDataset:
    return YoloPoseDataset.open(write_yaml(folder, **overrides), sigmas=sigmas)


def test_pictures_and_people(folder: Path) -> None:
    dataset: Dataset = opened(folder)
    truth = dataset.ground_truth()
    assert dataset.name == "people-val"
    assert list(dataset.image_ids) == [1, 2, 3]
    assert [dataset.image_path(i).name for i in (1, 2, 3)] == ["a.jpg", "b.png", "c.png"]
    np.testing.assert_array_equal(truth.image_index, [0, 0, 1])
    np.testing.assert_array_equal(truth.annotation_ids, [1, 2, 3])
    np.testing.assert_allclose(truth.boxes[2], [30, 10, 20, 20])
    np.testing.assert_allclose(truth.areas, 400 * AREA_PER_BOX_AREA)
    np.testing.assert_allclose(truth.keypoints[2, 0], [40, 10, 2])
    np.testing.assert_allclose(truth.keypoints[2, 15], [20, 20, 1])
    np.testing.assert_array_equal(truth.num_keypoints, [16] * 3)
    assert truth.skeleton == COCO17
    assert not truth.is_crowd.any()


def test_limit_takes_the_first_pictures(folder: Path) -> None:
    dataset = YoloPoseDataset.open(write_yaml(folder), limit=1)
    assert list(dataset.image_ids) == [1]
    assert len(dataset.ground_truth().annotation_ids) == 2
    assert dataset.identity() != opened(folder).identity()


def test_two_numbers_a_keypoint(folder: Path) -> None:
    points = " ".join(["0.5 0.5"] * 3 + ["0 0"])
    for name in ("a.jpg", "b.png"):
        add_picture(folder, name, f"0 .5 .5 .1 .1 {points}")
    dataset = opened(folder, kpt_shape=[4, 2], sigmas=[0.1] * 4)
    truth = dataset.ground_truth()
    np.testing.assert_array_equal(truth.keypoints[0, :, 2], [2, 2, 2, 0])
    np.testing.assert_array_equal(truth.num_keypoints, [3, 3])
    assert dataset.skeleton.sigmas == (0.1,) * 4


def test_other_keypoints_need_sigmas(folder: Path) -> None:
    with pytest.raises(InputError, match="--sigmas"):
        opened(folder, kpt_shape=[4, 3])
    with pytest.raises(InputError, match="--sigmas: 3 numbers"):
        opened(folder, sigmas=[0.1] * 3)


def test_keypoint_names_and_flip_pairs(folder: Path) -> None:
    for name in ("a.jpg", "b.png"):
        add_picture(folder, name, "0 .5 .5 .1 .1 .5 .5 2 .5 .5 2 .5 .5 2")
    dataset = opened(
        folder,
        kpt_shape=[3, 3],
        kpt_names={0: ["tail", "ear_l", "ear_r"]},
        flip_idx=[0, 2, 1],
        names={0: "cat", 1: "dog"},
        sigmas=[0.1] * 3,
    )
    assert dataset.skeleton.keypoints == ("tail", "ear_l", "ear_r")
    assert dataset.skeleton.flip_pairs == ((1, 2),)
    assert dataset.ground_truth().class_names == ("cat", "dog")


def test_list_of_folders(folder: Path) -> None:
    add_picture(folder, "z.png", split="more")
    dataset = opened(folder, val=["images/val", "images/more"])
    assert [path.name for path in dataset.pictures] == ["z.png", "a.jpg", "b.png", "c.png"]


def test_text_list_of_pictures(folder: Path) -> None:
    (folder / "val.txt").write_text("./images/val/b.png\nimages/val/a.jpg\n\nimages/val/b.png\n")
    dataset = opened(folder, val="val.txt")
    assert [path.name for path in dataset.pictures] == ["a.jpg", "b.png"]


def test_path_is_relative_to_the_data_file_or_absolute(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "configuration"
    elsewhere.mkdir()
    expected = opened(folder).identity()
    assert opened(elsewhere, path="../people").identity() == expected
    assert opened(elsewhere, path=str(folder)).identity() == expected


def test_name_of_a_named_data_file(folder: Path) -> None:
    path = write_yaml(folder).rename(folder / "tiger-pose.yaml")
    assert YoloPoseDataset.open(path).name == "tiger-pose-val"


def test_identity_depends_on_labels_and_names_only(folder: Path) -> None:
    before = opened(folder).identity()
    add_picture(folder, "a.jpg", None)
    assert opened(folder).identity() == before
    add_picture(folder, "c.png", PERSON)
    with_label = opened(folder).identity()
    assert with_label != before
    (folder / "images/val/c.png").rename(folder / "images/val/d.png")
    assert opened(folder).identity() not in (before, with_label)
    assert opened(folder, names=["human"]).identity() != opened(folder).identity()


def test_label_path_replaces_the_last_images_folder() -> None:
    assert label_path(Path("/images/set/images/val/a.b.jpg")) == Path(
        "/images/set/labels/val/a.b.txt"
    )
    assert label_path(Path("flat/images.jpg")) == Path("flat/images.txt")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 0.5 0.5", "a.txt, line 2: 3 columns instead of 56"),
        (PERSON + " 0.1", "line 2: 57 columns"),
        (PERSON.replace("0 0.5", "1 0.5", 1), "line 2: unknown class 1"),
        (PERSON.replace("0 0.5", "0.5 0.5", 1), "line 2: unknown class 0.5"),
        (PERSON.replace("0.5 0.5", "1.2 0.5", 1), "line 2: cx is 1.2.*divided by"),
        (PERSON.replace("0.5 0.25 2", "0.5 -0.1 2", 1), "line 2: y of keypoint 0 is -0.1"),
        (PERSON.replace("0.5 0.25 2", "nan 0.25 2", 1), "line 2: x of keypoint 0 is nan"),
        (PERSON.replace("0.5 0.25 2", "0.5 0.25 3", 1), "line 2: v of keypoint 0 is 3"),
        (PERSON.replace("0.5 0.25 2", "0.5 0.25 nan", 1), "line 2: v of keypoint 0 is nan"),
        (PERSON.replace("0.25 0.5 ", "0 0.5 ", 1), "line 2: w is 0.*must have a size"),
        (PERSON.replace("0.5", "half", 1), "line 2: cx is 'half', not a number"),
        (PERSON.replace("0 ", "inf ", 1), "line 2: unknown class inf"),
    ],
)
def test_bad_label(folder: Path, line: str, message: str) -> None:
    add_picture(folder, "a.jpg", f"{PERSON}\n{line}\n")
    with pytest.raises(InputError, match=message):
        opened(folder)


def test_box_may_reach_a_little_over_the_edge(folder: Path) -> None:
    add_picture(folder, "a.jpg", PERSON.replace("0.25 0.5 ", "1.0000005 0.5 ", 1))
    np.testing.assert_allclose(opened(folder).ground_truth().boxes[0, 2], WIDTH, rtol=1e-5)


def test_label_that_is_not_text(folder: Path) -> None:
    (folder / "labels/val/a.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"a\.txt: not a text file"):
        opened(folder)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"kpt_shape": None}, r"kpt_shape must be .*not None.*kpt_shape: \[17, 3\]"),
        ({"kpt_shape": [17, 4]}, r"kpt_shape must be .*\[17, 4\]"),
        ({"kpt_shape": 17}, "kpt_shape must be"),
        ({"names": None}, "names must list the classes"),
        ({"names": {1: "person"}}, "names must list the classes"),
        ({"flip_idx": [0, 1]}, "flip_idx must hold each of 0 to 16 once"),
        ({"kpt_names": ["nose"]}, "kpt_names must hold 17 names"),
        ({"val": 3}, "val must be a path, not 3"),
        ({"path": ["a"]}, "path must be a path"),
        ({"val": None, "train": "images/train"}, "no split 'val'.*It has: train"),
        ({"val": "images/none"}, "images/none is neither a folder nor"),
        ({"path": "nowhere"}, "nowhere/images/val is neither a folder nor"),
        ({"val": "labels"}, "no pictures in .*labels.*must end in"),
    ],
)
def test_bad_data_file(folder: Path, overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        opened(folder, **overrides)


@pytest.mark.parametrize("text", ["names: [", "- a\n- b\n", "plain", ""])
def test_not_a_yaml_mapping(tmp_path: Path, text: str) -> None:
    path = tmp_path / "data.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"data\.yaml: not "):
        YoloPoseDataset.open(path)


def test_missing_data_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"data\.yaml: cannot be read \(No such file"):
        YoloPoseDataset.open(tmp_path / "data.yaml")


def test_no_labels_at_all_names_where_they_would_be(tmp_path: Path) -> None:
    add_picture(tmp_path, "a.png", None)
    with pytest.raises(InputError, match=r"no picture has a label file.*labels/val/a\.txt"):
        opened(tmp_path)


def test_pictures_of_other_formats_are_not_silently_left_out(folder: Path) -> None:
    (folder / "images/val/d.tif").write_bytes(b"II*\0")
    with pytest.raises(InputError, match=r"d\.tif: pictures of this format"):
        opened(folder)


def test_labelled_picture_without_a_size(folder: Path) -> None:
    (folder / "images/val/a.jpg").write_bytes(b"not a picture")
    with pytest.raises(InputError, match=r"a\.jpg: not a readable"):
        opened(folder)


def test_equals_the_coco_annotations_it_was_made_from(coco_mini: Path, tmp_path: Path) -> None:
    document = json.loads((coco_mini / "person_keypoints.json").read_text())
    people = [a for a in document["annotations"] if a["num_keypoints"] and not a["iscrowd"]]
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    for image in document["images"]:
        name, size = image["file_name"], (image["width"], image["height"])
        (tmp_path / "images" / name).symlink_to(coco_mini / "images" / name)
        lines = [yolo_line(a, *size) for a in people if a["image_id"] == image["id"]]
        (tmp_path / "labels" / name).with_suffix(".txt").write_text("\n".join(lines))
    truth = opened(tmp_path, val="images").ground_truth()
    order = sorted(people, key=lambda a: a["image_id"])
    keypoints = np.asarray([a["keypoints"] for a in order]).reshape(-1, 17, 3)
    np.testing.assert_allclose(truth.boxes, [a["bbox"] for a in order], atol=1e-3)
    np.testing.assert_allclose(truth.keypoints, keypoints, atol=1e-3)
    np.testing.assert_array_equal(truth.num_keypoints, [a["num_keypoints"] for a in order])


def yolo_line(annotation: dict[str, Any], width: int, height: int) -> str:
    x, y, w, h = annotation["bbox"]
    box = [(x + w / 2) / width, (y + h / 2) / height, w / width, h / height]
    points = np.asarray(annotation["keypoints"], float).reshape(-1, 3) / [width, height, 1]
    return "0 " + " ".join(f"{value:.8f}" for value in [*box, *points.ravel()])
