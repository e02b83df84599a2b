from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from posebench.overlap import predict_images
from posebench.types import Image, Prediction


class Sizes:
    """Finds one person whose only keypoint is the picture's size."""

    num_keypoints = 1

    def predict(self, images: Sequence[Image], boxes: object = None) -> list[Prediction]:
        return [
            Prediction(
                keypoints=np.array([[image.shape[1::-1]]], np.float32),
                keypoint_scores=np.ones((1, 1), np.float32),
                box_scores=np.ones(1, np.float32),
                scores=np.ones(1, np.float32),
            )
            for image in images
        ]


class Stages(Sizes):
    """The same in stages, and notes in which thread each ran."""

    def __init__(self) -> None:
        self.threads: dict[str, set[int]] = {"pre": set(), "net": set(), "post": set()}

    def preprocess(self, images: Sequence[Image], boxes: object = None) -> Any:
        self.threads["pre"].add(threading.get_ident())
        return images

    def infer(self, prepared: Any) -> Any:
        self.threads["net"].add(threading.get_ident())
        return prepared

    def postprocess(self, raw: Any) -> list[Prediction]:
        self.threads["post"].add(threading.get_ident())
        return self.predict(raw)


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    made = []
    for width in range(10, 23):
        made.append(tmp_path / f"{width}.png")
        cv2.imwrite(str(made[-1]), np.zeros((8, width, 3), np.uint8))
    return made


def widths(model: Any, paths: list[Path]) -> list[float]:
    outcomes = predict_images(model, paths)
    return [float(o.prediction.keypoints[0, 0, 0]) if o.error is None else -1 for o in outcomes]


@pytest.mark.parametrize("model", [Sizes(), Stages()], ids=["whole", "staged"])
@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 13])
def test_pictures_come_back_in_order(model: Any, paths: list[Path], count: int) -> None:
    assert widths(model, paths[:count]) == list(range(10, 10 + count))


def test_the_network_stays_in_the_calling_thread(paths: list[Path]) -> None:
    model = Stages()
    widths(model, paths)
    here = threading.get_ident()
    assert model.threads["net"] == {here}
    assert here not in model.threads["pre"] | model.threads["post"]


def test_an_unreadable_picture_is_empty_and_says_why(paths: list[Path]) -> None:
    paths[2].write_bytes(b"")
    outcomes = list(predict_images(Stages(), paths))  # type: ignore[arg-type]
    assert [len(o.prediction) for o in outcomes] == [1, 1, 0] + [1] * 10
    assert outcomes[2].error is not None and "12.png" in outcomes[2].error


def test_an_error_of_the_model_comes_through(paths: list[Path]) -> None:
    class Broken(Stages):
        def postprocess(self, raw: Any) -> list[Prediction]:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(predict_images(Broken(), paths))  # type: ignore[arg-type]
