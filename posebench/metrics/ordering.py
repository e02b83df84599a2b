"""Stable sorts, 16 bits at a time, which numpy does by counting and several times faster."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from posebench.types import Float64Array, IntArray

_SIGN = np.uint64(1 << 63)


def falling(scores: Float64Array) -> IntArray:
    """(N,) stable order of N finite scores, the highest first.

    The same as ``np.argsort(-scores, kind="stable")``.
    """
    keys = (0.0 - scores).view(np.uint64)  # Unlike a minus sign it makes both zeros one.
    return _by_words(np.where(keys & _SIGN, ~keys, keys | _SIGN))  # Now ascending as integers.


def rising(numbers: IntArray) -> IntArray:
    """(N,) stable order of N integers that are not negative, the smallest first."""
    return _by_words(numbers.view(np.uint64))


def _by_words(keys: npt.NDArray[np.uint64]) -> IntArray:
    order = np.arange(len(keys))
    for shift in range(0, 64, 16):
        words = (keys >> np.uint64(shift)).astype(np.uint16)
        if len(words) and (words != words[0]).any():
            order = order[np.argsort(words[order], kind="stable")]
    return order
