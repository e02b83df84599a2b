from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from posebench.cache import cache_dir
from posebench.datasets.people_levels import people_levels
from posebench.datasets.synthetic.counted import MOST_PEOPLE, counted_split, split_called
from posebench.datasets.synthetic.splits import SPLITS
from posebench.errors import InputError
from posebench.protocols import Dataset


def counts(dataset: Dataset) -> list[int]:
    truth = dataset.ground_truth()
    assert (truth.num_keypoints > 0).all() and not truth.is_crowd.any()
    found: list[int] = np.bincount(truth.image_index, minlength=len(truth.image_ids)).tolist()
    return found


def test_every_picture_shows_exactly_as_many_people_as_asked_for() -> None:
    levels = people_levels([0, 2, 9], 2)
    assert counts(levels.whole) == [0, 0, 2, 2, 9, 9]
    assert {people: counts(part) for people, part in levels.parts.items()} == {
        0: [0, 0],
        2: [2, 2],
        9: [9, 9],
    }


def test_a_part_has_the_ids_and_the_files_of_the_whole() -> None:
    levels = people_levels([1, 3], 2)
    assert [list(part.image_ids) for part in levels.parts.values()] == [[1, 2], [3, 4]]
    for part in levels.parts.values():
        for image_id in part.image_ids:
            path = part.image_path(image_id)
            assert path.is_file() and path == levels.whole.image_path(image_id)


def test_a_picture_in_which_somebody_is_hidden_is_left_out(own_cache: Path) -> None:
    """Of the most crowded split the fourth picture shows 29 of 30 people well enough."""
    people_levels([MOST_PEOPLE], 4)
    rendered = cache_dir("datasets", "synthetic", f"v1-people-{MOST_PEOPLE}-0", "images")
    assert len(list(rendered.iterdir())) > 4


def test_nothing_is_rendered_twice(own_cache: Path) -> None:
    def state() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in own_cache.rglob("*.jpg")}

    people_levels([1], 2)
    first = state()
    people_levels([0, 1], 2)
    second = state()
    assert len(first) == 2 and len(second) == 4
    assert first.items() <= second.items()


@pytest.mark.parametrize("people", [-1, MOST_PEOPLE + 1])
def test_a_number_that_cannot_be_shown_is_refused(people: int) -> None:
    with pytest.raises(InputError, match="cannot be shown"):
        people_levels([1, people], 1)


def test_splits_are_found_by_their_names() -> None:
    assert split_called("easy") is SPLITS["easy"]
    assert split_called(counted_split(7).name) == counted_split(7)
    with pytest.raises(KeyError):
        split_called("people-many")
