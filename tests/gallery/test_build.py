from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from planted_runs import (
    PlantedWorld,
    arms_exchanged,
    make_world,
    nobody_second,
    somebody_else,
    write_run,
)

from posebench.gallery.build import build_gallery
from posebench.gallery.contender import Contender, contend
from posebench.gallery.document import Gallery
from posebench.visualize.people import read_people

NAMES = tuple(f"{number}.png" for number in range(1, 7))
PLANTS = {2: nobody_second, 4: arms_exchanged, 5: somebody_else}


@pytest.fixture
def world(tmp_path: Path) -> PlantedWorld:
    return make_world(tmp_path / "world", NAMES)


@pytest.fixture
def contenders(world: PlantedWorld, tmp_path: Path) -> list[Contender]:
    """One that is right about everybody, and one with three errors."""
    truth = world.dataset().ground_truth()
    return [
        contend(
            label, read_people(write_run(tmp_path, world, label, plants) / "predictions"), truth
        )
        for label, plants in (("right", {}), ("wrong", PLANTS))
    ]


def pictures(world: PlantedWorld) -> dict[int, Path]:
    return {i: world.images / name for i, name in enumerate(world.names, start=1)}


def built(world: PlantedWorld, contenders: Sequence[Contender], budget: int = 10**9) -> Gallery:
    return build_gallery(contenders, pictures(world), budget)


def size(gallery: Gallery) -> int:
    return sum(len(b64encode(d.jpeg)) for e in gallery.entries for d in e.drawings)


def test_each_planted_error_is_named_and_nothing_else(contenders: list[Contender]) -> None:
    right, wrong = contenders
    assert all(not o.errors and o.mean_oks == pytest.approx(1.0) for o in right.outcomes)
    errors = {outcome.image_id: outcome.errors for outcome in wrong.outcomes if outcome.errors}
    assert errors == {2: {"missed": 1}, 4: {"inversion": 4}, 5: {"background": 1}}
    oks = {outcome.image_id: outcome.mean_oks for outcome in wrong.outcomes}
    assert oks[2] == pytest.approx(0.5) and oks[5] == pytest.approx(1.0)


def test_where_they_disagree_both_are_drawn(
    world: PlantedWorld, contenders: list[Contender]
) -> None:
    drawn = {e.name: [d.model for d in e.drawings] for e in built(world, contenders).entries}
    assert drawn["2.png"] == drawn["4.png"] == ["right", "wrong"]
    assert set(drawn) == set(NAMES)  # all are among the worst of so few


def test_a_drawing_is_a_small_jpeg_of_the_right_picture(
    world: PlantedWorld, contenders: list[Contender]
) -> None:
    for entry in built(world, contenders).entries:
        for drawing in entry.drawings:
            decoded = cv2.imdecode(np.frombuffer(drawing.jpeg, np.uint8), cv2.IMREAD_COLOR)
            assert decoded is not None and decoded.shape == (drawing.height, drawing.width, 3)
            assert max(decoded.shape) <= 640
            original = cv2.imread(str(world.images / entry.name))
            assert original is not None
            assert drawing.width / drawing.height == pytest.approx(
                original.shape[1] / original.shape[0], abs=0.01
            )


def test_the_budget_is_kept_and_what_was_left_out_is_counted(
    world: PlantedWorld, contenders: list[Contender]
) -> None:
    whole = built(world, contenders)
    assert whole.left_out == 0
    everything = sum(len(entry.drawings) for entry in whole.entries)
    for share in (0.0, 0.3, 0.9):
        budget = int(share * size(whole))
        part = built(world, contenders, budget)
        assert size(part) <= budget
        shown = sum(len(entry.drawings) for entry in part.entries)
        assert 0 < part.left_out == everything - shown


def test_a_picture_that_cannot_be_read_is_named(
    world: PlantedWorld, contenders: list[Contender]
) -> None:
    (world.images / "4.png").write_bytes(b"no picture")
    gallery = built(world, contenders)
    assert gallery.unreadable == ("4.png",)
    assert "4.png" not in {entry.name for entry in gallery.entries}
