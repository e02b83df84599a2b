"""Functions of single-precision arrays that come out the same on every processor.

In single precision numpy uses whatever vector instructions it finds, and the last bits vary with
them. In double precision they vary too, but rounding to single precision hides all but about one
case in 10⁸.
"""

from __future__ import annotations

import numpy as np

from posebench.types import Float32Array


def sin(values: Float32Array) -> Float32Array:
    """Sines of radians."""
    return np.sin(values.astype(np.float64)).astype(np.float32)


def cos(values: Float32Array) -> Float32Array:
    """Cosines of radians."""
    return np.cos(values.astype(np.float64)).astype(np.float32)


def arctan2(y: Float32Array, x: Float32Array) -> Float32Array:
    """Angles of the points (x, y), radians."""
    return np.arctan2(y.astype(np.float64), x.astype(np.float64)).astype(np.float32)


def exp(values: Float32Array) -> Float32Array:
    """Powers of e."""
    return np.exp(values.astype(np.float64)).astype(np.float32)


def power(values: Float32Array, exponent: float) -> Float32Array:
    """Powers of what is not negative."""
    return np.power(values.astype(np.float64), exponent).astype(np.float32)
