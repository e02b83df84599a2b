"""What the CrowdPose benchmark does differently (Li et al., CVPR 2019)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from posebench.datasets.jsonfile import Entries
from posebench.datasets.skeletons import CROWDPOSE14, recognise
from posebench.types import BoolArray, Float64Array

LEVELS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"AP(E)": (-np.inf, 0.2), "AP(M)": (0.2, 0.8), "AP(H)": (0.8, np.inf)}
)
"""Easy, medium and hard pictures: crowd index at least the first, below the second bound.

The bounds that the code of the benchmark and xtcocotools use; the paper's text has others.
"""


def is_crowdpose(names: Sequence[str]) -> bool:
    """Whether keypoint names are the 14 of CrowdPose."""
    return recognise(names, len(names)) is CROWDPOSE14


def read_crowd_index(images: Entries) -> Float64Array:
    """(I,) ``crowdIndex`` of each picture, NaN where it has none.

    Raises:
        InputError: One is not a finite number.
    """
    stated = np.array(["crowdIndex" in row for row in images.rows], np.bool_)
    if not stated.any():
        return np.full(len(images), np.nan)
    return np.where(stated, images.numbers("crowdIndex", default=0.0), np.nan)


def in_level(crowd_index: Float64Array, level: str) -> BoolArray:
    """(I,) whether pictures of such ``crowdIndex`` belong to a level; NaN to none."""
    low, high = LEVELS[level]
    return (crowd_index >= low) & (crowd_index < high)
