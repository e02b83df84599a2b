"""Heat maps that a network is trained to give, as mmpose's codecs encode keypoints."""

from __future__ import annotations

import numpy as np

from posebench.config import Preprocess, TopDown
from posebench.errors import InputError
from posebench.types import Float32Array, FloatArray


def encode_heatmaps(
    keypoints: Float32Array,
    visible: FloatArray,
    preprocess: Preprocess,
    heatmap_size: tuple[int, int],
    sigma: float,
    top_down: TopDown,
) -> Float32Array:
    """One Gaussian of height 1 a keypoint, exp(-d² / 2 sigma²) at distance d.

    Where it lies follows ``top_down.decode``: for ``argmax`` and ``quarter-shift`` its centre is
    that of the nearest cell (Xiao et al., ECCV 2018), for ``dark`` and ``udp-dark`` it is exact
    (Zhang et al., Huang et al., CVPR 2020). For all but ``dark`` it ends 3 sigma from the nearest
    cell in x and in y. With 3 sigma a whole number this equals mmpose's encoding.

    ``decode_heatmaps`` finds a keypoint that is 3 sigma or more from the border again, to half a
    cell for ``argmax`` and ``quarter-shift`` and to 0.002 cells for ``dark`` and ``udp-dark`` with
    sigma 2 and ``blur_kernel`` 11.

    Args:
        keypoints: (K, 2) x and y in px of the network's input, as ``Crops.matrices`` map them.
        visible: (K,); the map of a keypoint below 0.5 is zero, as is that of one so far outside
            that its Gaussian does not reach the map.
        preprocess: Its input size.
        heatmap_size: Rows and columns (h, w).
        sigma: Cells.
        top_down: Its ``decode``.

    Returns:
        (K, h, w) float32, 0..1.

    Raises:
        InputError: ``udp-offset``, whose targets are no Gaussians.
    """
    if top_down.decode == "udp-offset":
        raise InputError(
            "top_down.decode=udp-offset is not learnt from Gaussian heat maps.",
            remedy="Set top_down.decode=udp-dark.",
        )
    cells = _to_cells(keypoints, preprocess, heatmap_size, top_down)
    height, width = heatmap_size
    columns = _profiles(cells[:, 0], width, sigma, top_down)
    rows = _profiles(cells[:, 1], height, sigma, top_down)
    rows[np.asarray(visible, np.float32) < 0.5] = 0
    return rows[:, :, None] * columns[:, None, :]


def _to_cells(
    keypoints: Float32Array,
    preprocess: Preprocess,
    heatmap_size: tuple[int, int],
    top_down: TopDown,
) -> Float32Array:
    """(K, 2) network px to cells."""
    # Between the centres of the outermost pixels there is one less than there are pixels.
    less = 1 if top_down.decode.startswith("udp") else 0
    input_size = np.array([preprocess.input_width, preprocess.input_height]) - less
    cell_counts = np.array(heatmap_size[::-1]) - less
    return np.asarray(keypoints / (input_size / cell_counts).astype(np.float32), np.float32)


def _profiles(cells: Float32Array, count: int, sigma: float, top_down: TopDown) -> Float32Array:
    """(K, count) Gaussians along one axis; their products are those of the plane."""
    axis = np.arange(count, dtype=np.float32)
    nearest, reach = np.trunc(cells + np.float32(0.5)), 3 * sigma
    centres = cells if top_down.decode in ("dark", "udp-dark") else nearest
    if top_down.decode == "dark":
        drawn = ((cells - reach < count) & (cells + reach + 1 >= 0))[:, None]
    else:
        drawn = np.abs(axis - nearest[:, None]) <= reach
    squared = (axis - centres[:, None]) ** 2
    return np.asarray(np.where(drawn, np.exp(-squared / (2 * sigma**2)), 0), np.float32)
