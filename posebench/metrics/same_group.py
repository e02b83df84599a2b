"""Pairs of those that belong to one group: a picture, or a picture and a class."""

from __future__ import annotations

import numpy as np

from posebench.types import IntArray


def together(groups: IntArray, others: IntArray) -> tuple[IntArray, IntArray]:
    """Every pair of a member of ``groups`` and one of ``others`` with the same group.

    Args:
        groups: (N,) group of each.
        others: (M,) group of each.

    Returns:
        (P,) positions in ``groups``, ascending, and (P,) positions in ``others``.
    """
    order = np.argsort(others, kind="stable")
    first = np.searchsorted(others[order], groups, side="left")
    count = np.searchsorted(others[order], groups, side="right") - first
    members = np.repeat(np.arange(len(groups)), count)
    within = np.arange(len(members)) - np.repeat(np.cumsum(count) - count, count)
    return members, order[first[members] + within]
