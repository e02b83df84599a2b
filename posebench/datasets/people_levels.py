"""Rendered pictures by their number of people, as one dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from posebench.cache import atomic_path
from posebench.datasets.coco import CocoDataset
from posebench.datasets.synthetic.counted import MOST_PEOPLE, counted_split, shows_exactly
from posebench.datasets.synthetic.dataset import render_into_cache
from posebench.datasets.synthetic.names import Recipe
from posebench.errors import InputError, PosebenchError
from posebench.protocols import Dataset

_SEED = 0
_MOST_TRIES = 8
"""Pictures that are rendered for each that is wanted, before it is given up."""


@dataclass(frozen=True, eq=False)
class PeopleLevels:
    """Pictures with given numbers of people.

    Attributes:
        whole: All of them.
        parts: Those with a number of people, by that number; image ids as in ``whole``.
    """

    whole: Dataset
    parts: Mapping[int, Dataset]


def people_levels(levels: Sequence[int], pictures: int) -> PeopleLevels:
    """Render pictures into the cache, as far as they are not there.

    Args:
        levels: Numbers of people, 0 to ``MOST_PEOPLE``.
        pictures: With each number.

    Raises:
        InputError: A number out of range, or the cache cannot be written.
        PosebenchError: A process that rendered came to an end, or the people hide each other.
    """
    wrong = [people for people in levels if not 0 <= people <= MOST_PEOPLE]
    if wrong:
        raise InputError(
            f"{wrong[0]} people cannot be shown in one picture.",
            remedy=f"Choose numbers from 0 to {MOST_PEOPLE}.",
        )
    chosen = {people: _pictures_with(people, pictures) for people in levels}
    firsts = {people: 1 + k * pictures for k, people in enumerate(levels)}
    parts = {
        people: _opened(
            f"people-{people}-by-{pictures}-from-{firsts[people]}", found, firsts[people]
        )
        for people, found in chosen.items()
    }
    everything = [picture for found in chosen.values() for picture in found]
    name = f"people-{'-'.join(map(str, levels))}-by-{pictures}"
    return PeopleLevels(_opened(name, everything, 1), parts)


@dataclass(frozen=True, eq=False)
class _Picture:
    """One picture.

    Attributes:
        folder: In which it lies.
        document: The annotation file of its split.
        image: What that says of the picture.
    """

    folder: Path
    document: Mapping[str, Any]
    image: Mapping[str, Any]

    @property
    def annotations(self) -> list[Mapping[str, Any]]:
        mine: int = self.image["id"]
        return [one for one in self.document["annotations"] if one["image_id"] == mine]


def _pictures_with(people: int, wanted: int) -> list[_Picture]:
    """The first pictures of a split that show exactly so many people."""
    size = wanted
    while True:
        path, folder = render_into_cache(Recipe(counted_split(people).name, size, _SEED))
        document = orjson.loads(path.read_bytes())
        rendered = [_Picture(folder, document, image) for image in document["images"]]
        good = [picture for picture in rendered if shows_exactly(people, picture.annotations)]
        if len(good) >= wanted:
            return good[:wanted]
        if size >= _MOST_TRIES * wanted:
            raise PosebenchError(
                f"of {size} rendered pictures only {len(good)} show exactly {people} people.",
                remedy="Choose fewer people.",
            )
        size += wanted - len(good)


def _opened(name: str, pictures: Sequence[_Picture], first_id: int) -> CocoDataset:
    """Write an annotation file of some pictures beside their folders, and open it."""
    root = pictures[0].folder.parents[1]
    path = root / f"{name}.json"
    with atomic_path(path) as temporary:
        temporary.write_bytes(orjson.dumps(_document(pictures, root, first_id)))
    return CocoDataset.open(path, root, name="rendered-people")


def _document(pictures: Sequence[_Picture], root: Path, first_id: int) -> dict[str, Any]:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, picture in enumerate(pictures, first_id):
        name = (picture.folder / picture.image["file_name"]).relative_to(root).as_posix()
        images.append({**picture.image, "id": image_id, "file_name": name})
        for one in picture.annotations:
            ids = {"id": len(annotations) + 1, "image_id": image_id}
            annotations.append({**one, **ids})
    document = pictures[0].document
    kept = {key: document[key] for key in ("licenses", "categories")}
    return {**kept, "images": images, "annotations": annotations}
