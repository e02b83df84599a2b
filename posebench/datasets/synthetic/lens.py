"""From light to the bytes of a JPEG: exposure, contrast, sharpness, noise."""

from __future__ import annotations

import cv2
import numpy as np

from posebench.datasets.synthetic import exact
from posebench.datasets.synthetic.draws import Draws
from posebench.types import BoolArray, Float32Array, Image

_BRIGHTEST = 0.9
"""From here on, highlights are compressed."""


def develop(light: Float32Array, people: BoolArray, draws: Draws) -> Image:
    """A photograph, (height, width, 3) uint8 RGB.

    Args:
        light: (height, width, 3) RGB.
        people: (height, width) where people are; a camera exposes for them.
        draws: Where the chance comes from.
    """
    tint = np.array([1 + draws.normal(0, 0.05) for _ in range(3)], np.float32)
    exposed = light * tint
    exposed = exposed * np.float32(_exposure(exposed, people, draws) * 2 ** draws.normal(0, 0.12))
    toned = _contrast(_compress(exposed), draws.uniform(0.1, 0.45))
    sharp = _blur(toned, np.float32(draws.uniform(0.02, 0.14)))
    return _to_bytes(sharp + _grain(sharp.shape, draws))


def encode(image: Image, draws: Draws) -> bytes:
    """As JPEG, at a quality of 80 to 95."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, draws.integer(80, 96)]
    done, data = cv2.imencode(".jpg", image[..., ::-1], quality)
    if not done:
        raise RuntimeError("OpenCV cannot write JPEG files")
    return bytes(data)


def _exposure(light: Float32Array, people: BoolArray, draws: Draws) -> float:
    """The factor that makes the picture and the people in it neither dark nor pale."""
    gray = (light[..., 0] + light[..., 1] + light[..., 2]) / np.float32(3)
    whole = np.clip(draws.uniform(0.40, 0.52) / max(_mean(gray), 0.05), 0.8, 1.9)
    subject = _mean(gray[people]) if people.any() else 0.4
    factor = 0.5 * whole + 0.5 * np.clip(0.42 / max(subject, 0.05), 0.8, 2.2)
    highlights = 1.0 / max(float(np.percentile(light.max(axis=-1), 96)), 0.3)
    bright = 0.80 / max(float(np.percentile(gray, 75)), 0.3)
    return float(min(np.clip(factor, 0.8, 1.9), highlights, bright))


def _mean(values: Float32Array) -> float:
    return float(values.mean(dtype=np.float64))


def _compress(light: Float32Array) -> Float32Array:
    """Highlights roll off instead of being cut."""
    room = np.float32(1 - _BRIGHTEST)
    over = np.maximum(light - np.float32(_BRIGHTEST), 0)
    return np.asarray(
        np.minimum(light, np.float32(_BRIGHTEST)) + room * (1 - exact.exp(-over / room))
    )


def _contrast(light: Float32Array, strength: float) -> Float32Array:
    """An S-curve, mixed in."""
    s = np.float32(strength)
    x = np.clip(light, 0, 1)
    return np.asarray((1 - s) * x + s * (x * x * (3 - 2 * x)), np.float32)


def _blur(image: Float32Array, side: np.float32) -> Float32Array:
    """Three taps (side, 1 - 2·side, side) down and across.

    Spelt out: OpenCV's differs in the last bit from processor to processor.
    """
    for axis in (0, 1):
        padded = np.pad(image, [(int(axis == k), int(axis == k)) for k in range(3)], "edge")
        before, after = np.delete(padded, (-1, -2), axis), np.delete(padded, (0, 1), axis)
        image = (1 - 2 * side) * image + side * (before + after)
    return image


def _grain(shape: tuple[int, ...], draws: Draws) -> Float32Array:
    """Noise of a sensor: most of it in brightness, some in colour."""
    height, width = shape[:2]
    gray = _bell(draws, height * width).reshape(height, width, 1)
    colour = _bell(draws, height * width * 3).reshape(height, width, 3)
    strength = np.float32(draws.uniform(0.002, 0.012))
    return np.asarray(gray * strength + colour * np.float32(0.006))


def _bell(draws: Draws, count: int) -> Float32Array:
    """(count,) about normally distributed: four random bytes added up, scaled to deviation 1."""
    sheets = draws.raw(-(-count // 2)).view(np.uint8).reshape(4, -1).astype(np.int16)
    total = sheets[0] + sheets[1] + sheets[2] + sheets[3]
    return np.asarray((total[:count] - 510) / np.float32(147.8), np.float32)


def _to_bytes(image: Float32Array) -> Image:
    return (np.clip(image, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
