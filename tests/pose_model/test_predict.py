"""What predict returns, whatever the picture comes in as."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import supervision as sv
import torch
from PIL import Image
from pose_networks import TINY, make_model, random_picture
from rfdetr_pose import PoseModel

pytestmark = pytest.mark.framework
PICTURE = random_picture()
GREY = np.repeat(random_picture(seed=1)[:, :, :1], 3, axis=2)


@pytest.fixture(scope="module")
def model() -> PoseModel:
    return make_model()


def same(a: sv.Detections, b: sv.Detections, tolerance: float = 0.0) -> None:
    assert len(a) == len(b) > 0
    pairs = [(a.xyxy, b.xyxy), (a.confidence, b.confidence), (a.class_id, b.class_id)]
    pairs += [(a.data[name], b.data[name]) for name in ("keypoints", "keypoints_confidence")]
    for first, second in pairs:
        np.testing.assert_allclose(first, second, rtol=0, atol=tolerance)


@pytest.mark.parametrize("threshold", [0.0, 2.0])
def test_shapes_and_types(model: PoseModel, threshold: float) -> None:
    found = model.predict(PICTURE, threshold)
    count = 8 if threshold == 0 else 0
    assert isinstance(found, sv.Detections)
    assert (found.xyxy.shape, found.xyxy.dtype) == ((count, 4), np.float32)
    assert found.confidence is not None
    assert (found.confidence.shape, found.confidence.dtype) == ((count,), np.float32)
    assert found.class_id is not None
    assert (found.class_id.shape, found.class_id.dtype) == ((count,), np.int64)
    keypoints, confidences = found.data["keypoints"], found.data["keypoints_confidence"]
    assert (keypoints.shape, keypoints.dtype) == ((count, 17, 3), np.float32)
    assert (confidences.shape, confidences.dtype) == ((count, 17), np.float32)
    assert list(found.data["class_name"]) == ["person"] * count


def test_values(model: PoseModel) -> None:
    found = model.predict(PICTURE, threshold=0.0)
    keypoints, confidences = found.data["keypoints"], found.data["keypoints_confidence"]
    assert ((confidences > 0) & (confidences < 1)).all()
    assert set(np.unique(keypoints[..., 2])) == {0, 2}
    np.testing.assert_array_equal(keypoints[..., 2] == 2, confidences >= 0.5)
    assert found.confidence is not None
    assert (np.diff(found.confidence) <= 0).all()
    assert ((found.confidence > 0) & (found.confidence < 1)).all()
    low, high = found.xyxy[:, None, :2], found.xyxy[:, None, 2:]
    assert (low < high).all()
    assert ((keypoints[..., :2] >= low - 1e-3) & (keypoints[..., :2] <= high + 1e-3)).all()


def by_hand(model: PoseModel, picture: npt.NDArray[np.uint8]) -> list[tuple[Any, ...]]:
    """Score, class, box, keypoints and confidences of every query and class, best first."""
    height, width = picture.shape[:2]
    side = model.config.resolution
    square = cv2.resize(picture, (side, side), interpolation=cv2.INTER_LINEAR) / 255
    normalised = (square - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    with torch.no_grad():
        output = model.network(torch.from_numpy(normalised).float().permute(2, 0, 1)[None])
    rows = []
    for query in range(model.config.num_queries):
        x, y, w, h = output.boxes[0, query].tolist()
        box = [(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height]
        points = [(px * width, py * height) for px, py in output.keypoints[0, query].tolist()]
        confidences = output.visibility[0, query].sigmoid().tolist()
        for label, score in enumerate(output.logits[0, query].sigmoid().tolist()):
            rows.append((score, label, box, points, confidences))
    return sorted(rows, key=lambda row: -row[0])[: model.config.num_queries]


def same_as_by_hand(model: PoseModel, picture: npt.NDArray[np.uint8]) -> None:
    found = model.predict(picture, threshold=0.0)
    scores, labels, boxes, points, confidences = zip(*by_hand(model, picture), strict=True)
    np.testing.assert_allclose(found.confidence, scores, atol=1e-4)
    np.testing.assert_array_equal(found.class_id, labels)
    np.testing.assert_allclose(found.xyxy, boxes, rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(found.data["keypoints"][..., :2], points, rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(found.data["keypoints_confidence"], confidences, atol=1e-4)


@pytest.mark.parametrize(("height", "width"), [(48, 72), (400, 104), (8, 8)])
def test_predictions_are_the_networks_in_pixels(model: PoseModel, height: int, width: int) -> None:
    same_as_by_hand(model, random_picture(height, width))


def test_the_threshold_is_the_least_score(model: PoseModel) -> None:
    every = model.predict(PICTURE, threshold=0.0)
    assert every.confidence is not None
    least = float(every.confidence[3])
    some = model.predict(PICTURE, threshold=least)
    assert len(some) == 4
    same(some, every[:4])
    assert (
        len(model.predict(PICTURE, threshold=np.nextafter(np.float32(least), np.float32(1)))) == 3
    )
    usual = model.predict(PICTURE)
    assert len(usual) == (every.confidence >= 0.5).sum()


def test_a_batch_gives_what_its_pictures_give_alone(model: PoseModel) -> None:
    # More than go through the network together, of several shapes.
    pictures = [random_picture(40 + 8 * (i % 4), 80 - 8 * (i % 3), seed=i) for i in range(11)]
    batch = model.predict(pictures, threshold=0.0)
    assert isinstance(batch, list)
    assert len(batch) == 11
    for picture, found in zip(pictures, batch, strict=True):
        # In pixels: 1e-4 of the sides.
        same(found, model.predict(picture, threshold=0.0), tolerance=1e-4 * 64)
    (one,) = model.predict((pictures[0],), threshold=0.0)
    same(one, model.predict(pictures[0], threshold=0.0))
    assert not np.allclose(batch[0].xyxy, batch[4].xyxy, atol=0.1)
    assert model.predict([]) == []


def saved(path: Path) -> Path:
    Image.fromarray(PICTURE).save(path)
    return path


INPUTS: dict[str, Callable[[Path], Any]] = {
    "path": lambda folder: saved(folder / "a.png"),
    "string": lambda folder: str(saved(folder / "a.bmp")),
    "PIL": lambda _: Image.fromarray(PICTURE),
    "RGBA": lambda _: Image.fromarray(PICTURE).convert("RGBA"),
    "palette": lambda folder: Image.fromarray(PICTURE).convert("P", palette=Image.Palette.ADAPTIVE),
    "palette file": lambda folder: saved_palette(folder / "a.png"),
    "BGR view": lambda _: np.ascontiguousarray(PICTURE[:, :, ::-1])[:, :, ::-1],
    "mirrored twice": lambda _: np.ascontiguousarray(PICTURE[:, ::-1])[:, ::-1],
    "read only": lambda _: np.frombuffer(PICTURE.tobytes(), np.uint8).reshape(PICTURE.shape),
}


def saved_palette(path: Path) -> Path:
    Image.fromarray(PICTURE).convert("P", palette=Image.Palette.ADAPTIVE).save(path)
    return path


@pytest.mark.parametrize("kind", INPUTS)
def test_the_same_picture_in_any_form(model: PoseModel, kind: str, tmp_path: Path) -> None:
    assert len(np.unique(PICTURE.reshape(-1, 3), axis=0)) <= 256  # so a palette can hold it
    expected = model.predict(PICTURE, threshold=0.0)
    same(model.predict(INPUTS[kind](tmp_path), threshold=0.0), expected)
    same(model.predict([INPUTS[kind](tmp_path)], threshold=0.0)[0], expected)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "1"])
def test_grey_pictures_of_any_mode(model: PoseModel, mode: str) -> None:
    grey = np.where(GREY > 127, np.uint8(255), np.uint8(0)) if mode == "1" else GREY
    expected = model.predict(grey, threshold=0.0)
    one = Image.fromarray(grey[:, :, 0])
    # A CMYK picture of grey can only be made of an RGB one.
    converted = one.convert("RGB").convert(mode) if mode == "CMYK" else one.convert(mode)
    same(model.predict(converted, threshold=0.0), expected)


def test_the_order_of_the_channels_matters(model: PoseModel) -> None:
    first = model.predict(PICTURE, threshold=0.0)
    other = model.predict(PICTURE[:, :, ::-1], threshold=0.0)
    assert not np.allclose(first.xyxy, other.xyxy, atol=0.1)


def test_an_array_is_not_changed(model: PoseModel) -> None:
    before = PICTURE.copy()
    model.predict(PICTURE)
    np.testing.assert_array_equal(PICTURE, before)


@pytest.mark.parametrize(
    "array",
    [
        PICTURE.astype(np.float32) / 255,
        PICTURE.astype(np.int64),
        PICTURE[:, :, 0],
        PICTURE[None],
        PICTURE.transpose(2, 0, 1),
        np.dstack([PICTURE, PICTURE[:, :, :1]]),
        PICTURE[:0],
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_other_arrays_are_refused(model: PoseModel, array: Any) -> None:
    with pytest.raises(ValueError, match=r"must be \(height, width, 3\) uint8 RGB, not \("):
        model.predict(array)
    with pytest.raises(ValueError, match=r"must be \(height, width, 3\) uint8 RGB"):
        model.predict([PICTURE, array])


@pytest.mark.parametrize("kind", ["text", "empty", "cut short", "folder"])
def test_files_that_are_no_picture(model: PoseModel, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    if kind == "folder":
        path.mkdir()
    else:
        Image.fromarray(PICTURE).save(path)
        whole = path.read_bytes()
        path.write_bytes({"text": b"hello", "empty": b"", "cut short": whole[:-200]}[kind])
    with pytest.raises(ValueError, match=r"picture\.jpg: not a readable image"):
        model.predict(path)


def test_things_that_are_no_picture(model: PoseModel, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing\.png"):
        model.predict(tmp_path / "missing.png")
    for thing in (3, None, b"bytes", [[PICTURE]], torch.zeros(3, 8, 8)):
        with pytest.raises(TypeError, match="a path, a PIL image or an array, not"):
            model.predict(thing)


def test_two_classes_of_objects() -> None:
    names = ("person", "dog")
    model = make_model(TINY.model_copy(update={"class_names": names}), seed=1)
    same_as_by_hand(model, PICTURE)
    found = model.predict(PICTURE, threshold=0.0)
    assert len(found) == 8  # the best of 8 queries and 2 classes
    assert found.class_id is not None
    assert set(found.class_id) == {0, 1}
    assert list(found.data["class_name"]) == [names[label] for label in found.class_id]
