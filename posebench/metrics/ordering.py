"""Sorting by score, the only sort of the evaluator that is not of small integers."""

from __future__ import annotations

import numpy as np

from posebench.types import Float64Array, IntArray

_SIGN = np.uint64(1 << 63)


def falling(scores: Float64Array) -> IntArray:
    """(N,) stable order of N finite scores, the highest first.

    The same as ``np.argsort(-scores, kind="stable")``, but by 16 bits at a time, which numpy sorts
    by counting: three times faster for scores that were single precision once.
    """
    keys = (0.0 - scores).view(np.uint64)  # Unlike a minus sign it makes both zeros one.
    keys = np.where(keys & _SIGN, ~keys, keys | _SIGN)  # Now ascending as integers.
    order = np.arange(len(keys))
    for shift in range(0, 64, 16):
        words = (keys >> np.uint64(shift)).astype(np.uint16)
        if len(words) and (words != words[0]).any():
            order = order[np.argsort(words[order], kind="stable")]
    return order
