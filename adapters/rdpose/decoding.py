"""From heat maps to joints: the mirror image's mean, the maximum, a quarter of a step.

Newell et al., Stacked Hourglass, ECCV 2016; the rules at a map's border are mmpose's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rdpose.data.crop import Float32Array, IntArray

_NOWHERE = -1.0  # cell of a joint whose map has no positive value: just outside


def average_flipped(
    heatmaps: Float32Array, flipped: Float32Array, flip_pairs: Sequence[tuple[int, int]]
) -> Float32Array:
    """The mean of the maps of a crop and those of its mirror image, turned back.

    What was turned back is moved right by a cell, column 0 stays: at stride 4 turning leaves the
    maps 3/4 of a cell too far left.

    Args:
        heatmaps: (M, K, h, w) of the crops.
        flipped: (M, K, h, w) that the network gave for the mirrored crops.
        flip_pairs: Joints that a mirror exchanges.
    """
    order = np.arange(heatmaps.shape[1])
    for left, right in flip_pairs:
        order[[left, right]] = order[[right, left]]
    turned = flipped[:, order, :, ::-1].copy()
    turned[..., 1:] = turned[..., :-1].copy()
    return np.asarray((heatmaps + turned) * np.float32(0.5), np.float32)


def decode(
    heatmaps: Float32Array, input_size: tuple[int, int]
) -> tuple[Float32Array, Float32Array]:
    """Joints of M people, and the maxima of their maps.

    Of equal maxima the first counts, row by row. From the maximum it is a quarter of a cell
    towards the higher neighbour, in x and in y, but not from a cell at the border or in row or
    column 1. A map without a positive value gives a joint just outside the crop.

    Args:
        heatmaps: (M, K, h, w).
        input_size: Height and width of the network's input, px.

    Returns:
        (M, K, 2) float32 x and y in px of the network's input, and (M, K) float32 scores.
    """
    people, joints, height, width = heatmaps.shape
    maps = heatmaps.reshape(people * joints, height, width)
    best = maps.reshape(len(maps), -1).argmax(axis=1)
    rows, columns = best // width, best % width
    scores = maps[np.arange(len(maps)), rows, columns]
    cells = np.stack([columns, rows], axis=1) + _quarter_steps(maps, rows, columns)
    cells = np.where(scores[:, None] > 0, cells, _NOWHERE)
    per_cell = np.array([input_size[1] / width, input_size[0] / height], np.float32)
    points = np.asarray(cells.astype(np.float32) * per_cell, np.float32)
    return points.reshape(people, joints, 2), scores.reshape(people, joints)


def _quarter_steps(
    maps: Float32Array,
    rows: IntArray,
    columns: IntArray,
) -> Float32Array:
    """(N, 2) steps in x and y."""
    height, width = maps.shape[1:]
    number = np.arange(len(maps))
    right, below = np.minimum(columns + 1, width - 1), np.minimum(rows + 1, height - 1)
    left, above = np.maximum(columns - 1, 0), np.maximum(rows - 1, 0)
    dx = maps[number, rows, right] - maps[number, rows, left]
    dy = maps[number, below, columns] - maps[number, above, columns]
    dx = np.where((columns > 1) & (columns < width - 1) & (rows > 0), dx, 0)
    dy = np.where((rows > 1) & (rows < height - 1) & (columns > 0), dy, 0)
    return np.asarray(0.25 * np.sign(np.stack([dx, dy], axis=1)), np.float32)
