"""Rotations and profiles. Right-handed, x to a person's left, y up, z to the front."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from posebench.types import Float32Array, Float64Array

Vectors = TypeVar("Vectors", Float32Array, Float64Array)


def rotation_x(angle: float) -> Float64Array:
    """(3, 3) rotation about x, radians."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])


def rotation_y(angle: float) -> Float64Array:
    """(3, 3) rotation about y, radians."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def rotation_z(angle: float) -> Float64Array:
    """(3, 3) rotation about z, radians."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def bend(pitch: float, yaw: float, roll: float) -> Float64Array:
    """(3, 3) rotation of a joint: first roll about z, then pitch about x, then yaw about y."""
    return rotation_y(yaw) @ rotation_x(pitch) @ rotation_z(roll)


def normalise(vectors: Vectors) -> Vectors:
    """Vectors (…, 3) at length one; a zero vector stays zero."""
    length = np.sqrt(dot(vectors, vectors)) + vectors.dtype.type(1e-9)
    return np.asarray(vectors / length[..., None], vectors.dtype)


def dot(first: Vectors, second: Vectors) -> Vectors:
    """Scalar products of vectors (…, 3), added up in the order of the axes.

    Summing over an axis of three takes numpy five times as long.
    """
    a, b, c = np.moveaxis(first, -1, 0)
    x, y, z = np.moveaxis(second, -1, 0)
    return np.asarray(a * x + b * y + c * z, first.dtype)


def cross(first: Float64Array, second: Float64Array) -> Float64Array:
    """Cross products of vectors (…, 3); ``numpy.cross`` takes three times as long."""
    a, b, c = np.moveaxis(first, -1, 0)
    x, y, z = np.moveaxis(second, -1, 0)
    return np.stack([b * z - c * y, c * x - a * z, a * y - b * x], axis=-1)


def profile(at: Float64Array, knots: Sequence[float], values: Sequence[float]) -> Float64Array:
    """Piecewise linear through knots, its corners rounded over 8 % of the range."""
    width = (knots[-1] - knots[0]) * 0.02
    shifts = (-1.5 * width, -0.5 * width, 0.5 * width, 1.5 * width)
    return sum((np.interp(at + s, knots, values) for s in shifts), np.zeros_like(at)) / 4.0


def smoothstep(at: Float64Array) -> Float64Array:
    """0 below 0, 1 above 1, and 3t² - 2t³ between."""
    t = np.clip(at, 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


GRID_M = 2.0**-14
"""Positions are rounded to this, in metres, before anything is compared with anything: sines and
matrix products differ in their last bit from machine to machine, labels must not."""


def snap(values: Float64Array, step: float = GRID_M) -> Float64Array:
    """Rounded to whole steps."""
    return np.asarray(np.round(values / step) * step)
