"""Pictures with a given number of people of about one size, all of them to be seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posebench.datasets.synthetic.splits import SPLITS, Split

MOST_PEOPLE = 30
"""More would hide each other."""
MOST_HIDDEN = 0.75
"""Share of a silhouette beyond which a person does not count as seen."""
_PREFIX = "people-"


def counted_split(people: int) -> Split:
    """Upright people on a square 7 to 14 m away, seen from above so that few hide each other.

    Args:
        people: How many, 0 to ``MOST_PEOPLE``. A picture may hold fewer, see ``shows_exactly``.
    """
    return Split(
        name=f"{_PREFIX}{people}",
        people=(0.0,) * people + (1.0,),
        actions={"stand": 0.55, "walk": 0.3, "raise": 0.15},
        distance_m=(9.5, 10.5),
        depth=(0.75, 1.4),
        spacing_m=0.8,
        spread=0.42,
        facing_share=0.7,
        obstacle=0.0,
        crowd=0.0,
        camera_m=(4.0, 5.0),
        portrait=0.0,
        tries=60,
    )


def split_called(name: str) -> Split:
    """A split of ``SPLITS``, or the one of ``counted_split`` that has the name.

    Raises:
        KeyError: There is none.
    """
    count = name.removeprefix(_PREFIX)
    if name.startswith(_PREFIX) and count.isdecimal():
        return counted_split(int(count))
    return SPLITS[name]


def shows_exactly(people: int, annotations: list[Mapping[str, Any]]) -> bool:
    """Whether a rendered picture's annotations are of so many people, each well to be seen."""
    seen = [
        one["num_keypoints"] > 0 and one["attributes"]["occlusion"] <= MOST_HIDDEN
        for one in annotations
    ]
    return len(seen) == people and all(seen)
