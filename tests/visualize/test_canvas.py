"""Drawing touches what it should, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posebench.types import Float64Array, Image
from posebench.visualize.canvas import Canvas, text_width

RED = (255, 0, 0)
ANYWHERE = st.floats(-1e15, 1e15, allow_nan=False)
NEAR = st.floats(5, 55)
POINT = st.tuples(NEAR, NEAR)


def grey() -> Image:
    return np.full((60, 60, 3), 90, np.uint8)


def distances(a: tuple[float, float], b: tuple[float, float]) -> Float64Array:
    """(60, 60) of each pixel's centre to the segment."""
    pixels = np.stack(np.meshgrid(np.arange(60.0), np.arange(60.0)), axis=-1)
    start, way = np.array(a), np.array(b) - np.array(a)
    along = np.clip((pixels - start) @ way / max(float(way @ way), 1e-12), 0, 1)
    apart: Float64Array = np.linalg.norm(pixels - start - along[..., None] * way, axis=-1)
    return apart


@given(POINT, POINT, st.integers(1, 9))
def test_a_line_covers_its_way_and_leaves_the_rest(
    a: tuple[float, float], b: tuple[float, float], width: int
) -> None:
    canvas = Canvas(grey())
    canvas.line(a, b, RED, width)
    apart = distances(a, b)
    changed = (canvas.pixels != grey()).any(axis=-1)
    assert changed[apart <= 0.5].all()
    assert not changed[apart > width / 2 + 3].any()


@given(POINT, POINT, st.integers(1, 9), st.floats(0, 0.99))
def test_see_through_lines_are_the_solid_one_mixed_with_the_picture(
    a: tuple[float, float], b: tuple[float, float], width: int, alpha: float
) -> None:
    solid, thin = Canvas(grey()), Canvas(grey())
    solid.line(a, b, RED, width)
    thin.line(a, b, RED, width, alpha)
    mixed = alpha * solid.pixels + (1 - alpha) * grey()
    inside = distances(a, b) <= max(width / 2 - 1, 0.1)
    # A shift of the origin changes the rounding of the antialiased rim alone.
    assert np.abs(thin.pixels - mixed)[inside].max(initial=0) <= 100 * alpha + 1
    core = distances(a, b) <= width / 2 - 2
    assert np.abs(thin.pixels - mixed)[core].max(initial=0) <= 1


@given(ANYWHERE, ANYWHERE, ANYWHERE, ANYWHERE, st.floats(0, 1))
def test_no_coordinate_is_too_far(x: float, y: float, u: float, v: float, alpha: float) -> None:
    canvas = Canvas(grey())
    canvas.line((x, y), (u, v), RED, 3, alpha)
    canvas.dashed((x, y), (u, v), RED, 3, 50)
    canvas.polygon([(x, y), (u, y), (u, v)], RED, alpha)
    assert canvas.pixels.shape == (60, 60, 3)


def test_dashes_leave_gaps() -> None:
    canvas = Canvas(grey())
    canvas.dashed((2, 30), (57, 30), RED, 1, 5)
    row = canvas.pixels[30, :, 0] > 150
    assert row[3] and row[56]
    assert 4 <= np.count_nonzero(np.diff(row.astype(int)) == 1) <= 8


def test_the_picture_given_is_not_changed() -> None:
    image = grey()
    Canvas(image).box((0, 0), (60, 60), RED)
    assert (image == grey()).all()


@pytest.mark.parametrize("height", [8.0, 12.0, 30.0])
def test_text_is_as_high_and_as_wide_as_said(height: float) -> None:
    canvas = Canvas(np.zeros((80, 400, 3), np.uint8))
    canvas.text("HHH", (20, 60), (255, 255, 255), height)
    rows = np.flatnonzero(canvas.pixels.any(axis=(1, 2)))
    columns = np.flatnonzero(canvas.pixels.any(axis=(0, 2)))
    assert abs(np.ptp(rows) + 1 - height) <= height / 9 + 3
    assert np.ptp(columns) <= text_width("HHH", height)
