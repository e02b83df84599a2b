"""The gallery on an HTML page: pictures as data, and what they can be filtered by."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from posebench.gallery.document import Drawing, Entry, Gallery

ERROR_WORDS = {
    "missed": "missed person",
    "background": "false positive",
    "miss": "miss",
    "swap": "swap",
    "inversion": "inversion",
    "jitter": "jitter",
}


@dataclass(frozen=True)
class Shot:
    """A drawing.

    Attributes:
        model: Its place among the models of the gallery.
        label: The model.
        source: The JPEG as a ``data:`` address.
        width: px.
        height: px.
        mean_oks: E.g. ``0.43``, or ``""``.
        value: What it is sorted by; None without people.
        errors: Name, words and how many of each kind of error.
        alt: What is to be seen, in words.
    """

    model: int
    label: str
    source: str
    width: int
    height: int
    mean_oks: str
    value: float | None
    errors: tuple[tuple[str, str, int], ...]
    alt: str


@dataclass(frozen=True)
class Card:
    """A picture.

    Attributes:
        name: File name.
        shots: One or more.
    """

    name: str
    shots: tuple[Shot, ...]


@dataclass(frozen=True)
class Wall:
    """The whole gallery.

    Attributes:
        models: Labels of the models, in the order of the shots' numbers.
        errors: Name and words of the kinds of errors that there are.
        cards: The pictures.
        left_out: Drawings for which there was no room.
        unreadable: Names of pictures that could not be read.
    """

    models: tuple[str, ...]
    errors: tuple[tuple[str, str], ...]
    cards: tuple[Card, ...]
    left_out: int
    unreadable: tuple[str, ...]


def wall(gallery: Gallery, labels: Sequence[str]) -> Wall:
    """The gallery as it is printed.

    Args:
        gallery: What was drawn.
        labels: Models in the order of the page; those that have no drawing are left out.
    """
    drawn = {drawing.model for entry in gallery.entries for drawing in entry.drawings}
    models = [label for label in labels if label in drawn]
    present = {
        error for e in gallery.entries for drawing in e.drawings for error in drawing.outcome.errors
    }
    return Wall(
        models=tuple(models),
        errors=tuple((name, words) for name, words in ERROR_WORDS.items() if name in present),
        cards=tuple(_card(entry, models) for entry in gallery.entries),
        left_out=gallery.left_out,
        unreadable=gallery.unreadable,
    )


def _card(entry: Entry, models: Sequence[str]) -> Card:
    return Card(entry.name, tuple(_shot(d, models, entry.name) for d in entry.drawings))


def _shot(drawing: Drawing, models: Sequence[str], name: str) -> Shot:
    outcome = drawing.outcome
    found = {str(error): count for error, count in outcome.errors.items()}
    errors = tuple((e, words, found[e]) for e, words in ERROR_WORDS.items() if e in found)
    oks = "" if outcome.mean_oks is None else f"{outcome.mean_oks:.2f}"
    told = [f"mean OKS {oks}" if oks else "nobody is annotated"]
    told += [f"{words} {count}" for _, words, count in errors]
    return Shot(
        model=models.index(drawing.model),
        label=drawing.model,
        source=f"data:image/jpeg;base64,{b64encode(drawing.jpeg).decode('ascii')}",
        width=drawing.width,
        height=drawing.height,
        mean_oks=oks,
        value=outcome.mean_oks,
        errors=errors,
        alt=f"{name} with annotated people and those of {drawing.model}: {', '.join(told)}",
    )
