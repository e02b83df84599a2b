"""The parts of COCO-WholeBody, and how annotation and results files write them.

Both keep the body in ``keypoints`` and each other part in a field of its own; results may instead
hold all 133 keypoints in ``keypoints``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from posebench.datasets.jsonfile import Entries
from posebench.types import Float64Array

BODY, WHOLE = 17, 133


@dataclass(frozen=True)
class Part:
    """Consecutive keypoints that are scored by themselves.

    Attributes:
        start: First of the 133 keypoints.
        stop: One past the last.
        field: Where files keep them; ``""`` for the whole.
        score_field: Score of a detection's part in results, which may leave it out.
        valid_field: Whether an annotation labels the part; ``""`` where there is no such flag.
    """

    start: int
    stop: int
    field: str
    score_field: str
    valid_field: str = ""

    @property
    def columns(self) -> slice:
        """Of an array of the 133 keypoints."""
        return slice(self.start, self.stop)


PARTS: Mapping[str, Part] = MappingProxyType(
    {
        "body": Part(0, 17, "keypoints", "score"),
        "foot": Part(17, 23, "foot_kpts", "foot_score", "foot_valid"),
        "face": Part(23, 91, "face_kpts", "face_score", "face_valid"),
        "left hand": Part(91, 112, "lefthand_kpts", "lefthand_score", "lefthand_valid"),
        "right hand": Part(112, 133, "righthand_kpts", "righthand_score", "righthand_valid"),
        "whole": Part(0, 133, "", "wholebody_score"),
    }
)
_BEYOND_BODY = [part for part in PARTS.values() if part.field and part.start >= BODY]


def has_parts(entries: Entries) -> bool:
    """Whether any entry has keypoints beyond the body in fields of their own."""
    return any(part.field in row for row in entries.rows for part in _BEYOND_BODY)


def read_parts(entries: Entries) -> Float64Array:
    """(N, 116, 3) feet, face, left and right hand.

    Raises:
        InputError: An entry lacks one of them, or it has not as many numbers as it must have.
    """
    columns = [
        entries.vectors(
            part.field,
            3 * (part.stop - part.start),
            "With COCO-WholeBody each entry needs "
            f"{', '.join(other.field for other in _BEYOND_BODY)}.",
        )
        for part in _BEYOND_BODY
    ]
    return np.concatenate(columns, axis=1).reshape(len(entries), WHOLE - BODY, 3)


def invalid_but_labelled(entries: Entries, parts: Float64Array) -> int:
    """Number of parts that an annotation calls invalid although it labels keypoints of them."""
    count = 0
    for part in _BEYOND_BODY:
        labelled = (parts[:, part.start - BODY : part.stop - BODY, 2] > 0).any(axis=1)
        said = np.array([bool(row.get(part.valid_field, True)) for row in entries.rows], np.bool_)
        count += int(np.count_nonzero(labelled & ~said))
    return count


def read_part_scores(entries: Entries) -> dict[str, Float64Array]:
    """(N,) scores of the parts that have scores of their own, by the part's name.

    Raises:
        InputError: One is not a finite number, or only some entries have it.
    """
    remedy = "Give it in every entry, or in none."
    return {
        name: entries.numbers(part.score_field, remedy=remedy)
        for name, part in PARTS.items()
        if part.score_field != "score" and any(part.score_field in row for row in entries.rows)
    }
