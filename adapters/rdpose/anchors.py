"""Where the off-target anchors lie: the perturbation in the perturbed decoupling module.

The paper's abstract speaks of "off-target feature perturbations" that simulate contamination by
other people. The public code takes one fixed cell; the ``perturbed`` variant is our reading.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rdpose.config import ModelConfig
from rdpose.targets import Points, nearest_cell

Cell = tuple[int, int]

_PUBLISHED_CELL = 32
_NEIGHBOUR_SHARE = 0.5
_BACKGROUND_DISTANCE = 0.25  # of the map's height


def off_target_anchor(
    config: ModelConfig,
    target_center: Points | None,
    neighbours: Points,
    generator: np.random.Generator,
) -> Cell:
    """Row and column of the anchor that the first decoupling is misled with.

    - ``as-published``: cell (32, 32) with HRNet, whatever the size, and the middle cell with
      ResNet. In a map of fewer than 33 rows or columns, which the public code cannot train, it is
      the last of them.
    - ``fixed``, and ``bare``, where it is not looked at: the middle cell.
    - ``perturbed``: half the time the centre of another person, drawn from those whose centre is in
      the map and not in the target's own cell, if there are any; otherwise a background cell, drawn
      from those farther from the target's centre than a quarter of the map's height, or from all
      without such a cell or without a centre.

    Args:
        config: Of the network.
        target_center: x, y in cells, the middle of the first cell is 0, 0; None if unknown. It may
            lie outside.
        neighbours: (M, 2) the same of the other people; none of them need be inside.
        generator: Is drawn from for ``perturbed`` only.

    Returns:
        A cell of the map.
    """
    height, width = config.heatmap_size
    if config.variant == "perturbed":
        return _drawn(config.heatmap_size, target_center, neighbours, generator)
    if config.variant == "as-published" and config.backbone.kind == "hrnet":
        return min(_PUBLISHED_CELL, height - 1), min(_PUBLISHED_CELL, width - 1)
    return height // 2, width // 2


def _drawn(
    shape: Cell, center: Points | None, neighbours: Points, generator: np.random.Generator
) -> Cell:
    own = None if center is None else nearest_cell(center, shape)
    found = [nearest_cell(point, shape) for point in np.reshape(neighbours, (-1, 2))]
    others = [cell for cell in found if cell is not None and cell != own]
    if generator.random() < _NEIGHBOUR_SHARE and others:
        return others[generator.integers(len(others))]
    background = _background(shape, center)
    row, column = background[generator.integers(len(background))]
    return int(row), int(column)


def _background(shape: Cell, center: Points | None) -> npt.NDArray[np.int64]:
    """(N, 2) rows and columns of the cells that are not the target."""
    everywhere = np.argwhere(np.ones(shape, bool))
    if center is None:
        return everywhere
    middle = np.floor(np.asarray(center, np.float64) + 0.5)[::-1]
    distance = np.linalg.norm(everywhere - middle, axis=1)
    far = everywhere[distance > _BACKGROUND_DISTANCE * shape[0]]
    return far if len(far) else everywhere
