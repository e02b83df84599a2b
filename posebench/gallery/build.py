"""The gallery of some models on one dataset, within a size that a browser opens at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from posebench.datasets.images import ImageError
from posebench.gallery.contender import Contender
from posebench.gallery.document import Drawing, Entry, Gallery
from posebench.gallery.selection import Choice, choose
from posebench.gallery.thumbnail import draw_thumbnail

BUDGET = 8_000_000
"""Bytes of all drawings as base64."""


def build_gallery(
    contenders: Sequence[Contender], pictures: Mapping[int, Path], budget: int = BUDGET
) -> Gallery:
    """Draw what is worth a look, the most telling first, until there is no more room.

    Args:
        contenders: The models, best first; all on the same annotations.
        pictures: The file of each image id.
        budget: Bytes that the drawings may take as base64.
    """
    wall = _Wall(contenders, pictures, budget)
    for choice in choose([contender.outcomes for contender in contenders]):
        wall.hang(choice)
    return wall.gallery()


class _Wall:
    def __init__(
        self, contenders: Sequence[Contender], pictures: Mapping[int, Path], budget: int
    ) -> None:
        self._contenders = contenders
        self._outcomes = [{o.image_id: o for o in c.outcomes} for c in contenders]
        self._pictures = pictures
        self._room = budget
        self._hung: dict[int, dict[int, Drawing]] = {}
        self._left_out: set[tuple[int, int]] = set()
        self._unreadable: set[int] = set()

    def hang(self, choice: Choice) -> None:
        """Draw the picture for those models for whom it is not drawn yet, all or none."""
        hung = self._hung.get(choice.image_id, {})
        models = [model for model in choice.models if model not in hung]
        if choice.image_id in self._unreadable:
            return
        try:
            # Once one had no room the others are only counted, not drawn for nothing.
            drawn = {} if self._left_out else {m: self._draw(choice.image_id, m) for m in models}
        except ImageError:
            self._unreadable.add(choice.image_id)
            return
        needed = sum(encoded_size(drawing.jpeg) for drawing in drawn.values())
        if self._left_out or needed > self._room:
            self._left_out |= {(choice.image_id, model) for model in models}
            return
        self._room -= needed
        self._hung[choice.image_id] = {**hung, **drawn}

    def gallery(self) -> Gallery:
        entries = [
            Entry(self._pictures[image_id].name, tuple(hung[model] for model in sorted(hung)))
            for image_id, hung in self._hung.items()
        ]
        names = sorted(self._pictures[image_id].name for image_id in self._unreadable)
        return Gallery(tuple(entries), len(self._left_out), tuple(names))

    def _draw(self, image_id: int, model: int) -> Drawing:
        outcome = self._outcomes[model][image_id]
        return draw_thumbnail(self._contenders[model], outcome, self._pictures[image_id])


def encoded_size(data: bytes) -> int:
    """Length of bytes as base64."""
    return -(-len(data) // 3) * 4
