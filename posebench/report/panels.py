"""Figures of panels side by side, with a title above and a caption below; sizes in inches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from posebench.report.plots import MARGIN, add_texts, bare, caption_lines, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 7.6
MOST_ROWS = 40
"""Rows of keypoints that can be read; a whole body has more."""
_HEAD, _LINE, _RIGHT = 0.42, 0.15, 0.2


def panel_row(
    title: str,
    caption: Sequence[str],
    *,
    height: float,
    widths: Sequence[float] = (1.0,),
    left: float = 0.72,
    gap: float = 0.72,
    head: float = 0.0,
    foot: float = 0.55,
) -> tuple[Figure, list[Axes]]:
    """A figure with a row of panels.

    Args:
        title: Printed above.
        caption: Printed below, a paragraph each.
        height: Of the panels.
        widths: Share of each panel in the width that is left for them.
        left: Room for the labels of the first panel's vertical axis.
        gap: Between two panels.
        head: Room above the panels, below the title.
        foot: Room below the panels for the labels of their horizontal axes.
    """
    below = MARGIN + _LINE * len(caption_lines(caption, WIDTH)) + foot
    whole = _HEAD + head + height + below
    figure = new_figure(WIDTH, whole)
    add_texts(figure, title=title, caption=caption)
    free = WIDTH - left - _RIGHT - gap * (len(widths) - 1)
    axes, start = [], left
    for share in widths:
        width = free * share / sum(widths)
        place = (start / WIDTH, below / whole, width / WIDTH, height / whole)
        axes.append(bare(figure.add_axes(place)))
        start += width + gap
    return figure, axes


def without_lines(axes: Axes, which: str) -> None:
    """Leave out the grid and the ticks along the axis ``x`` or ``y``, whose labels are names."""
    axes.grid(visible=False, axis="x" if which == "x" else "y")
    axes.tick_params(axis="x" if which == "x" else "y", length=0)
