"""Several tests at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment: rejecting what is <= alpha errs anywhere with that probability.

    The i-th smallest of m p-values becomes the largest of (m - j + 1) · p_(j), j <= i, at most 1
    (Holm, Scandinavian Journal of Statistics 6, 1979).

    Args:
        p_values: m p-values, 0..1, in any order.

    Returns:
        The adjusted ones in the order given.
    """
    values = np.asarray(p_values, np.float64)
    order = np.argsort(values, kind="stable")
    steps = values[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(value) for value in adjusted]
