from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from posebench.report.placement import Box, place

FRAME = Box(0, 0, 600, 400)


def test_a_lone_label_stands_to_the_right() -> None:
    (box,) = place([(100, 100)], [(50, 12)], FRAME, gap=6)
    assert box == Box(107, 94, 157, 106)


def test_at_the_right_edge_it_goes_elsewhere() -> None:
    (box,) = place([(590, 100)], [(50, 12)], FRAME, gap=6)
    assert box.outside(FRAME) == 0


def test_lines_are_avoided() -> None:
    line = Box(100, 99, 600, 101)
    (box,) = place([(100, 100)], [(50, 12)], FRAME, gap=6, obstacles=[line])
    assert box.overlap(line) == 0


@given(st.lists(st.tuples(st.floats(20, 580), st.floats(20, 380)), max_size=12))
def test_few_labels_never_overlap(points: list[tuple[float, float]]) -> None:
    boxes = place(points, [(80.0, 12.0)] * len(points), FRAME, gap=6)
    for index, box in enumerate(boxes):
        assert box.outside(FRAME) < 1e-6
        assert all(box.overlap(other) < 1e-6 for other in boxes[:index])


def test_with_no_room_it_still_ends() -> None:
    boxes = place([(50, 50)] * 3, [(90, 90)] * 3, Box(0, 0, 100, 100), gap=6)
    assert len(boxes) == 3
