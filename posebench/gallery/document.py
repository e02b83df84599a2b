"""What the gallery shows: pictures, each drawn for one model or several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

ErrorName = Literal["missed", "background", "miss", "swap", "inversion", "jitter"]
"""``missed``: an annotated person whom no prediction resembles; ``background``: a likely prediction
that resembles nobody; the others are what became of keypoints. See ``posebench.diagnosis``."""
ERRORS: tuple[ErrorName, ...] = get_args(ErrorName)


@dataclass(frozen=True)
class Outcome:
    """How one model fared on one picture.

    Attributes:
        image_id: The picture.
        people: Annotated people that count.
        mean_oks: 0..1, mean over them, 0 for those whom nobody matches at OKS .5; None without any.
        errors: How many of each kind: people, predictions or keypoints. None is 0.
    """

    image_id: int
    people: int
    mean_oks: float | None
    errors: Mapping[ErrorName, int]


@dataclass(frozen=True, eq=False)
class Drawing:
    """A picture with annotated people and those that a model found.

    Attributes:
        model: Its label.
        outcome: How it fared.
        jpeg: The file's bytes.
        width: Of the JPEG, px.
        height: Of the JPEG, px.
    """

    model: str
    outcome: Outcome
    jpeg: bytes
    width: int
    height: int


@dataclass(frozen=True, eq=False)
class Entry:
    """A picture of the gallery.

    Attributes:
        name: Its file name.
        drawings: At least one, in the order of the models.
    """

    name: str
    drawings: tuple[Drawing, ...]


@dataclass(frozen=True, eq=False)
class Gallery:
    """Pictures on which models went wrong.

    Attributes:
        entries: In the order chosen.
        left_out: Drawings for which there was no room.
        unreadable: File names of the pictures that belong here but could not be read.
    """

    entries: tuple[Entry, ...]
    left_out: int
    unreadable: tuple[str, ...] = ()
