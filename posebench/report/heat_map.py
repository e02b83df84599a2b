"""Mean keypoint similarity of each model's keypoints as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from posebench.report.plots import (
    GRID,
    INK,
    add_texts,
    caption_lines,
    new_figure,
    plain,
    shorten,
    style,
)
from posebench.report.text import EMPTY
from posebench.types import Float64Array

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

_CELL_WIDTH, _CELL_HEIGHT = 0.42, 0.28
_TOP, _RIGHT = 0.45, 0.62
_NUMBERS_UP_TO = 40
"""With more keypoints than this the columns are narrow and carry no numbers."""


def keypoint_heat_map(data: pd.DataFrame, *, title: str, caption: Sequence[str]) -> Figure:
    """A row for each model, a column for each keypoint, the similarity in each cell.

    Args:
        data: Columns ``model``, ``keypoint``, ``oks`` (0..1 or missing), in the order of print.
        title: Printed above.
        caption: Printed below, a paragraph each.
    """
    models = list(dict.fromkeys(data["model"]))
    keypoints = list(dict.fromkeys(data["keypoint"]))
    values = np.full((len(models), len(keypoints)), np.nan)
    for model, keypoint, oks in data[["model", "keypoint", "oks"]].itertuples(index=False):
        values[models.index(model), keypoints.index(keypoint)] = oks * 100
    names = [shorten(model) for model in models]
    ticks = [plain(keypoint.replace("_", " ")) for keypoint in keypoints]
    with style():
        figure, axes = _axes(names, ticks, caption)
        _draw(figure, axes, values)
        axes.set_yticks(range(len(names)), names)
        axes.set_xticks(range(len(ticks)), ticks, rotation=45, ha="right", rotation_mode="anchor")
        add_texts(figure, title=title, caption=caption)
    return figure


def _axes(
    names: Sequence[str], ticks: Sequence[str], caption: Sequence[str]
) -> tuple[Figure, Axes]:
    """A figure that fits its cells, labels and caption, and the axes of the cells."""
    cell = _CELL_WIDTH if len(ticks) <= _NUMBERS_UP_TO else _CELL_WIDTH / 3
    left = 0.3 + 0.08 * max(map(len, names))
    inner_width, inner_height = max(cell * len(ticks), 3.0), _CELL_HEIGHT * len(names)
    width = left + inner_width + _RIGHT
    # A letter of a slanted label takes some 0.055 inches of height.
    bottom = 0.4 + 0.055 * max(map(len, ticks)) + 0.15 * len(caption_lines(caption, width))
    height = _TOP + inner_height + bottom
    figure = new_figure(width, height)
    box = (left / width, bottom / height, inner_width / width, inner_height / height)
    return figure, figure.add_axes(box)


def _draw(figure: Figure, axes: Axes, values: Float64Array) -> None:
    """Cells from pale to blue: every colour vision can order them, dark numbers show on all."""
    import matplotlib
    from matplotlib.colors import ListedColormap

    known = values[np.isfinite(values)]
    low = min(float(np.floor(known.min() / 5) * 5), 95.0) if len(known) else 0.0
    colors = ListedColormap(matplotlib.colormaps["Blues"](np.linspace(0.02, 0.6, 256)))
    image = axes.imshow(values, cmap=colors, vmin=low, vmax=100.0, aspect="auto")
    for edge in axes.spines.values():
        edge.set_visible(False)
    rows, columns = values.shape
    axes.set_xticks(np.arange(columns + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(rows + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.2)
    axes.tick_params(which="both", length=0)
    if columns <= _NUMBERS_UP_TO:
        _number_cells(axes, values)
    _color_bar(figure, axes, image)


def _number_cells(axes: Axes, values: Float64Array) -> None:
    for (row, column), value in np.ndenumerate(values):
        text = f"{value:.1f}" if np.isfinite(value) else EMPTY
        axes.text(column, row, text, ha="center", va="center", fontsize=7.5, color=INK)


def _color_bar(figure: Figure, axes: Axes, image: AxesImage) -> None:
    """A bar of constant width at the right, as high as the cells."""
    width, height = figure.get_size_inches()
    place = axes.get_position()
    bar = figure.add_axes((place.x1 + 0.12 / width, place.y0, 0.12 / width, place.height))
    scale = figure.colorbar(image, cax=bar)
    scale.outline.set_edgecolor(GRID)
    bar.tick_params(labelsize=7.5, length=2)
    if place.height * height < _CELL_HEIGHT * 4:
        scale.set_ticks(list(image.get_clim()))
    else:
        bar.locator_params(axis="y", nbins=4)
