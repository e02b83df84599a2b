from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from posebench.config import EvalProtocol, resolve_protocol
from posebench.errors import InputError
from posebench.pipelines.letterbox import Geometry
from posebench.pipelines.staged import StagedModel
from posebench.protocols import PoseModel, StagedPoseModel
from posebench.testing import FakeSession
from posebench.types import Image, ModelCost, Prediction, Tensor

SMALL = {"input_height": 64, "input_width": 64}


class Mean(StagedModel):
    """Its one keypoint's score is what the session gave."""

    num_keypoints = 1

    def decode(self, outputs: Mapping[str, Tensor], geometry: Geometry) -> Prediction:
        score = outputs["score"].reshape(1).astype(np.float32)
        keypoints = np.array([[[geometry.source_width, geometry.source_height]]], np.float32)
        return Prediction(keypoints, score[None], score, score)


def model(session: FakeSession, protocol: EvalProtocol | None = None) -> Mean:
    rules = protocol or resolve_protocol({"preprocess": SMALL})
    return Mean(session, rules, artifacts=(), cost=ModelCost(None, None, "a fake"))


def session(shape: tuple[int | None, ...] = (1, 3, 64, 64)) -> FakeSession:
    return FakeSession({"score": np.array([[0.5]], np.float32)}, input_shape=shape)


def pictures() -> list[Image]:
    return [np.zeros((30, 40, 3), np.uint8), np.full((20, 10, 3), 255, np.uint8)]


def test_it_keeps_the_seams() -> None:
    made: PoseModel = model(session())
    assert isinstance(made, StagedPoseModel)


def test_a_fixed_batch_runs_picture_by_picture() -> None:
    fake = session()
    found = model(fake).predict(pictures())
    assert [fed["images"].shape for fed in fake.fed] == [(1, 3, 64, 64)] * 2
    assert [p.keypoints.tolist() for p in found] == [[[[40.0, 30.0]]], [[[10.0, 20.0]]]]


def test_a_dynamic_batch_runs_at_once() -> None:
    fake = session((None, 3, None, None))
    found = model(fake).predict(pictures())
    assert [fed["images"].shape for fed in fake.fed] == [(2, 3, 64, 64)]
    assert len(found) == 2


def test_pictures_of_unequal_input_size_cannot_share_a_batch() -> None:
    fake = session((None, 3, None, None))
    rect = resolve_protocol({"preprocess": SMALL | {"resize": "letterbox-rect"}})
    model(fake, rect).predict(pictures())
    assert [fed["images"].shape for fed in fake.fed] == [(1, 3, 64, 64), (1, 3, 64, 32)]


def test_the_network_sees_scaled_rgb() -> None:
    fake = session()
    red = np.zeros((64, 64, 3), np.uint8)
    red[..., 0] = 255
    model(fake).predict([red])
    np.testing.assert_array_equal(fake.fed[0]["images"].mean(axis=(0, 2, 3)), [1, 0, 0])


def test_closing_closes_the_session() -> None:
    fake = session()
    model(fake).close()
    assert fake.closed


@pytest.mark.parametrize(
    ("shape", "rules", "message"),
    [
        ((1, 3, 32, 64), SMALL, "takes 64 x 32 px"),
        ((4, 3, 64, 64), SMALL, "batch 1"),
        ((1, 1, 64, 64), SMALL, "3 channels"),
        ((1, 4096), SMALL, "one .B, 3, H, W. input"),
        ((1, 3, 64, 64), SMALL | {"resize": "letterbox-rect"}, "dynamic height and width"),
    ],
)
def test_a_network_that_does_not_fit_the_protocol_is_refused(
    shape: tuple[int, ...], rules: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        model(session(shape), resolve_protocol({"preprocess": rules}))
