"""Labels against the picture that they belong to, over seeds and splits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import require_oracle

from posebench.datasets.synthetic.draws import Draws
from posebench.datasets.synthetic.labels import SMALLEST_AREA
from posebench.datasets.synthetic.render import render
from posebench.datasets.synthetic.scene import Scene, draw_scene
from posebench.datasets.synthetic.skeleton import Pose
from posebench.datasets.synthetic.splits import SPLITS, Split

SPLIT = st.sampled_from(sorted(SPLITS))
SEED = st.integers(0, 10**9)
Mask = npt.NDArray[np.bool_]


def _mask(annotation: dict[str, Any]) -> Mask:
    """Decoded here, independently of the encoder: columns one after the other, zeros first."""
    height, width = annotation["segmentation"]["size"]
    counts = annotation["segmentation"]["counts"]
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape(width, height).T


def _check(annotation: dict[str, Any], size: tuple[int, int]) -> None:
    mask = _mask(annotation)
    assert mask.shape == size
    assert annotation["area"] == mask.sum() > 0
    rows, columns = np.nonzero(mask)
    x, y, width, height = annotation["bbox"]
    assert (x, y) == (columns.min(), rows.min())
    assert (width, height) == (columns.max() + 1 - x, rows.max() + 1 - y)
    keypoints = np.array(annotation["keypoints"]).reshape(17, 3)
    assert annotation["num_keypoints"] == np.count_nonzero(keypoints[:, 2])
    assert set(keypoints[:, 2]) <= {0, 1, 2}
    assert (keypoints[keypoints[:, 2] == 0] == 0).all()
    np.testing.assert_array_equal(keypoints, keypoints.round(2))
    for x, y, visible in keypoints[keypoints[:, 2] > 0]:
        assert 0 <= x < size[1] and 0 <= y < size[0]
        assert visible == 1 or mask[int(y), int(x)], "a visible keypoint is on its person"
    if annotation["area"] < SMALLEST_AREA or annotation["iscrowd"]:
        assert annotation["num_keypoints"] == 0


@settings(max_examples=25)
@given(SPLIT, SEED, st.integers(0, 4999))
def test_masks_boxes_areas_and_keypoints_agree(split: str, seed: int, index: int) -> None:
    picture = render(SPLITS[split], seed, index)
    image = cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR)
    size = picture.height, picture.width
    assert image is not None and image.shape[:2] == size
    assert {picture.width, picture.height} == {640, 480}
    covered = np.zeros(size, int)
    for annotation in picture.annotations:
        _check(annotation, size)
        covered += _mask(annotation)
        if not annotation["iscrowd"]:
            attributes = annotation["attributes"]
            assert 0 <= attributes["occlusion"] < 1
            assert 0 <= attributes["truncation"] < 1
            assert 0 <= attributes["neighbour_iou"] <= 1
            assert attributes["facing"] in {"front", "back", "left", "right"}
            assert attributes["action"] in SPLITS[split].actions
    assert covered.max(initial=0) <= 1, "no pixel belongs to two people"
    assert [a["iscrowd"] for a in picture.annotations[:-1]] == [0] * len(picture.annotations[:-1])


def test_masks_and_sizes_are_those_of_pycocotools() -> None:
    require_oracle("pycocotools")
    from pycocotools import mask as coco_mask

    annotations = [
        annotation for k in range(4) for annotation in render(SPLITS["crowded"], 8, k).annotations
    ]
    assert len(annotations) > 8
    for annotation in annotations:
        segmentation = annotation["segmentation"]
        encoded = coco_mask.frPyObjects(segmentation, *segmentation["size"])
        assert coco_mask.area(encoded) == annotation["area"]
        assert coco_mask.toBbox(encoded).tolist() == annotation["bbox"]
        small, large = annotation["area"] < 32**2, annotation["area"] >= 96**2
        size = "small" if small else "large" if large else "medium"
        assert annotation["iscrowd"] or annotation["attributes"]["size"] == size


def _alone(split: Split, seed: int) -> Scene:
    """Only one person, and nothing in front or behind."""
    scene = draw_scene(split, Draws(seed))
    return replace(scene, people=scene.people[:1], crowd=(), props=())


def _labels(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], ...]:
    module = "posebench.datasets.synthetic.render.draw_scene"
    monkeypatch.setattr(module, lambda split, draws: scene)
    return render(SPLITS["easy"], 0, 0).annotations


def test_a_mask_is_what_opencv_fills(monkeypatch: pytest.MonkeyPatch) -> None:
    found = 0
    for seed in range(12):
        scene = _alone(SPLITS["easy"], seed)
        if not scene.people:
            continue
        (annotation,) = _labels(scene, monkeypatch)
        mesh, camera = scene.people[0].mesh, scene.camera
        corners = camera.project(mesh.vertices)[mesh.faces]
        canvas = np.zeros((camera.height, camera.width), np.uint8)
        # OpenCV puts pixel middles on whole numbers, and takes sixteenths of a pixel here.
        for triangle in np.round((corners[..., :2] - 0.5) * 16).astype(np.int32):
            cv2.fillConvexPoly(canvas, triangle, (1,), lineType=cv2.LINE_8, shift=4)
        mask, filled = _mask(annotation), canvas > 0
        # OpenCV also fills the pixels that an edge merely touches: outlines differ, and chinks.
        assert not (mask & ~filled).any()
        inside = cv2.erode(canvas, np.ones((3, 3), np.uint8)) > 0
        assert (inside & ~mask).sum() <= 0.005 * mask.sum()
        assert annotation["attributes"]["occlusion"] == 0
        found += 1
    assert found >= 8


def test_who_stands_in_front_hides_what_is_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = _alone(SPLITS["easy"], 3)
    (alone,) = _labels(scene, monkeypatch)
    person = scene.people[0]
    step = np.array([0.12, 0.0, 0.8]) * np.sign(scene.camera.position[1])
    moved = replace(
        person,
        mesh=replace(person.mesh, vertices=person.mesh.vertices + step),
        keypoints=person.keypoints + step,
    )
    behind, front = _labels(replace(scene, people=(person, moved)), monkeypatch)
    hidden = _mask(alone) & ~_mask(behind)
    assert hidden.sum() > 0.2 * alone["area"]
    assert (_mask(front) | ~hidden).all()
    assert behind["attributes"]["occlusion"] == pytest.approx(
        1 - behind["area"] / alone["area"], abs=0.01
    )
    assert front["attributes"]["occlusion"] == 0
    assert behind["attributes"]["neighbour_iou"] == front["attributes"]["neighbour_iou"] > 0.2
    before, after = (np.array(a["keypoints"]).reshape(17, 3) for a in (alone, behind))
    labelled = before[:, 2] > 0
    np.testing.assert_array_equal(after[labelled, :2], before[labelled, :2])
    assert (after[labelled, 2] <= before[labelled, 2]).all()
    assert (after[labelled, 2] == 1).sum() > (before[labelled, 2] == 1).sum()


@pytest.mark.parametrize(
    ("yaw", "facing", "labelled"),
    [
        (0.0, "front", (1, 1, 1, 1, 1)),
        (np.pi, "back", (0, 0, 0, 1, 1)),
        # Turned to the picture's right, a person shows the right side.
        (np.pi / 2, "right", (1, 0, 1, 0, 1)),
        (-np.pi / 2, "left", (1, 1, 0, 1, 0)),
    ],
)
def test_the_far_side_of_a_head_is_not_labelled(
    yaw: float, facing: str, labelled: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    from posebench.datasets.synthetic.actions import draw_pose
    from posebench.datasets.synthetic.appearance import draw_appearance
    from posebench.datasets.synthetic.body import build_body

    draws = Draws(1)
    straight: Pose = replace(draw_pose(draws, "stand"), neck=(0.0, 0.0, 0.0), spine=(0.0, 0.0, 0.0))
    person = build_body(
        replace(draw_appearance(draws), hair="bald", hat=False), straight, yaw, (0.0, -3.0)
    )
    scene = replace(_alone(SPLITS["easy"], 3), people=(person,))
    (annotation,) = _labels(scene, monkeypatch)
    visible = np.array(annotation["keypoints"]).reshape(17, 3)[:5, 2]
    assert tuple((visible > 0).astype(int)) == labelled
    assert annotation["attributes"]["facing"] == facing


@pytest.mark.parametrize("split", sorted(SPLITS))
def test_what_nothing_hides_is_not_labelled_hidden(split: str) -> None:
    """People whom nothing covers have no hidden keypoint over the bare backdrop."""
    pictures = [render(SPLITS[split], 4242, index) for index in range(15)]
    people = [
        (annotation, picture)
        for picture in pictures
        for annotation in picture.annotations
        if not annotation["iscrowd"] and annotation["attributes"]["occlusion"] == 0
    ]
    assert len(people) > 10
    for annotation, picture in people:
        anybody = np.any([_mask(other) for other in picture.annotations], axis=0)
        for x, y, visible in np.array(annotation["keypoints"]).reshape(17, 3):
            assert visible != 1 or anybody[int(y), int(x)]


@pytest.mark.parametrize("name", sorted(SPLITS))
def test_splits_hold_what_they_declare(name: str) -> None:
    split = SPLITS[name]
    scenes = [draw_scene(split, Draws(11, k)) for k in range(60)]
    counts = [len(scene.people) for scene in scenes]
    assert min(counts) == 0, "there are pictures without people"
    assert max(counts) <= len(split.people) - 1
    actions = {body.pose.action for scene in scenes for body in scene.people}
    assert actions <= split.actions.keys() and len(actions) >= 4
    assert any(scene.crowd for scene in scenes) == (split.crowd > 0)
    assert {scene.wall_m is None for scene in scenes} == {True, False}
    assert {scene.camera.width for scene in scenes} == {640, 480}
    for scene in scenes:
        farthest = max((-mesh.vertices[:, 2].min() for mesh in scene.meshes()), default=0.0)
        assert scene.wall_m is None or farthest < scene.wall_m, "nobody is behind the wall"
        places = [body.hips[[0, 2]] for body in scene.people]
        for k, place in enumerate(places):
            others = places[k + 1 :]
            assert all(np.linalg.norm(place - other) > split.spacing_m for other in others)
