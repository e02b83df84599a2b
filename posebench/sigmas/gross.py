"""Keypoints whose mean square a few gross differences make up, and where the worst one is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from posebench.sigmas.estimate import Estimate
from posebench.sigmas.repeats import Repeats
from posebench.sigmas.same_pictures import Annotator

_LARGEST_PART = 2.0
"""Mean over median-based square: above it, most of the mean square is not the bulk's scatter."""


def gross_notes(
    mean: Estimate,
    median: Estimate,
    repeats: Repeats,
    annotators: Sequence[Annotator],
    names: Sequence[str],
) -> list[str]:
    """Which keypoints they are, and the annotations that differ most in one of them; or nothing.

    Args:
        mean: Sigmas by the mean square.
        median: Sigmas by the median.
        repeats: What both were made of.
        annotators: In the same order.
        names: K keypoints.
    """
    found = [
        k
        for k, (one, other) in enumerate(zip(mean.sigmas, median.sigmas, strict=True))
        if one.value and other.value and one.value**2 > _LARGEST_PART * other.value**2
    ]
    if not found:
        return []
    worst = max(found, key=lambda k: float(np.nanmax(repeats.distances.squared[:, k])))
    return [
        "gross differences make up more than half of the mean square of "
        f"{', '.join(names[k] for k in found)}; of {names[worst]} "
        f"{_farthest(repeats, annotators, worst)}. Correct them, or give --robust. An error that "
        "does not grow with the size of the person, as that of a click, looks the same."
    ]


def _farthest(repeats: Repeats, annotators: Sequence[Annotator], keypoint: int) -> str:
    squared = repeats.distances.squared[:, keypoint]
    place = int(np.nanargmax(squared))
    pair, person = divmod(place, len(repeats.members))
    files = list(combinations(range(len(annotators)), 2))[pair]
    rows = [int(repeats.members[person, f]) for f in files]
    one, other = (annotators[f] for f in files)
    ids = [
        int(annotators[f].content.annotation_ids[row]) for f, row in zip(files, rows, strict=True)
    ]
    picture = one.content.image_index[rows[0]]
    name = str(one.content.file_names[picture]) or f"image id {one.content.image_ids[picture]}"
    return (
        f"the farthest are {np.sqrt(squared[place]):.2g} of the root of the area apart in {name} "
        f"(annotation {ids[0]} of {one.path.name}, {ids[1]} of {other.path.name})"
    )
