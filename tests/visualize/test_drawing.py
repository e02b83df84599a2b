"""People on a picture: what can be told from the pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from posebench.datasets.skeletons import SKELETONS
from posebench.types import Float64Array, Image
from posebench.visualize.body import LEFT, MIDDLE, RIGHT, find_body
from posebench.visualize.canvas import Canvas
from posebench.visualize.drawing import draw_people, is_given, likely
from posebench.visualize.labels import draw_labels, with_legend
from posebench.visualize.markers import draw_marker
from posebench.visualize.style import PEOPLE, enlargement, limb_width, shaded
from posebench.visualize.truth import draw_annotated

COCO = find_body(17)


def grey(width: int = 320, height: int = 240) -> Image:
    return np.full((height, width, 3), 100, np.uint8)


def standing(x: float, confidence: float = 1.0) -> Float64Array:
    """Somebody seen from the front: the left is where the pixels are larger."""
    side = np.array([0, 4, -4, 8, -8, 20, -20, 28, -28, 30, -30, 14, -14, 14, -14, 14, -14])
    down = np.array([0, -4, -4, 0, 0, 25, 25, 50, 50, 75, 75, 85, 85, 120, 120, 155, 155])
    return np.column_stack([x + side, 50 + down, np.full(17, confidence)]).astype(np.float64)


def changed(people: Float64Array, image: Image | None = None) -> Float64Array:
    """(H, W) by how much drawing changes the brightest channel of each pixel."""
    before = grey() if image is None else image
    canvas = Canvas(before)
    draw_people(canvas, people, COCO)
    change: Float64Array = np.abs(canvas.pixels.astype(np.float64) - before).max(axis=-1)
    return change


def test_keypoints_and_limbs_are_where_they_should_be() -> None:
    person = standing(160)
    found = changed(person[None])
    assert all(found[int(y), int(x)] > 30 for x, y, _ in person)
    for a, b in COCO.edges:
        x, y = (person[a, :2] + person[b, :2]) / 2
        assert found[int(y), int(x)] > 10
    assert not found[:, :115].any() and not found[:, 205:].any() and not found[215:].any()


def test_less_confident_people_are_fainter() -> None:
    change = [changed(standing(160, confidence)[None]).sum() for confidence in (0.1, 0.4, 1.0)]
    assert change == sorted(change) and change[0] < change[1] < change[2]


def test_markers_grow_with_confidence_and_are_hollow_when_low() -> None:
    sizes, centres = [], []
    for confidence in (0.1, 0.3, 0.6, 1.0):
        canvas = Canvas(np.zeros((60, 60, 3), np.uint8))
        draw_marker(canvas, (30, 30), 16, LEFT, confidence, (200, 200, 200))
        sizes.append(int((canvas.pixels > 100).all(axis=-1).sum()))
        centres.append(bool(canvas.pixels[30, 30].any()))
    assert sizes == sorted(sizes) and len(set(sizes)) == 4
    assert centres == [False, True, True, True]


def test_the_sides_can_be_told_by_shape_and_by_lightness() -> None:
    shapes = []
    for side in (LEFT, MIDDLE, RIGHT):
        canvas = Canvas(np.zeros((60, 60, 3), np.uint8))
        draw_marker(canvas, (30, 30), 16, side, 1.0, (200, 200, 200))
        shapes.append((canvas.pixels > 100).all(axis=-1))
    for a in range(3):
        for b in range(a):
            assert (shapes[a] != shapes[b]).sum() > 100
    for colour in PEOPLE:
        light = [sum(shaded(colour, side)) for side in (LEFT, MIDDLE, RIGHT)]
        assert light[0] > light[1] > light[2]


def test_the_first_person_is_on_top() -> None:
    person = standing(160)
    colours = []
    for people in (np.stack([person, person]), person[None]):
        canvas = Canvas(grey())
        draw_people(canvas, people, COCO)
        colours.append(canvas.pixels[int(person[15, 1]), int(person[15, 0])].tolist())
    assert colours[0] == colours[1]


def test_colours_are_far_apart() -> None:
    palette = np.array(PEOPLE, np.float64)
    apart = np.linalg.norm(palette[:, None] - palette[None], axis=-1)
    assert apart[~np.eye(len(PEOPLE), dtype=bool)].min() > 60


def test_neighbours_have_colours_of_their_own() -> None:
    """Hues of the limbs of people beside each other, from the pixels."""
    places = range(60, 640, 80)
    canvas = Canvas(grey(700))
    draw_people(canvas, np.stack([standing(x) for x in places]), COCO)
    hip = standing(0)[11]
    seen = [canvas.pixels[int(hip[1]), x].astype(np.float64) for x in places]
    apart = np.linalg.norm(np.array(seen)[:, None] - np.array(seen)[None], axis=-1)
    assert apart[~np.eye(len(seen), dtype=bool)].min() > 40


def test_keypoints_that_are_not_there_are_not_drawn() -> None:
    person = standing(160)
    person[9:11] = 0
    found = changed(person[None])
    assert not found[:40, :100].any()
    assert is_given(person).sum() == 15
    assert not changed(np.zeros((2, 17, 3))).any()


def test_likely_keypoints_are_the_confident_ones_if_there_are_any() -> None:
    person = standing(160)
    person[3:, 2] = 0.1
    assert len(likely(person)) == 3
    assert len(likely(standing(160, 0.0))) == 17


def test_crosses_are_as_large_as_the_person_however_few_keypoints_are_labelled() -> None:
    """Of somebody cut off only the face may be labelled; the box is of all that is seen."""
    whole = standing(160)
    box = np.array([*whole[:, :2].min(axis=0), *np.ptp(whole[:, :2], axis=0)])
    face = np.where(np.arange(17)[:, None] == 0, whole, 0)
    small = np.array([150.0, 40, 20, 20])

    def reach(points: Float64Array, box: Float64Array) -> int:
        canvas = Canvas(grey())
        draw_annotated(canvas, points, box, COCO, missed=True)
        rows = np.flatnonzero((canvas.pixels != grey()).any(axis=-1)[:, 155:165].any(axis=1))
        return int(rows.max() - rows.min()) if len(rows) else 0

    assert reach(face, box) > reach(face, small) > 0


@settings(max_examples=30)
@given(arrays(np.float64, (3, 17, 3), elements=st.floats(-1e9, 1e9)))
def test_any_finite_numbers_can_be_drawn(people: Float64Array) -> None:
    canvas = Canvas(grey(64, 48))
    draw_people(canvas, people, COCO)
    draw_labels(canvas, people, ["0.50"] * 3)
    draw_annotated(canvas, people[0], people[1].ravel()[:4], COCO, missed=True)
    assert canvas.pixels.shape == (48, 64, 3)


@pytest.mark.parametrize("name", sorted(SKELETONS))
def test_every_known_skeleton_is_drawn(name: str) -> None:
    count = len(SKELETONS[name].keypoints)
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    points = np.column_stack([160 + 90 * np.cos(angles), 120 + 90 * np.sin(angles)])
    person = np.column_stack([points, np.ones(count)])
    canvas = Canvas(grey())
    draw_people(canvas, person[None], find_body(count))
    drawn = (canvas.pixels != grey()).any(axis=-1)
    assert all(drawn[round(y), round(x)] for x, y in points)


def test_keypoints_without_limbs_are_points() -> None:
    person = np.array([[50.0, 50, 1], [250, 50, 1], [150, 200, 1], [60, 200, 1]])
    canvas = Canvas(grey())
    draw_people(canvas, person[None], find_body(4))
    drawn = (canvas.pixels != grey()).any(axis=-1)
    assert drawn[50, 50] and drawn[200, 150] and not drawn[50, 150]


def test_small_people_have_thinner_limbs_within_bounds() -> None:
    widths = [limb_width(standing(160)[:, :2] * scale, 1.0) for scale in (0.01, 0.5, 1, 100)]
    assert widths == sorted(widths) and widths[0] < widths[1] < widths[2]
    assert widths[0] * 10 > widths[3]
    assert limb_width(np.zeros((0, 2)), 1.0) == widths[0]


def test_small_pictures_are_enlarged_and_large_ones_are_not() -> None:
    assert [enlargement(w, w * 3 // 4) for w in (100, 320, 640, 1000, 6000)] == [4, 4, 2, 1, 1]


def test_labels_of_neighbours_do_not_cover_each_other() -> None:
    people = np.stack([standing(150), standing(155)]) + np.array([0, 60, 0])
    first, both = Canvas(grey()), Canvas(grey())
    draw_labels(first, people[:1], ["0.90"])
    draw_labels(both, people, ["0.90", "0.80"])
    where = (first.pixels != grey()).any(axis=-1)
    assert (both.pixels[where] == first.pixels[where]).all()
    assert (both.pixels != grey()).any(axis=-1).sum() > 1.8 * where.sum()


@pytest.mark.parametrize("width", [200, 640])
def test_the_legend_lies_below_the_picture(width: int) -> None:
    image = grey(width)
    for truth in (False, True):
        drawn = with_legend(image, "mean OKS 0.50", truth=truth)
        assert drawn.shape[1] == width and drawn.shape[0] > 240
        assert (drawn[:240] == image).all()
        strip = drawn[240:]
        assert (strip.max(axis=(1, 2)) > 200).any()
        # Nothing is cut off at the right.
        assert (strip[:, -2:] == strip[0, 0]).all()
