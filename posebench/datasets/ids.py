"""Looking up the ids of pictures and annotations."""

from __future__ import annotations

import numpy as np

from posebench.datasets.jsonfile import Entries
from posebench.types import IntArray


def positions(wanted: IntArray, ids: IntArray) -> IntArray:
    """Position of each wanted id in unique ``ids``, -1 where it is not among them."""
    if not len(ids):
        return np.full(len(wanted), -1, np.int64)
    order = np.argsort(ids, kind="stable")
    found = order[np.minimum(np.searchsorted(ids[order], wanted), len(ids) - 1)]
    return np.where(ids[found] == wanted, found, -1)


def check_unique(entries: Entries, ids: IntArray, field: str, remedy: str) -> None:
    """Refuse ids that occur twice.

    Raises:
        InputError: Naming the second entry of the first such id.
    """
    _, first, counts = np.unique(ids, return_index=True, return_counts=True)
    if len(first) == len(ids):
        return
    value = ids[first[int(np.argmax(counts > 1))]]
    row = int(np.flatnonzero(ids == value)[1])
    raise entries.error(row, f"{field} {value} is not unique", remedy)


def rows_as_pycocotools(
    ids: IntArray, owners: IntArray, rows: IntArray, image_ids: IntArray
) -> IntArray:
    """Rows as pycocotools looks them up: by picture, then by id, the last of equal ids."""
    last = {int(annotation_id): row for row, annotation_id in enumerate(ids)}
    by_picture = rows[np.argsort(image_ids[owners[rows]], kind="stable")]
    found = np.array([last[int(ids[row])] for row in by_picture], np.int64)
    return found[owners[found] >= 0]
