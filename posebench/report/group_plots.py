"""Figures of groups of people as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from posebench.report.diagnosis_words import counted_people
from posebench.report.panels import panel_row, without_lines
from posebench.report.plots import ACCENT, INK, MUTED, plain, style
from posebench.report.text import EMPTY
from posebench.types import Float64Array

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CELL, _ROW = 0.62, 0.22


def grid_plot(data: pd.DataFrame, *, title: str, caption: Sequence[str]) -> Figure:
    """AR by overlap and labelled keypoints, with the number of people in each cell.

    Args:
        data: As ``grid_frame`` makes it.
        title: Printed above.
        caption: Printed below, a paragraph each.
    """
    import matplotlib
    from matplotlib.colors import ListedColormap

    rows, columns = (list(dict.fromkeys(data[name])) for name in ("overlaps", "visible"))
    ar = 100 * data["ar"].to_numpy(np.float64).reshape(len(rows), len(columns))
    people = data["people"].to_numpy().reshape(ar.shape)
    with style():
        figure, (axes,) = panel_row(title, caption, height=_CELL * len(rows), left=1.2, foot=0.6)
        colours = ListedColormap(matplotlib.colormaps["Blues"](np.linspace(0.02, 0.6, 256)))
        axes.imshow(ar, cmap=colours, vmin=0, vmax=100, aspect="auto")
        for (row, column), value in np.ndenumerate(ar):
            text = EMPTY if np.isnan(value) else f"{value:.1f}"
            axes.text(column, row - 0.12, text, ha="center", va="center", fontsize=9, color=INK)
            text = counted_people(int(people[row, column]))
            axes.text(column, row + 0.22, text, ha="center", va="center", fontsize=7, color=INK)
        _name_cells(axes, rows, columns)
    return figure


def _name_cells(axes: Axes, rows: Sequence[str], columns: Sequence[str]) -> None:
    axes.grid(visible=False)
    for edge in axes.spines.values():
        edge.set_visible(False)
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0)
    axes.set_xticks(np.arange(1, len(columns)) - 0.5, minor=True)
    axes.set_yticks(np.arange(1, len(rows)) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="minor", length=0)
    axes.set_xlabel("labelled keypoints")
    axes.set_ylabel("others who overlap")


def group_plot(
    data: pd.DataFrame, titles: Mapping[str, str], *, title: str, caption: Sequence[str]
) -> Figure:
    """AR of every group, below the name of its split.

    Args:
        data: As ``group_frame`` makes it.
        titles: What each split is by, in the order of the rows.
        title: Printed above.
        caption: Printed below, a paragraph each.
    """
    with style():
        height = _ROW * (len(data) + 1.4 * len(titles))
        figure, (axes,) = panel_row(title, caption, height=height, left=2.4)
        places, names, place = [], [], 0.0
        for split, heading in titles.items():
            axes.text(-1.5, place, heading, ha="right", va="center", fontsize=8.5, color=MUTED)
            groups = data[data["split"] == split]
            rows = place + 1 + np.arange(len(groups))
            _bars(axes, rows, groups)
            places += rows.tolist()
            names += [plain(name) for name in groups["group"]]
            place = rows[-1] + 1.4
        axes.set_yticks(places, names)
        axes.set_ylim(place - 0.6, -0.6)
        axes.set_xlim(0, 122)
        axes.set_xticks(range(0, 101, 20))
        axes.spines["bottom"].set_bounds(0, 100)
        axes.set_xlabel("AR")
        without_lines(axes, "y")
    return figure


def _bars(axes: Axes, rows: Float64Array, groups: pd.DataFrame) -> None:
    ar = 100 * groups["ar"].to_numpy(np.float64)
    axes.barh(rows, np.nan_to_num(ar), height=0.68, color=ACCENT)
    for row, value, people in zip(rows, ar, groups["people"], strict=True):
        text = EMPTY if np.isnan(value) else f"{value:.1f}"
        told = f"{text}  {counted_people(people)}"
        axes.text(np.nan_to_num(value) + 1, row, told, va="center", fontsize=7.5, color=INK)
