"""From heat maps to keypoints, as mmpose's codecs MSRAHeatmap and UDPHeatmap decode them.

The maximum of a map tells the cell, a step away from it the fraction. ``quarter-shift`` is that of
Newell et al. (Stacked Hourglass, ECCV 2016); ``dark`` and ``udp-dark`` smooth the map, take its
logarithm and do one step of Newton's method towards the top (Zhang et al., Distribution-Aware
Coordinate Representation, CVPR 2020, equations 4 to 9; Huang et al., The Devil is in the Details,
CVPR 2020). ``udp-offset`` reads the step from two further maps of each keypoint (ibid.).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from posebench.config import Preprocess, TopDown
from posebench.errors import InputError
from posebench.types import Float32Array, Float64Array, FloatArray, IntArray

NOWHERE_CELL = -1.0
"""Row and column of a keypoint whose map has no positive value: just outside, as in mmpose."""


def decode_heatmaps(
    heatmaps: Float32Array, preprocess: Preprocess, top_down: TopDown
) -> tuple[Float32Array, Float32Array]:
    """Keypoints of M people, and the maxima of their maps.

    Of equal maxima the first counts, row by row. A map without a positive value gives a keypoint
    just outside the crop, cell (-1, -1), without a step; a step that is not finite is not taken.
    With ``udp-*`` the last cell lies at x = input width, not input width - 1: a keypoint x of the
    network's input is decoded as x · width / (width - 1), which ``crops.to_picture`` undoes.

    Args:
        heatmaps: (M, K, h, w), or for ``udp-offset`` (M, 3 K, h, w) with label, x and y offset
            of each keypoint in turn; not changed.
        preprocess: Its input size.
        top_down: Its ``decode``, ``blur_kernel`` and ``offset_radius``.

    Returns:
        (M, K, 2) float32 x and y in network px, for ``crops.to_picture``, and (M, K) float32
        scores. For ``udp-offset`` a score is the maximum of the smoothed label.

    Raises:
        InputError: The maps or the protocol do not suit the way of decoding.
    """
    _check(heatmaps, top_down)
    people, channels, height, width = heatmaps.shape
    maps = np.asarray(heatmaps, np.float32).reshape(-1, height, width)
    if top_down.decode == "udp-offset":
        channels //= 3
        cells, scores = _decode_offsets(maps, top_down)
    else:
        peaks = _find_peaks(maps)
        steps = _STEPS[top_down.decode](maps, peaks, top_down.blur_kernel)
        cells, scores = _moved(peaks, steps), peaks.values
    keypoints = _to_network(cells, (height, width), preprocess, top_down)
    return keypoints.reshape(people, channels, 2), scores.reshape(people, channels)


@dataclass(frozen=True, eq=False)
class _Peaks:
    """Columns, rows (N,) int64 and values (N,) float32 of the maxima of N maps."""

    columns: IntArray
    rows: IntArray
    values: Float32Array


def _find_peaks(maps: Float32Array) -> _Peaks:
    count, height, width = maps.shape
    flat = maps.reshape(count, height * width)
    best = flat.argmax(axis=1)
    return _Peaks(best % width, best // width, flat[np.arange(count), best])


def _moved(peaks: _Peaks, steps: FloatArray) -> Float32Array:
    """(N, 2) float32 cells: the peaks and their finite steps."""
    steps = np.where(np.isfinite(steps).all(axis=1, keepdims=True), steps, 0)
    cells = np.stack([peaks.columns, peaks.rows], axis=1) + steps
    return np.where(peaks.values[:, None] > 0, cells, NOWHERE_CELL).astype(np.float32)


def _to_network(
    cells: Float32Array, heatmap_size: tuple[int, int], preprocess: Preprocess, top_down: TopDown
) -> Float32Array:
    """(N, 2) cells to network px."""
    cell_counts = np.array(heatmap_size[::-1])
    input_size = np.array([preprocess.input_width, preprocess.input_height])
    if top_down.decode.startswith("udp"):
        return np.asarray(cells / (cell_counts - 1) * input_size, np.float32)
    return np.asarray(cells * (input_size / cell_counts).astype(np.float32), np.float32)


def _no_step(maps: Float32Array, peaks: _Peaks, kernel: int) -> Float32Array:
    return np.zeros((len(maps), 2), np.float32)


def _quarter_step(maps: Float32Array, peaks: _Peaks, kernel: int) -> Float32Array:
    """A quarter towards the higher neighbour; none at the border, nor in row and column 1."""
    height, width = maps.shape[1:]
    patch = _patches(maps, peaks, reach=1)
    dx = patch[:, 1, 2] - patch[:, 1, 0]
    dy = patch[:, 2, 1] - patch[:, 0, 1]
    x, y = peaks.columns, peaks.rows
    dx = np.where((x > 1) & (x < width - 1) & (y > 0), dx, 0)
    dy = np.where((y > 1) & (y < height - 1) & (x > 0), dy, 0)
    return np.asarray(0.25 * np.sign(np.stack([dx, dy], axis=1)), np.float32)


def _dark_step(maps: Float32Array, peaks: _Peaks, kernel: int) -> FloatArray:
    """Newton's step with differences over two cells; none within two cells of the border."""
    height, width = maps.shape[1:]
    patch = _log_patches(maps, peaks, kernel, reach=2, low=1e-10, high=np.inf)
    dx = 0.5 * (patch[:, 2, 3] - patch[:, 2, 1])
    dy = 0.5 * (patch[:, 3, 2] - patch[:, 1, 2])
    dxy = 0.25 * (patch[:, 3, 3] - patch[:, 1, 3] - patch[:, 3, 1] + patch[:, 1, 1])
    wide = patch.astype(np.float64)  # as mmpose has it: on flat maps these two nearly cancel
    dxx = 0.25 * (wide[:, 2, 4] - 2 * wide[:, 2, 2] + wide[:, 2, 0])
    dyy = 0.25 * (wide[:, 4, 2] - 2 * wide[:, 2, 2] + wide[:, 0, 2])
    x, y = peaks.columns, peaks.rows
    inside = (x > 1) & (x < width - 2) & (y > 1) & (y < height - 2)
    return np.where(inside[:, None], _newton(dx, dy, dxx, dxy, dyy), 0)


def _udp_step(maps: Float32Array, peaks: _Peaks, kernel: int) -> FloatArray:
    """Newton's step with differences over one cell; maps go on beyond their border."""
    patch = _log_patches(maps, peaks, kernel, reach=1, low=1e-3, high=50.0)
    centre, corner, opposite = patch[:, 1, 1], patch[:, 2, 2], patch[:, 0, 0]
    left, right, above, below = patch[:, 1, 0], patch[:, 1, 2], patch[:, 0, 1], patch[:, 2, 1]
    dx, dy = 0.5 * (right - left), 0.5 * (below - above)
    dxx, dyy = right - 2 * centre + left, below - 2 * centre + above
    dxy = 0.5 * (corner - right - below + centre + centre - left - above + opposite)
    return _newton(dx, dy, dxx, dxy, dyy, ridge=float(np.finfo(np.float32).eps))


_STEPS: dict[str, Callable[[Float32Array, _Peaks, int], FloatArray]] = {
    "argmax": _no_step,
    "quarter-shift": _quarter_step,
    "dark": _dark_step,
    "udp-dark": _udp_step,
}


def _newton(
    dx: FloatArray,
    dy: FloatArray,
    dxx: FloatArray,
    dxy: FloatArray,
    dyy: FloatArray,
    *,
    ridge: float = 0.0,
) -> Float64Array:
    """(N, 2) steps -(H + ridge)⁻¹ g, not finite where that cannot be inverted."""
    dx, dy, dxx, dxy, dyy = (np.asarray(d, np.float64) for d in (dx, dy, dxx, dxy, dyy))
    dxx, dyy = dxx + ridge, dyy + ridge
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        steps = np.stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy], axis=1)
        return np.asarray(steps / (dxx * dyy - dxy**2)[:, None], np.float64)


def _patches(maps: Float32Array, peaks: _Peaks, reach: int) -> Float32Array:
    """(N, 2 reach + 1, 2 reach + 1) cells about the peaks; beyond the border, the border's."""
    count, height, width = maps.shape
    around = np.arange(-reach, reach + 1)
    rows = np.clip(peaks.rows[:, None] + around, 0, height - 1)
    columns = np.clip(peaks.columns[:, None] + around, 0, width - 1)
    patches = maps[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return np.asarray(patches, np.float32)


def _log_patches(
    maps: Float32Array, peaks: _Peaks, kernel: int, *, reach: int, low: float, high: float
) -> Float32Array:
    """Logarithms about the peaks of the maps, smoothed and scaled back to their old maximum."""
    blurred = _blur(maps, kernel)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        gains = peaks.values / blurred.max(axis=(1, 2))
        patches = _patches(blurred, peaks, reach) * gains[:, None, None]
    return np.asarray(np.log(np.clip(patches, np.float32(low), np.float32(high))), np.float32)


def _blur(maps: Float32Array, kernel: int) -> Float32Array:
    """(N, h, w) maps smoothed by a Gaussian of ``kernel`` cells, with zeros around each map.

    The maps are laid below each other with as many rows of zeros between them as the kernel
    reaches, so that OpenCV smooths all of them in one call.
    """
    count, height, width = maps.shape
    spaced = np.zeros((count, height + kernel // 2, width), np.float32)
    spaced[:, :height] = maps
    if not spaced.size:
        return maps
    weights = cv2.getGaussianKernel(kernel, 0, cv2.CV_32F)
    column = spaced.reshape(-1, width)
    blurred = cv2.sepFilter2D(column, cv2.CV_32F, weights, weights, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(blurred, np.float32).reshape(spaced.shape)[:, :height]


def _decode_offsets(maps: Float32Array, top_down: TopDown) -> tuple[Float32Array, Float32Array]:
    """(K M, 2) cells and scores of label, x and y offset maps that take turns."""
    size = 2 * top_down.blur_kernel + 1
    labels = np.empty((len(maps) // 3, *maps.shape[1:]), np.float32)
    for label, blurred in zip(maps[::3], labels, strict=True):
        cv2.GaussianBlur(label, (size, size), 0, dst=blurred)
    peaks = _find_peaks(labels)
    keypoint = np.arange(len(labels))
    offsets = [maps[first::3][keypoint, peaks.rows, peaks.columns] for first in (1, 2)]
    radius = np.float32(top_down.offset_radius * max(maps.shape[1:]))
    return _moved(peaks, np.stack(offsets, axis=1) * radius), peaks.values


def _check(heatmaps: Float32Array, top_down: TopDown) -> None:
    if top_down.decode == "udp-offset" and heatmaps.shape[1] % 3:
        raise InputError(
            f"top_down.decode=udp-offset needs three maps a keypoint, the network gives "
            f"{heatmaps.shape[1]} maps.",
            remedy="Set top_down.decode=udp-dark for a network of one map a keypoint.",
        )
    if top_down.decode in ("dark", "udp-dark") and top_down.blur_kernel % 2 == 0:
        raise InputError(
            f"top_down.blur_kernel={top_down.blur_kernel} is even, {top_down.decode} needs an odd "
            "number of cells.",
            remedy=f"Set top_down.blur_kernel={top_down.blur_kernel + 1}.",
        )
