"""People of COCO and MPII, their crops, and how these are changed for training."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdpose.config import ModelConfig
from rdpose.data import coco, mpii
from rdpose.data.augment import (
    AugmentConfig,
    View,
    mirrored_image,
    mirrored_joints,
    mirrored_region,
    random_view,
)
from rdpose.data.batches import CropSet, Example, TrainingSet, collate_crops, collate_training
from rdpose.data.crop import Region, crop_matrix, cut_out, map_points, region_around, to_picture
from rdpose.data.samples import Person, read_image
from rdpose.errors import DatasetError
from rdpose.joints import COCO17, MPII16, JointSet
from rdpose.targets import heatmap_targets
from rdpose_runs import TINY, mpii_of, variant_of, write_json

from posebench.config import Preprocess, TopDown
from posebench.pipelines.crops import plan_crops

pytestmark = pytest.mark.framework
CONFIG = ModelConfig()
SIZE = CONFIG.input_size
SQUARE = ModelConfig(joints="mpii16", input_size=(256, 256))


def coco_people(coco_mini: Path, config: ModelConfig = CONFIG) -> list[Person]:
    return coco.read_people(coco_mini / "person_keypoints.json", coco_mini / "images", config)


def mpii_people(data: Path, config: ModelConfig = SQUARE) -> list[Person]:
    folder = data / "openmmlab-samples" / "mpii"
    return mpii.read_people(folder / "test_mpii.json", folder, config)


def document_of(coco_mini: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((coco_mini / "person_keypoints.json").read_text())
    return document


# --- Crops --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(256, 192), (384, 288), (256, 256)])
def test_crops_are_those_of_the_benchmark(size: tuple[int, int], coco_mini: Path) -> None:
    """To the pixel, as the network will be tested with them."""
    document = document_of(coco_mini)
    preprocess = Preprocess(input_height=size[0], input_width=size[1])
    for annotation in document["annotations"][:40]:
        x, y, width, height = annotation["bbox"]
        corners = np.array([[x, y, x + width, y + height]], np.float32)
        plan = plan_crops(corners, preprocess, TopDown(box_padding=1.25, warp="classic"))
        region = region_around(corners[0], size)
        np.testing.assert_array_equal(region.center, plan.centers[0])
        np.testing.assert_array_equal(region.size, plan.sizes[0])
        np.testing.assert_array_equal(crop_matrix(region, size), plan.matrices[0])


@given(
    center=st.tuples(st.floats(-50, 700), st.floats(-50, 500)),
    width=st.floats(8, 600),
    rotation=st.floats(-90, 90),
)
def test_a_crop_is_a_rotation_and_one_scale(
    center: tuple[float, float], width: float, rotation: float
) -> None:
    size = np.array([width, width * 4 / 3], np.float32)
    region = Region(np.array(center, np.float32), size)
    matrix = crop_matrix(region, SIZE, rotation)
    linear = matrix[:, :2] * (width / SIZE[1])
    np.testing.assert_allclose(linear @ linear.T, np.eye(2), atol=2e-3)
    assert np.linalg.det(linear) > 0
    middle = map_points(region.center[None], matrix)[0]
    np.testing.assert_allclose(middle, (SIZE[1] / 2, SIZE[0] / 2), atol=0.05)


@given(box=st.tuples(*[st.floats(0, 400)] * 2, *[st.floats(10, 200)] * 2))
def test_the_way_back_undoes_the_crop(box: tuple[float, float, float, float]) -> None:
    x, y, width, height = box
    region = region_around((x, y, x + width, y + height), SIZE)
    points = np.array([[0, 0], [96, 128], [191, 255], [17.5, 200.25]], np.float32)
    there = to_picture(points, region, SIZE)
    np.testing.assert_allclose(map_points(there, crop_matrix(region, SIZE)), points, atol=0.05)


# --- COCO ---------------------------------------------------------------------------------------


def test_people_with_keypoints_are_read(coco_mini: Path) -> None:
    people = coco_people(coco_mini)
    document = document_of(coco_mini)
    posed = [a for a in document["annotations"] if a["num_keypoints"] and not a["iscrowd"]]
    assert len(people) == len(posed) == 153
    by_image = {a["image_id"] for a in posed}
    assert {person.image_id for person in people} == by_image
    assert [person.image_id for person in people] == sorted(p.image_id for p in people)
    labelled = sum(int(person.visible.sum()) for person in people)
    assert labelled == sum(a["num_keypoints"] for a in posed)
    assert all(person.image.is_file() and person.score == 1 for person in people)


def test_neighbours_are_the_centres_of_the_others(coco_mini: Path) -> None:
    people = coco_people(coco_mini)
    for person in people:
        others = [p for p in people if p.image == person.image and p is not person]
        assert len(person.neighbours) == len(others)
        for other, center in zip(others, person.neighbours, strict=True):
            np.testing.assert_allclose(center, other.joints[other.visible].mean(0), rtol=1e-5)
    assert max(len(person.neighbours) for person in people) > 3


def test_a_box_ends_at_the_picture(coco_mini: Path, tmp_path: Path) -> None:
    document = document_of(coco_mini)
    (annotation, *_) = [a for a in document["annotations"] if a["num_keypoints"]]
    image = next(i for i in document["images"] if i["id"] == annotation["image_id"])
    annotation["bbox"] = [-20.0, 10.0, image["width"] + 100.0, 50.0]
    file = tmp_path / "people.json"
    write_json(file, {**document, "images": [image], "annotations": [annotation]})
    (person,) = coco.read_people(file, coco_mini / "images", CONFIG)
    # From 0 to the last pixel in x, from 10 over 49 px in y (HRNet, lib/dataset/coco.py).
    np.testing.assert_allclose(person.region.center, ((image["width"] - 1) / 2, 34.5))
    assert person.region.size[0] == pytest.approx(1.25 * (image["width"] - 1))


Edit = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda d: d.pop("annotations"), "not a COCO-keypoint file.*annotations"),
        (lambda d: d.update(annotations=[]), "nobody with a labelled keypoint"),
        (lambda d: [a.update(iscrowd=1) for a in d["annotations"]], "nobody"),
        (lambda d: [a.update(area=0) for a in d["annotations"]], "nobody"),
        (lambda d: [a.update(keypoints=[9, 9, 2]) for a in d["annotations"]], "keypoint numbers"),
        (lambda d: [a.update(bbox=[1, 2]) for a in d["annotations"]], "not a COCO-keypoint file"),
        (lambda d: d["images"][0].update(file_name="no.jpg"), r"pictures are missing.*no\.jpg"),
    ],
    ids=["no list", "empty", "crowds", "areas", "keypoints", "boxes", "picture"],
)
def test_bad_annotations_are_refused(
    edit: Edit, reason: str, coco_mini: Path, tmp_path: Path
) -> None:
    document = document_of(coco_mini)
    edit(document)
    file = tmp_path / "people.json"
    write_json(file, document)
    with pytest.raises(DatasetError, match=rf"people\.json: .*{reason}"):
        coco.read_people(file, coco_mini / "images", CONFIG)


def test_a_file_that_is_not_there_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no\.json: no such file\. .*cocodataset\.org"):
        coco.read_people(tmp_path / "no.json", tmp_path, CONFIG)
    with pytest.raises(DatasetError, match=r"no\.json: no such file\. .*human-pose\.mpi-inf"):
        mpii.read_people(tmp_path / "no.json", tmp_path, SQUARE)
    (tmp_path / "half.json").write_text('{"images": [')
    with pytest.raises(DatasetError, match=r"half\.json: not JSON"):
        coco.read_people(tmp_path / "half.json", tmp_path, CONFIG)


def published_boxes(data: Path) -> tuple[Path, Path]:
    """mmpose's four pictures and their boxes of HRNet's detector."""
    folder = data / "openmmlab-samples" / "coco"
    return folder / "test_coco_det_AP_H_56.json", folder / "test_coco.json"


def test_published_boxes_are_read(data: Path) -> None:
    boxes, annotations = published_boxes(data)
    rows = [row for row in json.loads(boxes.read_text()) if row["category_id"] == 1]
    people = coco.read_boxes(boxes, annotations, annotations.parent, CONFIG)
    assert [person.score for person in people] == [row["score"] for row in rows]
    x, y, width, height = rows[0]["bbox"]
    center = (x + width / 2, y + height / 2)
    np.testing.assert_allclose(people[0].region.center, center, rtol=1e-6)
    assert people[0].region.size[1] == pytest.approx(1.25 * height)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], "no boxes of people"),
        ([{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 1}], "of picture 1"),
        ([{"image_id": 785, "category_id": 1, "bbox": [1, 2, 0, 4], "score": 1}], "the box"),
        ([{"image_id": 785, "category_id": 1, "bbox": [1, 2, 3], "score": 1}], "the box"),
        ([{"image_id": 785, "category_id": 1}], "not boxes in COCO's results format"),
        ({"boxes": []}, "not boxes in COCO's results format"),
    ],
    ids=["none", "other pictures", "empty box", "three numbers", "no score", "no list"],
)
def test_bad_boxes_are_refused(rows: Any, reason: str, data: Path, tmp_path: Path) -> None:
    _, annotations = published_boxes(data)
    file = tmp_path / "boxes.json"
    write_json(file, rows)
    with pytest.raises(DatasetError, match=rf"boxes\.json: .*{reason}"):
        coco.read_boxes(file, annotations, annotations.parent, CONFIG)


def test_a_picture_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(DatasetError, match=r"text\.jpg: not a readable image"):
        read_image(tmp_path / "text.jpg")


# --- MPII ---------------------------------------------------------------------------------------


def test_mpii_counts_from_one_and_moves_the_centre_down(data: Path) -> None:
    rows = json.loads((data / "openmmlab-samples/mpii/test_mpii.json").read_text())
    people = mpii_people(data)
    assert [person.image.name for person in people] == [row["image"] for row in rows]
    for person, row in zip(people, rows, strict=True):
        np.testing.assert_allclose(person.joints, np.array(row["joints"]) - 1, atol=1e-3)
        np.testing.assert_array_equal(person.visible, np.array(row["joints_vis"]) == 1)
        x, y = row["center"]
        expected = (x - 1, y + 15 * row["scale"] - 1)
        np.testing.assert_allclose(person.region.center, expected, rtol=1e-6)
        np.testing.assert_allclose(person.region.size, 250 * row["scale"], rtol=1e-6)


def test_people_of_one_mpii_picture_are_neighbours(data: Path, tmp_path: Path) -> None:
    folder = data / "openmmlab-samples" / "mpii"
    rows = json.loads((folder / "test_mpii.json").read_text())
    rows[3]["image"] = rows[0]["image"]
    write_json(tmp_path / "train.json", rows)
    people = mpii.read_people(tmp_path / "train.json", folder, SQUARE)
    assert [len(person.neighbours) for person in people] == [1, 0, 0, 1, 0]
    expected = people[3].joints[people[3].visible].mean(0)
    np.testing.assert_allclose(people[0].neighbours[0], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda rows: rows[0].pop("center"), "not MPII's annotations"),
        (lambda rows: rows[0].update(joints=[[1, 2]]), "joints of shape"),
        (lambda rows: [row.update(joints_vis=[0] * 16) for row in rows], "nobody"),
    ],
)
def test_bad_mpii_annotations_are_refused(
    edit: Callable[[Any], object], reason: str, data: Path, tmp_path: Path
) -> None:
    folder = data / "openmmlab-samples" / "mpii"
    rows = json.loads((folder / "test_mpii.json").read_text())
    edit(rows)
    write_json(tmp_path / "train.json", rows)
    with pytest.raises(DatasetError, match=rf"train\.json: .*{reason}"):
        mpii.read_people(tmp_path / "train.json", folder, SQUARE)


# --- Augmentation -------------------------------------------------------------------------------


@pytest.mark.parametrize("joint_set", [COCO17, MPII16], ids=lambda joints: joints.name)
def test_mirrored_twice_it_is_as_before(joint_set: JointSet) -> None:
    rng = np.random.default_rng(0)
    joints = rng.uniform(0, 80, (joint_set.count, 2)).astype(np.float32)
    visible = rng.random(joint_set.count) < 0.5
    once = mirrored_joints(joints, visible, 81, joint_set.flip_pairs)
    twice = mirrored_joints(*once, 81, joint_set.flip_pairs)
    np.testing.assert_allclose(twice[0], joints, atol=1e-4)
    np.testing.assert_array_equal(twice[1], visible)
    assert not np.allclose(once[0], joints)
    left, right = joint_set.flip_pairs[0]
    np.testing.assert_allclose(once[0][left], (80 - joints[right, 0], joints[right, 1]))
    assert once[1][left] == visible[right]


def dotted(coco_mini: Path, tmp_path: Path, number: int) -> Person:
    """A real person whose picture is black, but for a dot at the first labelled joint."""
    person = coco_people(coco_mini)[number]
    height, width = read_image(person.image).shape[:2]
    picture = np.zeros((height, width, 3), np.uint8)
    x, y = person.joints[np.flatnonzero(person.visible)[0]]
    cv2.circle(picture, (round(float(x)), round(float(y))), 6, (255, 255, 255), -1)
    file = tmp_path / f"{number}.png"
    cv2.imwrite(str(file), picture)
    return Person(
        file, person.image_id, person.region, person.joints, person.visible, person.neighbours
    )


@pytest.mark.parametrize("number", [1, 12, 40])
def test_joints_follow_the_pixels(number: int, coco_mini: Path, tmp_path: Path) -> None:
    """Turned, scaled and mirrored as may be, the target's maximum lies on the dot."""
    person = dotted(coco_mini, tmp_path, number)
    found = TrainingSet([person], variant_of(CONFIG, "bare"), AugmentConfig(rotated=1))
    first, seen = int(np.flatnonzero(person.visible)[0]), set()
    for epoch in range(12):
        example = found[epoch]
        bright = np.argwhere(example.image[..., 0] > 100)
        mirror = {a: b for pair in COCO17.flip_pairs for a, b in (pair, pair[::-1])}
        channels = [k for k in {first, mirror.get(first, first)} if example.weights[k]]
        if len(bright) < 20 or example.image[[0, -1]].any() or example.image[:, [0, -1]].any():
            continue  # cut off
        middle = bright.mean(0)[::-1]
        peaks = [np.argwhere(example.maps[k] == example.maps[k].max())[0] for k in channels]
        distances = [float(np.abs(peak[::-1] * 4 - middle).max()) for peak in peaks]
        assert min(distances) < 4.5
        seen.add(channels[int(np.argmin(distances))])
    assert seen == {first, mirror.get(first, first)}  # mirrored and not


def views_of(config: AugmentConfig, people: list[Person], draws: int) -> list[View]:
    rng = np.random.default_rng(3)
    person = max(people, key=lambda person: int(person.visible.sum()))
    return [random_view(person, 640, config, COCO17, SIZE, rng) for _ in range(draws)]


def test_random_numbers_are_spread_and_cut_off_as_hrnets(coco_mini: Path) -> None:
    people = coco_people(coco_mini)
    views = views_of(AugmentConfig(half_body=0), people, 4000)
    person = max(people, key=lambda person: int(person.visible.sum()))
    factors = np.array([view.region.size[0] / person.region.size[0] for view in views])
    turns = np.array([view.rotation for view in views])
    assert factors.min() == pytest.approx(0.65) and factors.max() == pytest.approx(1.35)
    assert abs(turns).max() == pytest.approx(90)
    # Of a standard normal number, 32 % lie beyond 1 and 4.6 % beyond 2.
    assert np.isclose(factors, factors.min()).mean() == pytest.approx(0.159, abs=0.02)
    assert (turns == 0).mean() == pytest.approx(0.4, abs=0.03)
    assert (abs(turns) > 89.99).mean() == pytest.approx(0.6 * 0.0455, abs=0.01)
    assert np.mean([view.mirrored for view in views]) == pytest.approx(0.5, abs=0.03)


def test_half_a_body_is_shown(coco_mini: Path) -> None:
    """Its centre is the mean of the half's joints; the upper one is taken 69 times of 100."""
    people = coco_people(coco_mini)
    person = max(people, key=lambda person: int(person.visible.sum()))
    views = views_of(AugmentConfig(half_body=1, scale=0, mirror=0), people, 1000)
    above, below = person.joints[:11], person.joints[11:]
    centers = [joints[part].mean(0) for joints, part in
               ((above, person.visible[:11]), (below, person.visible[11:]))]  # fmt: skip
    shown = np.array([view.region.center for view in views])
    upper = np.linalg.norm(shown - centers[0], axis=1) < 1e-2
    lower = np.linalg.norm(shown - centers[1], axis=1) < 1e-2
    assert (upper | lower).all()
    assert upper.mean() == pytest.approx(0.691, abs=0.05)
    extent = np.ptp(above[person.visible[:11]], axis=0) * 1.5
    size = views[int(np.argmax(upper))].region.size
    assert (size >= extent * 0.999).all() and np.isclose(size, extent, rtol=1e-3).any()


def test_few_joints_are_not_halved(coco_mini: Path) -> None:
    people = [p for p in coco_people(coco_mini) if p.visible.sum() == 8]
    views = views_of(AugmentConfig(half_body=1, scale=0, mirror=0), people, 20)
    sizes = [person.region.size[0] for person in people]
    assert all(np.isclose(view.region.size[0], sizes, rtol=1e-5).any() for view in views)


# --- Batches ------------------------------------------------------------------------------------


def assert_same(first: Example, second: Example) -> None:
    np.testing.assert_array_equal(first.image, second.image)
    np.testing.assert_array_equal(first.maps, second.maps)
    assert first.anchor == second.anchor


def test_an_example_depends_on_seed_epoch_and_position_only(coco_mini: Path) -> None:
    config = variant_of(TINY, "perturbed")
    people = coco_people(coco_mini, config)
    count = len(people)
    once, again = (TrainingSet(people, config, AugmentConfig(), seed=5) for _ in range(2))
    for key in (count + 3, 3, 2 * count + 3):
        assert_same(once[key], again[key])
    different = [once[3], once[count + 3], TrainingSet(people, config, AugmentConfig(), seed=6)[3]]
    pictures = {example.image.tobytes() for example in different}
    assert len(pictures) == 3


def test_without_augmentation_a_person_is_as_in_a_test(coco_mini: Path) -> None:
    people = coco_people(coco_mini)
    training, test = TrainingSet(people, CONFIG), CropSet(people, CONFIG)
    for index in (0, 7):
        example = training[len(people) + index]
        np.testing.assert_array_equal(example.image, test[index][0])
        matrix = crop_matrix(people[index].region, SIZE)
        points = map_points(people[index].joints, matrix)
        maps, weights = heatmap_targets(points, people[index].visible, CONFIG)
        np.testing.assert_array_equal(example.maps, maps)
        np.testing.assert_array_equal(example.weights, weights)


def test_perturbed_anchors_fall_on_neighbours(coco_mini: Path) -> None:
    """As far as they are in the crop; their centres are mirrored and turned with the picture."""
    config = variant_of(CONFIG, "perturbed")
    people = [p for p in coco_people(coco_mini) if len(p.neighbours) == 1][:12]
    config_plain = AugmentConfig(half_body=0, scale=0, rotated=0, mirror=1)
    hits = 0
    for person in people:
        width = read_image(person.image).shape[1]
        region = mirrored_region(person.region, width)
        center = person.neighbours * (-1, 1) + (width - 1, 0)
        column, row = map_points(center, crop_matrix(region, SIZE))[0] / 4
        examples = TrainingSet([person], config, config_plain)
        anchors = [examples[epoch].anchor for epoch in range(6)]
        hits += any(abs(r - row) <= 0.51 and abs(c - column) <= 0.51 for r, c in anchors)
    assert hits >= 3


def test_batches_hold_what_examples_are(coco_mini: Path, data: Path) -> None:
    people = coco_people(coco_mini, TINY)
    training, crops = TrainingSet(people, TINY), CropSet(people, TINY)
    batch = collate_training([training[i] for i in range(3)])
    assert batch.images.shape == (3, 3, 64, 64) and batch.anchors.shape == (3, 2)
    assert batch.maps.shape == (3, 18, 16, 16) and batch.weights.shape == (3, 18)
    np.testing.assert_array_equal(batch.images[1].permute(1, 2, 0), training[1].image)
    shown = collate_crops([crops[i] for i in (4, 2)])
    assert shown.indices == (4, 2)
    np.testing.assert_array_equal(shown.images[1].permute(1, 2, 0), crops[2][0])
    square = mpii_of(TINY)
    person = TrainingSet(mpii_people(data, square), square)[0]
    assert person.maps.shape == (17, 16, 16)


def test_a_mirrored_picture_shows_the_mirrored_region(coco_mini: Path) -> None:
    """All but the half pixel by which the middle of an even number of pixels is off."""
    person = coco_people(coco_mini)[5]
    image = read_image(person.image)
    region = mirrored_region(person.region, image.shape[1])
    shown = cut_out(mirrored_image(image), crop_matrix(region, SIZE), SIZE)[:, ::-1]
    straight = cut_out(image, crop_matrix(person.region, SIZE), SIZE)
    difference = np.abs(shown[:, :-1].astype(int) - straight[:, 1:])
    assert difference.mean() < 1
