"""Rotations, projection and rasterising against what others compute."""

from __future__ import annotations

import math

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from posebench.datasets.synthetic.camera import Camera
from posebench.datasets.synthetic.geometry import (
    bend,
    cross,
    dot,
    normalise,
    profile,
    snap,
)
from posebench.datasets.synthetic.rasteriser import rasterise
from posebench.types import BoolArray, Float64Array

ANGLES = st.floats(-math.pi, math.pi)


@given(ANGLES, ANGLES, ANGLES)
def test_a_bend_is_a_rotation(pitch: float, yaw: float, roll: float) -> None:
    matrix = bend(pitch, yaw, roll)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(matrix) > 0


def test_products_are_those_of_numpy() -> None:
    random = np.random.default_rng(0)
    a, b = random.normal(size=(2, 50, 3))
    np.testing.assert_allclose(cross(a, b), np.cross(a, b))
    np.testing.assert_allclose(dot(a, b), (a * b).sum(axis=1))
    np.testing.assert_allclose(np.linalg.norm(normalise(a), axis=1), 1)


@given(st.floats(-3, 3))
def test_a_profile_stays_between_its_values(at: float) -> None:
    (value,) = profile(np.array([at]), (-1, 0, 1), (2.0, 5.0, 3.0))
    assert 2.0 <= value <= 5.0


@given(st.floats(-1e3, 1e3))
def test_snapping_moves_by_half_a_step_at_most_and_only_once(value: float) -> None:
    (snapped,) = snap(np.array([value]))
    assert abs(snapped - value) <= 2.0**-15
    assert snap(np.array([snapped]))[0] == snapped


@given(
    st.floats(0.5, 1.2), st.floats(0.8, 2.1), st.floats(0.05, 0.4), st.floats(-0.1, 0.1), st.data()
)
def test_projection_is_that_of_opencv(
    field_of_view: float, height: float, pitch: float, roll: float, data: st.DataObject
) -> None:
    camera = Camera.aimed((640, 480), field_of_view, height, pitch, roll)
    point = np.array([[data.draw(st.floats(-2, 2)), data.draw(st.floats(0, 2)), -4.0]])
    # OpenCV looks along +z with y downwards.
    axes = camera.axes * np.array([[1.0], [-1.0], [-1.0]])
    matrix = np.array([[camera.focal, 0, 320], [0, camera.focal, 240], [0, 0, 1.0]])
    turn, shift = cv2.Rodrigues(axes)[0], -axes @ camera.position
    expected, _ = cv2.projectPoints(point, turn, shift, matrix, np.zeros(4))
    np.testing.assert_allclose(camera.project(point)[0, :2], expected.reshape(2), atol=1e-4)


def test_what_is_behind_the_camera_has_no_depth() -> None:
    camera = Camera.aimed((640, 480), 0.9, 1.5, 0.0, 0.0)
    assert camera.project(np.array([[0.0, 1.5, 1.0], [0.0, 1.5, -0.1]]))[:, 2].tolist() == [-1, -1]


def test_rays_lead_back_to_their_pixels() -> None:
    camera = Camera.aimed((64, 48), 0.9, 1.5, 0.2, 0.05)
    points = camera.position + 3.0 * camera.rays().reshape(-1, 3)
    projected = camera.project(points)
    rows, columns = np.divmod(np.arange(64 * 48), 64)
    np.testing.assert_allclose(projected[:, 0], columns + 0.5, atol=1e-6)
    np.testing.assert_allclose(projected[:, 1], rows + 0.5, atol=1e-6)
    np.testing.assert_allclose(projected[:, 2], 1 / 3, atol=1e-9)


def _inside(triangle: Float64Array, size: int) -> tuple[BoolArray, BoolArray]:
    """Pixel middles that are surely in a triangle, and those that may be, by signed distances."""
    y, x = np.mgrid[:size, :size] + 0.5
    distances = []
    for (ax, ay), (bx, by) in zip(triangle, np.roll(triangle, -1, axis=0), strict=True):
        length = max(math.hypot(bx - ax, by - ay), 1e-9)
        distances.append(((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / length)
    nearest = np.min(distances, axis=0)
    return nearest > 1e-2, nearest > -1e-2


@settings(max_examples=60)
@given(st.lists(st.floats(-20, 60), min_size=6, max_size=6))
def test_a_triangle_covers_the_pixels_whose_middle_it_holds(corners: list[float]) -> None:
    triangle = np.array(corners).reshape(3, 2)
    first, second = triangle[1] - triangle[0], triangle[2] - triangle[0]
    area = first[0] * second[1] - first[1] * second[0]
    points = np.concatenate([triangle, np.ones((3, 1))], axis=1)
    front = np.array([[0, 1, 2]]) if area < 0 else np.array([[0, 2, 1]])
    covered = np.zeros((40, 40), bool)
    covered.flat[rasterise(points, front, 40, 40).sample] = True
    if abs(area) < 1:
        return  # a sliver: single precision may see it from the other side
    surely, perhaps = _inside(triangle if area > 0 else triangle[::-1], 40)
    assert (covered | ~surely).all()
    assert (perhaps | ~covered).all()
    assert len(rasterise(points, front[:, ::-1], 40, 40).sample) == 0  # seen from behind


def test_the_nearest_wins_and_neighbours_leave_no_gap() -> None:
    random = np.random.default_rng(3)
    inner = random.uniform(5, 35, (6, 2))
    corners = np.array([[0, 0], [40, 0], [40, 40], [0, 40]], np.float64)
    grid = cv2.Subdiv2D((-1, -1, 42, 42))
    for point in (*corners, *inner):
        grid.insert((float(point[0]), float(point[1])))
    triangles = np.array(grid.getTriangleList()).reshape(-1, 3, 2)
    triangles = triangles[((triangles >= 0) & (triangles <= 40)).all(axis=(1, 2))]
    far = np.concatenate([triangles.reshape(-1, 2), np.full((len(triangles) * 3, 1), 0.5)], axis=1)
    near = np.array([[10.0, 10, 1], [10, 30, 1], [30, 30, 1]])
    points = np.concatenate([far, near])
    faces = np.arange(len(points)).reshape(-1, 3)
    both = np.concatenate([faces, faces[:, ::-1]])
    fragments = rasterise(points, both, 40, 40)
    seen = fragments.nearest(1600)
    assert fragments.sample[seen].tolist() == list(range(1600))
    depth = fragments.nearness[seen].reshape(40, 40)
    surely, perhaps = _inside(near[::-1, :2], 40)
    np.testing.assert_allclose(depth[surely], 1.0, rtol=1e-6)
    np.testing.assert_allclose(depth[~perhaps], 0.5, rtol=1e-6)
