"""Limbs and sides."""

from __future__ import annotations

import pytest

from posebench.datasets.skeletons import SKELETONS
from posebench.visualize.body import LEFT, MIDDLE, RIGHT, find_body


@pytest.mark.parametrize("name", sorted(SKELETONS))
def test_known_skeletons_are_known_by_number_and_by_names(name: str) -> None:
    skeleton = SKELETONS[name]
    count = len(skeleton.keypoints)
    for body in (find_body(count), find_body(count, skeleton.keypoints)):
        assert (body.name, body.edges) == (name, skeleton.edges)


@pytest.mark.parametrize("name", sorted(SKELETONS))
def test_flip_pairs_have_opposite_sides(name: str) -> None:
    skeleton = SKELETONS[name]
    sides = find_body(len(skeleton.keypoints)).sides
    for a, b in skeleton.flip_pairs:
        assert sides[a] == -sides[b]
        named = skeleton.keypoints[a].split("_")[0]
        assert sides[a] == {"left": LEFT, "right": RIGHT}.get(named, MIDDLE)


def test_a_limb_has_the_side_of_its_ends() -> None:
    body = find_body(17)
    assert body.side((5, 7)) == LEFT
    assert body.side((8, 10)) == RIGHT
    assert body.side((5, 6)) == MIDDLE
    assert body.side((0, 2)) == RIGHT


def test_unknown_keypoints_have_the_limbs_given_or_none() -> None:
    assert find_body(5).edges == ()
    assert find_body(3, ["tail", "left_paw", "right_paw"], [(0, 1), (0, 2)]).edges == (
        (0, 1),
        (0, 2),
    )
    assert find_body(3, ["a", "b", "c"], [(0, 3)]).edges == ()
    assert find_body(14, [f"paw {i}" for i in range(14)]).name == ""
