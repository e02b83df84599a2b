"""Whether what a CUDA graph replays is what was captured in it."""

from __future__ import annotations

import numpy as np

from posebench.types import Tensor

_TOLERANCE = 1e-3


def is_same(first: Tensor, second: Tensor) -> bool:
    """Whether two outputs differ by no more than sums in another order do."""
    scale = float(np.abs(first.astype(np.float64)).max(initial=0.0, where=np.isfinite(first)))
    return bool(np.allclose(first, second, rtol=0, atol=_TOLERANCE * scale, equal_nan=True))
