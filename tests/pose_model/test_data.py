"""Training data of rfdetr_pose: real and hostile datasets, what augmentation keeps,"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import yaml
from hypothesis import assume, example, given
from hypothesis import strategies as st
from PIL import Image as PILImage
from rfdetr_pose.config import DEMO, MEDIUM
from rfdetr_pose.data.augment import (
    AugmentConfig,
    View,
    objects_in_view,
    random_view,
    recolour,
    render_view,
    whole,
)
from rfdetr_pose.data.batches import Example, PoseDataset, collate, read_image
from rfdetr_pose.data.coco import read_coco
from rfdetr_pose.data.folders import read_training_set
from rfdetr_pose.data.samples import Sample
from rfdetr_pose.data.yolo import read_yolo
from rfdetr_pose.errors import DatasetError
from rfdetr_pose.keypoints import COCO_KEYPOINTS, keypoint_schema
from rfdetr_pose.training.sampling import EpochSampler

pytestmark = pytest.mark.framework

Document = dict[str, Any]
Edit = Callable[[Document], object]

WIDTH, HEIGHT = 80, 40
ROW = "0 0.5 0.5 0.25 0.5 " + " ".join(["0.5 0.25 2"] * 15 + ["0.25 0.5 1", "0 0 0"])
FLIP = COCO_KEYPOINTS.flip_order
UNCHANGED = AugmentConfig(
    mirror=0, zoom=(1, 1), aspect=1, brightness=0, contrast=0, saturation=0, tint=0, gray=0
)


def with_keypoints(count: int, *, flips: Any = None, classes: tuple[str, ...] = ("person",)) -> Any:
    schema = keypoint_schema(count, flip_pairs=flips)
    return MEDIUM.model_copy(update={"keypoints": schema, "class_names": classes})


def write_picture(path: Path, width: int = WIDTH, height: int = HEIGHT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((height, width, 3), np.uint8))
    return path


def assert_same_samples(first: Sample, second: Sample, pixels: float = 1e-3) -> None:
    assert first.path.name == second.path.name
    assert (first.width, first.height) == (second.width, second.height)
    np.testing.assert_array_equal(first.labels, second.labels)
    np.testing.assert_array_equal(first.crowd, second.crowd)
    np.testing.assert_allclose(first.boxes, second.boxes, atol=pixels)
    np.testing.assert_allclose(first.keypoints, second.keypoints, atol=pixels)


# --- COCO ---------------------------------------------------------------------------------------


@pytest.mark.data
def test_a_real_coco_folder_is_read_whole(coco_mini: Path) -> None:
    document = json.loads((coco_mini / "person_keypoints.json").read_bytes())
    train, held_out = read_training_set([coco_mini], MEDIUM)
    assert held_out == []
    assert [int(s.path.stem) for s in train] == sorted(i["id"] for i in document["images"])
    assert len(train) == 102
    assert sum(len(s.labels) for s in train) == len(document["annotations"]) == 264
    assert sum(int(s.crowd.sum()) for s in train) == 4
    assert sum(int((s.keypoints[..., 2] > 0).any(1).sum()) for s in train) == 153


@pytest.mark.data
def test_a_real_annotation_is_read_as_it_stands(coco_mini: Path) -> None:
    document = json.loads((coco_mini / "person_keypoints.json").read_bytes())
    image = document["images"][0]
    truth = [a for a in document["annotations"] if a["image_id"] == image["id"]]
    train, _ = read_training_set([coco_mini], MEDIUM)
    (sample,) = (s for s in train if s.path.name == image["file_name"])
    assert (sample.width, sample.height) == (image["width"], image["height"])
    corners = [[x, y, x + w, y + h] for x, y, w, h in (a["bbox"] for a in truth)]
    np.testing.assert_allclose(sample.boxes, corners, rtol=1e-6)
    np.testing.assert_array_equal(sample.keypoints.reshape(len(truth), -1), keypoints_of(truth))
    np.testing.assert_allclose(sample.areas, [a["area"] for a in truth], rtol=1e-6)


def keypoints_of(annotations: list[Document]) -> list[list[float]]:
    return [annotation["keypoints"] for annotation in annotations]


@pytest.mark.data
def test_a_validation_folder_is_used_instead_of_the_folders_own(coco_mini: Path) -> None:
    train, held_out = read_training_set([coco_mini, coco_mini], MEDIUM, coco_mini)
    assert (len(train), len(held_out)) == (204, 102)


def coco_document() -> Document:
    person = [20, 10, 2] * 15 + [40, 20, 1] + [0, 0, 0]
    names = list(COCO_KEYPOINTS.names)
    return {
        "images": [{"id": 1, "file_name": "a.png", "width": WIDTH, "height": HEIGHT}],
        "annotations": [
            {
                "id": 5,
                "image_id": 1,
                "category_id": 3,
                "bbox": [10, 5, 40, 30],
                "area": 700,
                "keypoints": person,
            }
        ],
        "categories": [{"id": 3, "name": "person", "keypoints": names}],
    }


def write_coco(folder: Path, edit: Edit = lambda document: None) -> Path:
    write_picture(folder / "train" / "a.png")
    document = coco_document()
    edit(document)
    (folder / "train" / "_annotations.coco.json").write_text(json.dumps(document))
    return folder


def test_both_parts_of_a_coco_folder(tmp_path: Path) -> None:
    write_coco(tmp_path)
    (tmp_path / "train").rename(tmp_path / "valid")
    write_coco(tmp_path)
    train, held_out = read_training_set([tmp_path], MEDIUM)
    assert [s.path.parent.name for s in train + held_out] == ["train", "valid"]


def test_a_category_of_another_name_and_those_without_keypoints(tmp_path: Path) -> None:
    """Roboflow's exports have a category 0 without keypoints that stands for the whole set."""

    def edit(document: Document) -> None:
        document["categories"][0]["name"] = "human"
        document["categories"].insert(0, {"id": 0, "name": "people", "supercategory": "none"})
        document["annotations"].append({**document["annotations"][0], "category_id": 0})

    train, _ = read_training_set([write_coco(tmp_path, edit)], MEDIUM)
    np.testing.assert_array_equal(train[0].labels, [0])


def test_classes_are_in_the_models_order(tmp_path: Path) -> None:
    def edit(document: Document) -> None:
        category = document["categories"][0]
        document["categories"] = [{**category, "id": 8, "name": "ape"}, category]
        document["annotations"].append({**document["annotations"][0], "category_id": 8})

    config = with_keypoints(17, classes=("person", "ape"))
    train, _ = read_training_set([write_coco(tmp_path, edit)], config)
    np.testing.assert_array_equal(train[0].labels, [0, 1])


def annotation(**changes: Any) -> Edit:
    return lambda document: document["annotations"][0].update(changes)


def category(**changes: Any) -> Edit:
    return lambda document: document["categories"][0].update(changes)


def second_category(document: Document) -> None:
    document["categories"].append({**document["categories"][0], "id": 4, "name": "ape"})
    document["categories"][0]["name"] = "human"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda d: d.update(images=[], annotations=[]), "no images"),
        (lambda d: d.update(annotations=[]), "none of the 1 images has an object with a labelled"),
        (annotation(keypoints=None), "none of the 1 images has an object with a labelled"),
        (annotation(keypoints=[0] * 51), "none of the 1 images has an object with a labelled"),
        (annotation(keypoints=[81, 5, 1] * 17), r"at \(81, 5\), outside the image of 80 x 40 px"),
        (annotation(keypoints=[5, -2, 2] * 17), r"at \(5, -2\), outside .* Give it v = 0"),
        (annotation(keypoints=[5, 5, 2] * 4), "annotation 5: 12 keypoint numbers, 17 keypoints"),
        (category(keypoints=["a", "b"]), "has 2 keypoints, the model has 17.*num_keypoints=2"),
        (second_category, r"class_names=\['ape', 'human'\]"),
        (lambda d: d["images"][0].update(file_name="b.png"), r"image 1: .*b\.png does not exist"),
        (annotation(bbox=[1, 2, 3]), "not a COCO-keypoint file"),
        (annotation(area=float("nan")), r"object 0 of a\.png .* the area nan.*finite"),
        (annotation(bbox=[1, 2, float("inf"), 4]), r"object 0 of a\.png has the box .*finite"),
        (lambda d: d.update(categories=["person"]), "not a COCO-keypoint file"),
        (lambda d: d.pop("annotations"), "not a COCO-keypoint file.*annotations"),
    ],
)
def test_coco_files_that_cannot_be_trained_on(tmp_path: Path, edit: Edit, message: str) -> None:
    with pytest.raises(DatasetError, match=f"{tmp_path}.*{message}"):
        read_training_set([write_coco(tmp_path, edit)], MEDIUM)


def test_a_keypoint_on_the_far_edge_is_inside(tmp_path: Path) -> None:
    edit = annotation(keypoints=[WIDTH, HEIGHT, 2] * 17)
    assert len(read_training_set([write_coco(tmp_path, edit)], MEDIUM)[0]) == 1


def test_a_file_that_is_not_json_or_not_there(tmp_path: Path) -> None:
    file = write_coco(tmp_path) / "train" / "_annotations.coco.json"
    file.write_text("{'images': []}")
    with pytest.raises(DatasetError, match=f"{file}: not JSON"):
        read_training_set([tmp_path], MEDIUM)
    with pytest.raises(DatasetError, match=r"gone\.json: cannot be read"):
        read_coco(tmp_path / "gone.json", tmp_path, MEDIUM)


def test_a_folder_without_a_dataset(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no train part found\. Looked for .*data\.yaml"):
        read_training_set([tmp_path], MEDIUM)
    with pytest.raises(DatasetError, match="typo: no such dataset folder"):
        read_training_set([tmp_path / "typo"], MEDIUM)
    with pytest.raises(DatasetError, match="typo: no such dataset folder"):
        read_training_set([write_coco(tmp_path)], MEDIUM, tmp_path / "typo")


# --- YOLO ---------------------------------------------------------------------------------------


def write_yaml(folder: Path, **changes: Any) -> Path:
    """A ``data.yaml``; a change to None leaves a field out."""
    folder.mkdir(parents=True, exist_ok=True)
    fields = {"train": "images/train", "names": ["person"], "kpt_shape": [17, 3], **changes}
    file = folder / "data.yaml"
    file.write_text(yaml.safe_dump({k: v for k, v in fields.items() if v is not None}))
    return file


def add_picture(
    folder: Path, labels: str | None, name: str = "a.png", part: str = "images/train"
) -> Path:
    picture = write_picture(folder / part / name)
    if labels is not None:
        label = folder / part.replace("images", "labels") / Path(name).with_suffix(".txt")
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text(labels)
    return picture


def yolo_folder(folder: Path, labels: str | None = ROW, **changes: Any) -> Path:
    add_picture(folder, labels)
    write_yaml(folder, **changes)
    return folder


def yolo_rows(sample: Sample, dims: int) -> str:
    size = np.array([sample.width, sample.height] * 2)
    rows = []
    for box, keypoints in zip(sample.boxes, sample.keypoints, strict=True):
        numbers = [*(box[:2] + box[2:]) / 2 / size[:2], *(box[2:] - box[:2]) / size[2:]]
        for x, y, v in keypoints:
            numbers += [x / sample.width, y / sample.height, v][:dims]
        rows.append(" ".join(["0", *(f"{number:.7f}" for number in numbers)]))
    return "\n".join(rows)


def without_crowds(sample: Sample) -> Sample:
    kept = ~sample.crowd
    fields = ("boxes", "keypoints", "areas", "labels", "crowd")
    return replace(sample, **{name: getattr(sample, name)[kept] for name in fields})


@pytest.mark.data
@pytest.mark.parametrize("dims", [2, 3])
def test_real_people_written_as_yolo_are_read_back(
    coco_mini: Path, tmp_path: Path, dims: int
) -> None:
    expected = [without_crowds(s) for s in read_training_set([coco_mini], MEDIUM)[0]]
    for sample in expected:
        picture = tmp_path / "images" / "train" / sample.path.name
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.symlink_to(sample.path)
        label = tmp_path / "labels" / "train" / f"{sample.path.stem}.txt"
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text(yolo_rows(sample, dims))
    write_yaml(tmp_path, kpt_shape=[17, dims], flip_idx=FLIP)
    read, held_out = read_training_set([tmp_path], MEDIUM)
    assert (len(read), held_out) == (102, [])
    for sample, truth in zip(read, expected, strict=True):
        if dims == 2:  # what is labelled is then taken for visible
            truth.keypoints[..., 2] = np.where(truth.keypoints[..., 2] > 0, 2, 0)
        assert_same_samples(sample, truth)
        np.testing.assert_allclose(
            sample.areas, 0.53 * (truth.boxes[:, 2:] - truth.boxes[:, :2]).prod(1), rtol=1e-3
        )


def test_one_row_in_pixels(tmp_path: Path) -> None:
    (sample,) = read_yolo(yolo_folder(tmp_path) / "data.yaml", "train", MEDIUM)
    np.testing.assert_allclose(sample.boxes, [[30, 10, 50, 30]])
    np.testing.assert_allclose(
        sample.keypoints[0, [0, 15, 16]], [[40, 10, 2], [20, 20, 1], [0] * 3]
    )
    np.testing.assert_allclose(sample.areas, [0.53 * 400])


def test_pictures_without_labels_have_no_objects(tmp_path: Path) -> None:
    add_picture(tmp_path, None, "c.jpg")
    add_picture(tmp_path, "\n", "b.JPEG")
    add_picture(tmp_path, f"\ufeff{ROW}\n\n{ROW}\n")
    (tmp_path / "images/train/notes.md").write_text("no picture")
    samples = read_yolo(write_yaml(tmp_path), "train", MEDIUM)
    assert [s.path.name for s in samples] == ["a.png", "b.JPEG", "c.jpg"]
    assert [s.keypoints.shape for s in samples] == [(n, 17, 3) for n in (2, 0, 0)]


@pytest.mark.parametrize("key", ["val", "valid"])
def test_the_validation_part_has_two_names(tmp_path: Path, key: str) -> None:
    yolo_folder(tmp_path, **{key: "images/held-out"})
    add_picture(tmp_path, ROW, "v.png", "images/held-out")
    train, held_out = read_training_set([tmp_path], MEDIUM)
    assert [s.path.name for s in train + held_out] == ["a.png", "v.png"]


def test_places_of_pictures(tmp_path: Path) -> None:
    """A folder and a list together, from another folder, by the path of the YAML file itself."""
    people = tmp_path / "people"
    add_picture(people, ROW, "deep/d.png")
    add_picture(people, ROW, "l.png", "images/listed")
    (people / "list.txt").write_text("./images/listed/l.png\n\nimages/train/deep/d.png\n")
    places = ["images/train", "list.txt"]
    for path in ("../people", str(people)):
        file = write_yaml(tmp_path / "elsewhere", train=places, path=path)
        train, _ = read_training_set([file], MEDIUM)
        assert [s.path.name for s in train] == ["d.png", "l.png", "d.png"]
        assert all(len(s.labels) == 1 for s in train)


def test_the_last_folder_images_is_the_one_with_labels(tmp_path: Path) -> None:
    folder = tmp_path / "images" / "people"
    add_picture(folder, None)
    labels = write_picture(folder / "labels" / "train" / "a.png").with_suffix(".txt")
    labels.write_text(ROW)
    assert len(read_yolo(write_yaml(folder), "train", MEDIUM)[0].labels) == 1


def test_labels_beside_pictures_that_are_in_no_folder_images(tmp_path: Path) -> None:
    write_picture(tmp_path / "photos" / "a.png").with_suffix(".txt").write_text(ROW)
    assert len(read_yolo(write_yaml(tmp_path, train="photos"), "train", MEDIUM)[0].labels) == 1


def test_the_paths_that_roboflow_writes(tmp_path: Path) -> None:
    add_picture(tmp_path, ROW, part="train/images")
    file = write_yaml(tmp_path, train="../train/images")
    assert len(read_yolo(file, "train", MEDIUM)[0].labels) == 1


def test_coco_annotations_come_before_a_data_yaml(tmp_path: Path) -> None:
    write_coco(yolo_folder(tmp_path))
    (sample,) = read_training_set([tmp_path], MEDIUM)[0]
    np.testing.assert_allclose(sample.areas, [700])


@pytest.mark.parametrize("names", [["ape", "person"], {1: "person", 0: "ape"}])
def test_names_in_another_order_than_the_models(tmp_path: Path, names: Any) -> None:
    folder = yolo_folder(tmp_path, f"{ROW}\n1{ROW[1:]}", names=names)
    config = with_keypoints(17, classes=("person", "ape"))
    np.testing.assert_array_equal(
        read_yolo(folder / "data.yaml", "train", config)[0].labels, [1, 0]
    )


def test_one_class_may_have_any_name(tmp_path: Path) -> None:
    folder = yolo_folder(tmp_path, names={0: "human"})
    np.testing.assert_array_equal(read_yolo(folder / "data.yaml", "train", MEDIUM)[0].labels, [0])


def test_of_two_numbers_a_keypoint_only_the_corner_is_not_labelled(tmp_path: Path) -> None:
    folder = yolo_folder(tmp_path, "0 .5 .5 .5 .5 0 0 0 .5 .5 0", kpt_shape=[3, 2])
    (sample,) = read_yolo(folder / "data.yaml", "train", with_keypoints(3))
    expected = np.array([[[0, 0, 0], [0, 0.5 * HEIGHT, 2], [0.5 * WIDTH, 0, 2]]])
    np.testing.assert_allclose(sample.keypoints, expected)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kpt_shape": None}, r"kpt_shape is None.* Add e\.g\. kpt_shape: \[17, 3\]"),
        ({"kpt_shape": [17, 4]}, r"kpt_shape is \[17, 4\], not \[keypoints, 2 or 3\]"),
        ({"kpt_shape": [5, 3]}, "says 5 keypoints, the model has 17. .*num_keypoints=5"),
        ({"names": None}, r"names is None.* Add e\.g\. names: \[person\]"),
        ({"names": {0: "ape", 2: "person"}}, "names is {0: 'ape', 2: 'person'}, not a list"),
        ({"names": ["person", "ape"]}, r"class_names=\['person', 'ape'\]"),
        ({"train": "images/typo"}, "images/typo is neither a folder nor a .txt list.*Correct path"),
        ({"path": "typo"}, "typo/images/train is neither a folder nor a .txt list"),
        ({"train": "images/train/a.png"}, "a.png is neither a folder nor a .txt list"),
        ({"flip_idx": list(range(17))}, r"by the model's flip_pairs it is \[0, 2, 1, .*flip_idx"),
    ],
)
def test_data_files_that_cannot_be_used(tmp_path: Path, changes: Document, message: str) -> None:
    yolo_folder(tmp_path, **changes)
    with pytest.raises(DatasetError, match=rf"data\.yaml: .*{message}"):
        read_training_set([tmp_path], MEDIUM)


def test_a_model_with_the_flip_pairs_of_the_data_file(tmp_path: Path) -> None:
    row = "0 .5 .5 .5 .5 " + ".2 .2 2 " * 3
    file = yolo_folder(tmp_path, row, kpt_shape=[3, 3], flip_idx=[0, 2, 1]) / "data.yaml"
    assert len(read_yolo(file, "train", with_keypoints(3, flips=[(1, 2)]))) == 1
    with pytest.raises(DatasetError, match="flip_idx"):
        read_yolo(file, "train", with_keypoints(3))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (ROW.removesuffix(" 0"), r"55 columns. With kpt_shape \[17, 3\] write 56"),
        ("0 .5 .5 .5 .5", "5 columns"),
        (f"1{ROW[1:]}", "class 1, but names has only 0 to 0"),
        (f"-1{ROW[1:]}", "class -1, but"),
        (f"0.5{ROW[1:]}", "class 0.5, but"),
        (ROW.replace("0.25 0.5 1", "0.25 nan 1"), "column 52 is nan. Write a finite number"),
        (ROW.replace("0.25 0.5 1", "0.25 inf 1"), "column 52 is inf"),
        (ROW.replace("0.25 0.5 1", "0.25 left 1"), "'left'. Write numbers"),
        (ROW.replace("0 0.5 0.5 0.25", "0 40 20 20"), r"the box is \[40.0, 20.0.*Divide"),
        (ROW.replace("0.25 0.5 1", "0.25 0.5 3"), "visibilities are .*3.0.*Write 0 for not"),
    ],
)
def test_rows_that_cannot_be_used(tmp_path: Path, row: str, message: str) -> None:
    folder = yolo_folder(tmp_path, f"{ROW}\n\n{row}\n")
    with pytest.raises(DatasetError, match=rf"labels/train/a\.txt, line 3: .*{message}"):
        read_training_set([folder], MEDIUM)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"train: [", "not YAML"), (b"\xff\xfe", "not YAML"), (b"- 1", "not a mapping")],
)
def test_a_broken_data_file(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "data.yaml").write_bytes(content)
    with pytest.raises(DatasetError, match=rf"data\.yaml: {message}"):
        read_training_set([tmp_path], MEDIUM)


def test_a_data_file_without_the_part(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no train part found"):
        read_training_set([yolo_folder(tmp_path, train=None, val="images/train")], MEDIUM)
    assert len(read_training_set([write_coco(tmp_path)], MEDIUM, tmp_path / "data.yaml")[1]) == 1


def test_a_part_that_is_not_used_need_not_be_there(tmp_path: Path) -> None:
    yolo_folder(tmp_path, val="images/typo")
    with pytest.raises(DatasetError, match="images/typo is neither a folder"):
        read_training_set([tmp_path], MEDIUM)
    validation = write_coco(tmp_path / "other")
    assert len(read_training_set([tmp_path], MEDIUM, validation)[1]) == 1


def test_what_a_reader_does_not_see_is_still_checked(tmp_path: Path) -> None:
    outside = ROW.replace("0.25 0.5 1", "1.1 0.5 1")
    with pytest.raises(DatasetError, match=r"at \(88, 20\), outside the image of 80 x 40 px"):
        read_training_set([yolo_folder(tmp_path / "outside", outside)], MEDIUM)
    with pytest.raises(DatasetError, match=r"no image of 'train' has labels. .*labels/train/a.txt"):
        read_training_set([yolo_folder(tmp_path / "bare", None)], MEDIUM)
    with pytest.raises(DatasetError, match="none of the 1 images has an object with a labelled"):
        read_training_set([yolo_folder(tmp_path / "empty", "")], MEDIUM)
    (tmp_path / "images").mkdir()
    write_yaml(tmp_path, train="images")
    with pytest.raises(DatasetError, match="no images"):
        read_training_set([tmp_path], MEDIUM)


def test_pictures_that_cannot_be_used(tmp_path: Path) -> None:
    picture = yolo_folder(tmp_path) / "images" / "train" / "a.png"
    picture.write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=r"a\.png: cannot be read as an image"):
        read_training_set([tmp_path], MEDIUM)
    picture.unlink()
    (tmp_path / "list.txt").write_text("images/train/a.png")
    with pytest.raises(DatasetError, match=r"a\.png: cannot be read as an image"):
        read_yolo(write_yaml(tmp_path, train="list.txt"), "train", MEDIUM)


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_a_picture_that_is_turned_for_display(tmp_path: Path, orientation: int) -> None:
    picture = yolo_folder(tmp_path) / "images" / "train" / "a.png"
    exif = PILImage.Exif()
    exif[0x0112] = orientation
    PILImage.new("RGB", (WIDTH, HEIGHT)).save(picture.with_suffix(".jpg"), exif=exif)
    picture.unlink()
    if orientation == 1:
        assert len(read_training_set([tmp_path], MEDIUM)[0]) == 1
    else:
        with pytest.raises(DatasetError, match=r"a\.jpg: its EXIF orientation .*upright"):
            read_training_set([tmp_path], MEDIUM)


# --- Augmentation -------------------------------------------------------------------------------


def objects(
    width: int, height: int, boxes: Any, keypoints: Any = None, crowd: Any = None
) -> Sample:
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    count = len(boxes)
    return Sample(
        path=Path("drawn.png"),
        width=width,
        height=height,
        boxes=boxes,
        keypoints=np.zeros((count, 17, 3), np.float32) if keypoints is None else keypoints,
        areas=(boxes[:, 2:] - boxes[:, :2]).prod(1) / 2,
        labels=np.arange(count, dtype=np.int64),
        crowd=np.zeros(count, np.bool_) if crowd is None else np.array(crowd, np.bool_),
    )


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    """Up to three objects anywhere in an image, each with some labelled keypoints inside it."""
    width, height = draw(st.integers(20, 200)), draw(st.integers(20, 200))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    count = draw(st.integers(0, 3))
    size = np.array([width, height])
    low = random.uniform(0, size - 10, (count, 2))
    high = random.uniform(low + 8, size)
    points = random.uniform(0, size, (count, 17, 2))
    visibility = random.integers(0, 3, (count, 17, 1))
    keypoints = np.concatenate([points * (visibility > 0), visibility], 2).astype(np.float32)
    return objects(width, height, np.concatenate([low, high], 1), keypoints)


@st.composite
def views_with_a_pixel(draw: st.DrawFn) -> tuple[int, int, int, int, View]:
    """An image's size, one of its pixels, and a window with some room around that pixel."""
    width, height = draw(st.integers(40, 120)), draw(st.integers(40, 120))
    column, row = draw(st.integers(6, width - 7)), draw(st.integers(6, height - 7))
    shown_width, shown_height = draw(st.floats(20, 1.3 * width)), draw(st.floats(20, 1.3 * height))
    left = column + 0.5 - draw(st.floats(7, shown_width - 7))
    top = row + 0.5 - draw(st.floats(7, shown_height - 7))
    view = View(left, top, shown_width, shown_height, draw(st.booleans()))
    return width, height, column, row, view


def bright_dot(width: int, height: int, column: int, row: int) -> npt.NDArray[np.uint8]:
    y, x = np.mgrid[:height, :width]
    glow = 255 * np.exp(-((x - column) ** 2 + (y - row) ** 2) / 18)
    return np.repeat(glow.astype(np.uint8)[..., None], 3, 2)


def brightest_place(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Centre of what is brighter than the grey around the image, counted from pixel edges."""
    weights = np.clip(picture[..., 0].astype(float) - 180, 0, None)
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]] + 0.5
    return np.array([np.average(x, weights=weights), np.average(y, weights=weights)])


@given(views_with_a_pixel())
@example((64, 64, 10, 50, View(0, 0, 64, 64)))
@example((64, 64, 10, 50, View(0, 0, 64, 64, mirrored=True)))
@example((64, 64, 10, 50, View(-20, -10, 80, 90, mirrored=True)))
def test_a_keypoint_stays_on_the_pixel_that_it_marks(
    drawn: tuple[int, int, int, int, View],
) -> None:
    width, height, column, row, view = drawn
    side = 96
    keypoints = np.zeros((1, 17, 3), np.float32)
    keypoints[0, 0] = column + 0.5, row + 0.5, 2  # the nose, which a mirror leaves its name
    sample = objects(width, height, [column - 3, row - 3, column + 4, row + 4], keypoints)
    shown = objects_in_view(sample, view, FLIP)
    where = shown.keypoints[0, 0, :2] * side / (view.width, view.height)
    picture = render_view(bright_dot(width, height, column, row), view, side)
    assert picture.shape == (side, side, 3)
    np.testing.assert_allclose(brightest_place(picture), where, atol=0.3)


def test_outside_the_image_there_is_grey() -> None:
    picture = render_view(np.zeros((10, 10, 3), np.uint8), View(-10, -5, 20, 20), 20)
    expected = np.broadcast_to(np.array([124, 116, 104], np.uint8), (20, 20, 3)).copy()
    expected[5:15, 10:] = 0
    np.testing.assert_array_equal(picture, expected)


@given(st.integers(8, 60), st.integers(0, 2**32))
def test_a_square_picture_is_rendered_pixel_for_pixel(side: int, seed: int) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    view = View(0, 0, side, side)
    np.testing.assert_array_equal(render_view(picture, view, side), picture)
    mirrored = replace(view, mirrored=True)
    once = render_view(picture, mirrored, side)
    np.testing.assert_array_equal(once, picture[:, ::-1])
    np.testing.assert_array_equal(render_view(once, mirrored, side), picture)


@given(samples())
def test_flipping_twice_is_the_identity(sample: Sample) -> None:
    view = replace(whole(sample), mirrored=True)
    once = objects_in_view(sample, view, FLIP)
    assert_same_samples(objects_in_view(once, view, FLIP), sample)
    np.testing.assert_array_equal(once.keypoints[..., 2], sample.keypoints[:, FLIP, 2])


@given(samples())
def test_a_flip_exchanges_left_and_right_by_name(sample: Sample) -> None:
    shown = objects_in_view(sample, replace(whole(sample), mirrored=True), FLIP)
    names = list(COCO_KEYPOINTS.names)
    for index, name in enumerate(names):
        swapped = {"left": "right", "right": "left"}.get(name.split("_")[0], name)
        other = names.index("_".join([swapped, *name.split("_")[1:]]))
        for before, after in zip(
            sample.keypoints[:, other], shown.keypoints[:, index], strict=True
        ):
            x = sample.width - before[0] if before[2] else 0
            np.testing.assert_allclose(after, [x, *before[1:]], atol=1e-3)


@given(samples())
def test_the_whole_view_changes_nothing(sample: Sample) -> None:
    shown = objects_in_view(sample, whole(sample), FLIP)
    assert_same_samples(shown, sample, pixels=0)
    np.testing.assert_array_equal(shown.areas, sample.areas)


@given(samples(), st.integers(0, 2**32))
def test_what_a_random_view_shows_lies_in_it(sample: Sample, seed: int) -> None:
    view = random_view(sample, AugmentConfig(), np.random.default_rng(seed))
    shown = objects_in_view(sample, view, FLIP)
    size = np.array([view.width, view.height])
    corners = shown.boxes.reshape(-1, 2, 2)
    assert (corners >= -1e-3).all()
    assert (corners <= size + 1e-3).all()
    assert (corners[:, 1] - corners[:, 0] >= 2).all()
    labelled = shown.keypoints[shown.keypoints[..., 2] > 0][:, :2]
    assert (labelled >= -1e-3).all()
    assert (labelled <= size + 1e-3).all()
    assert not shown.keypoints[shown.keypoints[..., 2] == 0].any() or view.left < 0 or view.top < 0
    np.testing.assert_array_equal(shown.areas, sample.areas[shown.labels])


@given(samples(), st.integers(0, 2**32))
def test_a_keypoint_is_lost_only_outside_the_view(sample: Sample, seed: int) -> None:
    view = random_view(sample, replace(AugmentConfig(), mirror=0), np.random.default_rng(seed))
    shown = objects_in_view(sample, view, FLIP)
    before = sample.keypoints[shown.labels]
    moved = before[..., :2] - (view.left, view.top)
    inside = (moved >= 0).all(2) & (moved <= (view.width, view.height)).all(2)
    expected = np.where(inside, before[..., 2], 0)
    assume((np.abs(np.stack([moved, moved - (view.width, view.height)])) > 1e-3).all())
    np.testing.assert_array_equal(shown.keypoints[..., 2], expected)
    np.testing.assert_allclose(shown.keypoints[expected > 0][:, :2], moved[expected > 0], atol=1e-3)


@given(st.integers(30, 300), st.integers(30, 300), st.integers(0, 2**32))
def test_random_views_are_as_the_settings_say(width: int, height: int, seed: int) -> None:
    config = AugmentConfig(zoom=(0.5, 1.5), aspect=1.3)
    view = random_view(objects(width, height, []), config, np.random.default_rng(seed))
    zoom = np.sqrt(view.width * view.height / (width * height))
    assert 0.5 - 1e-6 <= zoom <= 1.5 + 1e-6
    stretch = (view.width / width) / (view.height / height)
    assert 1 / 1.3 - 1e-6 <= stretch <= 1.3 + 1e-6
    for low, side, whole_side in ((view.left, view.width, width), (view.top, view.height, height)):
        slack = whole_side - side
        assert min(0, slack) - 1e-6 <= low <= max(0, slack) + 1e-6


def test_random_views_are_mirrored_as_often_as_wanted() -> None:
    sample, random = objects(80, 40, []), np.random.default_rng(0)
    for share in (0, 0.5, 1):
        config = AugmentConfig(mirror=share)
        mirrored = [random_view(sample, config, random).mirrored for _ in range(400)]
        assert np.mean(mirrored) == pytest.approx(share, abs=0.1 * (share == 0.5))


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize(
    ("box", "kept"),
    [
        ([60, 10, 160, 30], True),  # 40 of 100 columns in view
        ([89, 10, 189, 30], True),  # 11
        ([91, 10, 191, 30], False),  # 9
        ([98.5, 10, 104, 30], False),  # a quarter, but of 1.5 px
        ([10, 49, 30, 60], False),  # 1 px of 11
        ([120, 10, 160, 30], False),
        ([-60, -40, -5, -2], False),
    ],
)
def test_what_is_hardly_in_view_is_not_asked_for(
    box: list[float], kept: bool, mirrored: bool
) -> None:
    sample = objects(200, 100, [[5, 5, 15, 15], box])
    shown = objects_in_view(sample, View(0, 0, 100, 50, mirrored), FLIP)
    assert shown.labels.tolist() == ([0, 1] if kept else [0])


def test_crowds_are_not_asked_for() -> None:
    boxes = [[0, 0, 20, 20], [5, 5, 40, 40], [20, 20, 60, 60]]
    sample = objects(80, 80, boxes, crowd=[False, True, False])
    shown = objects_in_view(sample, whole(sample), FLIP)
    assert shown.labels.tolist() == [0, 2]
    np.testing.assert_array_equal(shown.boxes, sample.boxes[[0, 2]])


@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 2**32))
def test_recolouring_keeps_the_shape_and_can_change_nothing(
    width: int, height: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    picture = random.integers(0, 256, (height, width, 3), np.uint8)
    changed = recolour(picture, AugmentConfig(), random)
    assert changed.shape == picture.shape
    assert changed.dtype == np.uint8
    np.testing.assert_array_equal(recolour(picture, UNCHANGED, random), picture)


def test_each_part_of_recolouring_does_what_it_is_called() -> None:
    random = np.random.default_rng(3)
    picture = random.integers(60, 190, (16, 16, 3), np.uint8)
    gray = recolour(picture, replace(UNCHANGED, gray=1), random)
    expected = (picture @ (0.299, 0.587, 0.114))[..., None]
    assert (np.abs(gray - expected) < 1).all()
    paler = recolour(picture, replace(UNCHANGED, saturation=0.4), random)
    assert np.ptp(paler / 1 - expected) != np.ptp(picture / 1 - expected)
    assert (np.abs(paler @ (0.299, 0.587, 0.114) - expected[..., 0]) < 1).all()
    brighter = recolour(picture, replace(UNCHANGED, brightness=0.1), random).astype(int) - picture
    assert np.ptp(brighter) == 0 < np.abs(brighter[0, 0, 0]) <= 26
    contrast = recolour(picture, replace(UNCHANGED, contrast=0.3), random) - 127.5
    factors = contrast / (picture - 127.5)
    assert np.ptp(factors[np.abs(picture - 127.5) > 40]) < 0.03
    tinted = recolour(picture, replace(UNCHANGED, tint=0.08), random) / picture
    assert (np.ptp(tinted, axis=(0, 1)) < 0.02).all() and np.ptp(tinted[0, 0]) > 0.01
    assert (np.abs(tinted - 1) < 0.09).all()


# --- Batches ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def people(coco_mini: Path) -> list[Sample]:
    """Eight real pictures, one of them with a crowd."""
    found, _ = read_training_set([coco_mini], DEMO)
    crowded = next(index for index, sample in enumerate(found) if sample.crowd.any())
    return [*found[:7], found[crowded]]


def same_example(first: Example, second: Example) -> bool:
    same_objects = np.array_equal(first.objects.boxes, second.objects.boxes)
    return same_objects and np.array_equal(first.image, second.image) and first.size == second.size


@pytest.mark.data
def test_a_key_is_an_example_and_another_epoch_another(people: list[Sample]) -> None:
    dataset = PoseDataset(people, DEMO, AugmentConfig(), seed=1)
    again = PoseDataset(people, DEMO, AugmentConfig(), seed=1)
    other_seed = PoseDataset(people, DEMO, AugmentConfig(), seed=2)
    for key in (0, 3, 8 * 4 + 3):
        assert same_example(dataset[key], again[key])
        assert dataset[key].index == key % 8
        assert not same_example(dataset[key], dataset[key + 8])
        assert not same_example(dataset[key], other_seed[key])


@pytest.mark.data
def test_without_augmentation_pictures_are_whole(people: list[Sample]) -> None:
    dataset = PoseDataset(people, DEMO)
    assert len(dataset) == 8
    for index, sample in enumerate(people):
        shown = dataset[index]
        assert shown.image.shape == (192, 192, 3)
        assert shown.size == (sample.width, sample.height)
        np.testing.assert_array_equal(shown.objects.keypoints, sample.keypoints[~sample.crowd])
        full = render_view(read_image(sample), whole(sample), 192)
        assert np.abs(shown.image.astype(int) - full).mean() < 1


@pytest.mark.data
def test_collate_pads_what_the_pixels_say(people: list[Sample]) -> None:
    dataset = PoseDataset(people, DEMO, AugmentConfig(), seed=1)
    examples = [dataset[key] for key in (7, 0, 3, 5)]
    batch = collate(examples)
    counts = [len(shown.objects.labels) for shown in examples]
    assert len(set(counts)) > 1, "nothing would be padded"
    targets = batch.targets
    assert targets.present.sum(1).tolist() == counts
    assert tuple(targets.keypoints.shape) == (4, max(counts), 17, 2)
    assert targets.count == sum(counts)
    assert batch.indices == (7, 0, 3, 5)
    for row, (shown, count) in enumerate(zip(examples, counts, strict=True)):
        np.testing.assert_array_equal(batch.images[row].permute(1, 2, 0).numpy(), shown.image)
        size = targets.sizes[row].numpy()
        np.testing.assert_allclose(size, shown.size, rtol=1e-6)
        points = targets.keypoints[row, :count].numpy() * size
        np.testing.assert_allclose(points, shown.objects.keypoints[..., :2], atol=1e-2)
        visibility = targets.visibility[row, :count].numpy()
        np.testing.assert_array_equal(visibility, shown.objects.keypoints[..., 2])
        centres, sides = np.split(targets.boxes[row, :count].numpy(), 2, axis=1)
        corners = np.concatenate([centres - sides / 2, centres + sides / 2], 1)
        np.testing.assert_allclose(corners * np.tile(size, 2), shown.objects.boxes, atol=1e-2)
        np.testing.assert_array_equal(targets.areas[row, :count].numpy(), shown.objects.areas)
        np.testing.assert_array_equal(targets.labels[row, :count].numpy(), shown.objects.labels)
        assert targets.present[row, :count].all()
        assert not targets.visibility[row, count:].any()
        assert (targets.areas[row, count:] > 0).all()


def test_pictures_without_objects_make_a_batch() -> None:
    empty = objects(30, 20, [])
    shown = Example(np.zeros((192, 192, 3), np.uint8), empty, (30.0, 20.0), 4)
    batch = collate([shown, shown])
    assert batch.targets.count == 0
    assert tuple(batch.images.shape) == (2, 3, 192, 192)


def test_pictures_that_are_not_as_annotated(tmp_path: Path) -> None:
    sample = replace(objects(WIDTH, HEIGHT, []), path=write_picture(tmp_path / "a.png"))
    assert read_image(sample).shape == (HEIGHT, WIDTH, 3)
    with pytest.raises(DatasetError, match=r"a\.png: is 80 x 40 px, its annotation says 40 x 80"):
        read_image(replace(sample, width=HEIGHT, height=WIDTH))
    sample.path.write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=r"a\.png: not a readable image"):
        read_image(sample)


def test_pictures_are_rgb(tmp_path: Path) -> None:
    path = tmp_path / "red.png"
    PILImage.new("RGB", (WIDTH, HEIGHT), (250, 10, 60)).save(path)
    shown = read_image(replace(objects(WIDTH, HEIGHT, []), path=path))
    assert shown[0, 0].tolist() == [250, 10, 60]


@given(
    length=st.integers(1, 40),
    processes=st.integers(1, 5),
    seed=st.integers(0, 2**31),
    epoch=st.integers(0, 3),
)
def test_processes_share_out_an_epoch(length: int, processes: int, seed: int, epoch: int) -> None:
    shares = []
    for rank in range(processes):
        sampler = EpochSampler(length, seed, rank, processes)
        sampler.set_epoch(epoch)
        shares.append(list(sampler))
        assert len(shares[-1]) == len(sampler) == length // processes
    keys = [key for share in shares for key in share]
    assert all(key // length == epoch for key in keys)
    assert len({key % length for key in keys}) == len(keys)


@given(length=st.integers(1, 40), processes=st.integers(1, 5))
def test_in_their_own_order_all_pictures_come_once(length: int, processes: int) -> None:
    samplers = [EpochSampler(length, None, rank, processes) for rank in range(processes)]
    assert sorted(key for sampler in samplers for key in sampler) == list(range(length))
    assert [len(list(sampler)) for sampler in samplers] == [len(sampler) for sampler in samplers]
    samplers[0].set_epoch(3)
    assert list(samplers[0]) == list(range(0, length, processes))


def test_each_epoch_and_each_seed_has_an_order_of_its_own() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        sampler = EpochSampler(30, seed)
        sampler.set_epoch(epoch)
        return [key % 30 for key in sampler]

    assert order(0, 1) == order(0, 1)
    assert sorted(order(0, 1)) == list(range(30))
    assert len({tuple(order(*key)) for key in ((0, 0), (0, 1), (0, 2), (1, 0))}) == 4
    assert order(0, 0) != list(range(30))
