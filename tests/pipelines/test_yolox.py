"""YOLOX's grids are read as mmdet reads them, and people are told from other things."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import require, require_mmpose

from posebench.config import EvalProtocol, resolve_protocol
from posebench.errors import InputError
from posebench.pipelines.letterbox import plan
from posebench.pipelines.person_detector import STRIDES
from posebench.pipelines.yolox import YoloxModel
from posebench.testing import FakeSession
from posebench.types import Float32Array, Image, ModelCost

SIZE = (64, 96)
CELLS = 96 + 24 + 6
COST = ModelCost(None, None, "a fake")


def protocol(**postprocess: Any) -> EvalProtocol:
    pre = {"input_height": SIZE[0], "input_width": SIZE[1], "pad_position": "top-left"}
    return resolve_protocol({"preprocess": pre, "postprocess": postprocess})


def model(output: Float32Array, rules: EvalProtocol | None = None) -> YoloxModel:
    session = FakeSession({"output": output}, input_shape=(1, 3, *SIZE))
    return YoloxModel(session, rules or protocol(), artifacts=(), cost=COST)


def random_output(seed: int) -> Float32Array:
    random = np.random.default_rng(seed)
    boxes = random.normal(0, 1, (1, CELLS, 4))
    probabilities = random.uniform(0, 1, (1, CELLS, 3))
    return np.concatenate([boxes, probabilities], axis=2, dtype=np.float32)


@pytest.mark.mmpose
@pytest.mark.framework
@pytest.mark.parametrize("seed", range(3))
def test_the_grid_is_decoded_as_in_mmdet(seed: int) -> None:
    require_mmpose()
    torch: Any = require("torch")
    heads: Any = importlib.import_module("mmdet.models.dense_heads")
    points: Any = importlib.import_module("mmdet.models.task_modules.prior_generators")
    output = random_output(seed)
    sizes = [(SIZE[0] // stride, SIZE[1] // stride) for stride in STRIDES]
    levels = points.MlvlPointGenerator(list(STRIDES), offset=0).grid_priors(
        sizes, device="cpu", with_stride=True
    )
    expected = heads.YOLOXHead._bbox_decode(
        None, torch.cat(levels), torch.from_numpy(output[..., :4])
    )
    expected = expected[0].numpy()
    people = output[0, :, 5] >= output[0, :, 6]
    found = model(output).candidates({"output": output}, plan(*SIZE, protocol().preprocess))
    half = found[2:4] / 2
    corners = np.concatenate([found[:2] - half, found[:2] + half]).T
    np.testing.assert_allclose(corners, expected[people], rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(found[4], output[0, people, 4] * output[0, people, 5], rtol=1e-6)


@given(
    cell=st.integers(0, CELLS - 1),
    centre=st.tuples(st.floats(10, 86), st.floats(10, 54)),
    sides=st.tuples(st.floats(1, 19), st.floats(1, 19)),
)
def test_any_cell_can_give_any_box(
    cell: int, centre: tuple[float, float], sides: tuple[float, float]
) -> None:
    stride, first, columns = next(
        (s, f, SIZE[1] // s) for s, f in ((32, 120), (16, 96), (8, 0)) if cell >= f
    )
    row, column = divmod(cell - first, columns)
    output = np.zeros((1, CELLS, 7), np.float32)
    offsets = np.array(centre) / stride - [column, row]
    output[0, cell] = [*offsets, *np.log(np.array(sides) / stride), 0.5, 0.8, 0.1]
    picture: Image = np.zeros((*SIZE, 3), np.uint8)
    (found,) = model(output).predict([picture])
    half = np.array(sides) / 2
    assert found.boxes is not None
    np.testing.assert_allclose(found.boxes, [[*(centre - half), *(centre + half)]], atol=1e-3)
    np.testing.assert_allclose(found.scores, [0.4])


def test_what_is_more_of_something_else_is_nobody() -> None:
    output = np.zeros((1, CELLS, 7), np.float32)
    output[0, 30, 4:] = [1, 0.6, 0.61]
    output[0, 60, 4:] = [1, 0.6, 0.59]
    (found,) = model(output).predict([np.zeros((*SIZE, 3), np.uint8)])
    np.testing.assert_allclose(found.scores, [0.6])


def test_an_output_that_is_not_of_yolox_is_refused() -> None:
    for shape, message in (
        ((1, CELLS, 5), "that of YOLOX is"),
        ((1, CELLS + 1, 85), f"there would be {CELLS}"),
        ((1, CELLS), "that of YOLOX is"),
    ):
        with pytest.raises(InputError, match=message):
            model(np.zeros(shape, np.float32))
