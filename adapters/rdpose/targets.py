"""What the heat maps are to become: a Gaussian about every labelled joint, and the centre's."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from rdpose.config import STRIDE, ModelConfig

Floats = npt.NDArray[np.float32]
Points = npt.NDArray[np.floating[Any]]


def heatmap_targets(
    joints: Points, visible: npt.NDArray[np.bool_], config: ModelConfig
) -> tuple[Floats, Floats]:
    """Target maps and weights of one person (HRNet, lib/dataset/JointsDataset.py).

    A joint's Gaussian is 1 at the cell next to it and ends after three deviations. Its weight is 0
    if it is not labelled or the Gaussian ends before the map begins; by HRNet's rule one that ends
    just at the left or upper border still counts.

    The centre of ``as-published`` has an empty map and weight 0, as the public code's has on COCO
    and MPII. Otherwise it is the mean of the labelled joints, of weight 1 if it is in the map.

    Args:
        joints: (K, 2) x, y in pixels of the network's input.
        visible: (K,) whether a joint is labelled.
        config: Of the network.

    Returns:
        (K', h, w) maps 0..1 and (K',) weights 0 or 1; K' is K, or K + 1 if decoupled.
    """
    shape, sigma = config.heatmap_size, config.sigma
    # Towards zero, as HRNet's int() does.
    cells = (np.asarray(joints) / STRIDE + 0.5).astype(np.int64)
    weights = np.asarray(visible, bool) & _in_reach(cells, shape, sigma)
    maps = [_gaussian(cell, shape, sigma) for cell in cells]
    if config.decoupled:
        center = _center_cell(joints, visible, config)
        weights = np.append(weights, center is not None)
        none = np.zeros(shape, np.float32)
        maps.append(none if center is None else _gaussian(center, shape, sigma))
    return np.stack(maps) * weights[:, None, None], weights.astype(np.float32)


def labelled_center(
    joints: Points, visible: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64] | None:
    """The mean (x, y) of the labelled joints, in their own unit; None without any.

    Args:
        joints: (K, 2) x, y.
        visible: (K,) whether a joint is labelled.
    """
    labelled = np.asarray(joints, np.float64)[np.asarray(visible, bool)]
    return np.asarray(labelled.mean(0)) if len(labelled) else None


def nearest_cell(point: Points, shape: tuple[int, int]) -> tuple[int, int] | None:
    """Row and column of the cell next to a point, None if it is not in the map.

    Args:
        point: x, y in cells; the middle of the first cell is 0, 0.
        shape: Rows and columns of the map.
    """
    column, row = (int(value) for value in np.floor(np.asarray(point, np.float64) + 0.5))
    inside = 0 <= row < shape[0] and 0 <= column < shape[1]
    return (row, column) if inside else None


def _center_cell(
    joints: Points, visible: npt.NDArray[np.bool_], config: ModelConfig
) -> npt.NDArray[np.int64] | None:
    """x, y of the cell next to the centre, if it is to be learnt."""
    center = None if config.variant == "as-published" else labelled_center(joints, visible)
    cell = None if center is None else nearest_cell(center / STRIDE, config.heatmap_size)
    return None if cell is None else np.array(cell[::-1])


def _in_reach(
    cells: npt.NDArray[np.int64], shape: tuple[int, int], sigma: float
) -> npt.NDArray[np.bool_]:
    radius = _radius(sigma)
    begins = (cells - radius < np.array(shape[::-1])).all(1)
    return np.asarray(begins & (cells + radius + 1 >= 0).all(1))


def _gaussian(cell: npt.NDArray[np.int64], shape: tuple[int, int], sigma: float) -> Floats:
    """(h, w) map of a Gaussian about a cell (x, y), in the map or not."""
    across = np.arange(shape[1], dtype=np.float32)[None] - np.float32(cell[0])
    down = np.arange(shape[0], dtype=np.float32)[:, None] - np.float32(cell[1])
    height = np.exp(-(across**2 + down**2) / np.float32(2 * sigma**2))
    within = np.maximum(abs(across), abs(down)) <= _radius(sigma)
    return np.where(within, height, 0).astype(np.float32)


def _radius(sigma: float) -> int:
    """Cells from the middle of a Gaussian to its last one."""
    return int(3 * sigma)
