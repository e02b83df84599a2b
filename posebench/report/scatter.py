"""Accuracy against latency as a picture, with the Pareto front and labels that do not overlap."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from posebench.report.placement import Box, place
from posebench.report.plots import ACCENT, INK, MUTED, add_texts, bare, new_figure, shorten, style
from posebench.types import BoolArray, Float64Array

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LOG_SPAN = 5.0
_MARKER_GAP_PX = 6.0
_LEADER_FROM_PX = 12.0
_LOG_TICKS = np.outer(10.0 ** np.arange(-3, 7), [1, 2, 5]).ravel()


class _Points(NamedTuple):
    """P models, those of the front first, so that their labels lie nearest.

    Attributes:
        x: (P,) ms.
        y: (P,) accuracy on a scale of 100.
        front: (P,) whether on the Pareto front.
        names: P labels as printed.
    """

    x: Float64Array
    y: Float64Array
    front: BoolArray
    names: Sequence[str]


def pareto_front(latency_ms: Float64Array, accuracy: Float64Array) -> BoolArray:
    """Which points no other point beats: none is at least as fast and as accurate, and better."""
    faster, better = latency_ms[:, None] >= latency_ms, accuracy[:, None] <= accuracy
    strictly = (latency_ms[:, None] > latency_ms) | (accuracy[:, None] < accuracy)
    return np.asarray(~(faster & better & strictly).any(axis=1), np.bool_)


def accuracy_latency(
    data: pd.DataFrame, metric: str, label: str, *, title: str, caption: Sequence[str]
) -> Figure:
    """Accuracy against end-to-end p50.

    Args:
        data: Columns ``model``, that of the metric (0..1), ``end_to_end_p50_ms``, ``pareto``
            (bool).
        metric: Name of the column, e.g. ``AP``.
        label: What it is called beside its axis.
        title: Printed above.
        caption: Printed below, a paragraph each.
    """
    ordered = data.sort_values(
        ["pareto", metric, "end_to_end_p50_ms"], ascending=[False, False, True]
    )
    points = _Points(
        x=np.asarray(ordered["end_to_end_p50_ms"], np.float64),
        y=np.asarray(ordered[metric], np.float64) * 100,
        front=np.asarray(ordered["pareto"], np.bool_),
        names=[shorten(str(name)) for name in ordered["model"]],
    )
    with style():
        figure = new_figure(7.6, 5.2)
        axes = figure.add_axes((0.085, 0.22, 0.89, 0.695))
        _scale(axes, points.x, points.y)
        axes.set_ylabel(f"{label} (scale of 100)")
        _draw(axes, points)
        add_texts(figure, title=title, caption=caption)
        _label(figure, axes, points)
    return figure


def _scale(axes: Axes, x: Float64Array, y: Float64Array) -> None:
    """Limits, ticks and axis titles; logarithmic where the latencies span more than 5 times."""
    from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

    logarithmic = x.min() > 0 and x.max() / x.min() > _LOG_SPAN
    if logarithmic:
        axes.set_xscale("log")
        axes.set_xlim(x.min() / 1.35, x.max() * 1.35)
        axes.xaxis.set_major_locator(FixedLocator(list(_LOG_TICKS)))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        room = 0.15 * (np.ptp(x) or x.max() or 1.0)
        axes.set_xlim(max(x.min() - room, 0.0), x.max() + room)
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    room = 0.12 * np.ptp(y) or 2.0
    axes.set_ylim(y.min() - room, y.max() + room)
    note = ", logarithmic" if logarithmic else ""
    axes.set_xlabel(f"end-to-end latency, p50 (ms{note})")


def _draw(axes: Axes, points: _Points) -> None:
    bare(axes)
    stairs = _stairs(points)
    axes.plot(stairs[:, 0], stairs[:, 1], color=ACCENT, lw=1.0, alpha=0.5)
    for chosen, name, face, line in (
        (points.front, "Pareto front", ACCENT, ACCENT),
        (~points.front, "dominated", "white", MUTED),
    ):
        if chosen.any():
            x, y = points.x[chosen], points.y[chosen]
            axes.plot(x, y, "o", markersize=6.5, label=name, mfc=face, mec=line, zorder=3)
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=2,
        frameon=False,
        fontsize=7.5,
        handletextpad=0.1,
        columnspacing=1.2,
    )


def _stairs(points: _Points) -> Float64Array:
    """(M, 2) corners of a line: the best accuracy to be had within each latency."""
    front = sorted(zip(points.x[points.front], points.y[points.front], strict=True))
    corners = [front[0]]
    for x, y in front[1:]:
        corners += [(x, corners[-1][1]), (x, y)]
    return np.asarray(corners, np.float64)


def _label(figure: Figure, axes: Axes, points: _Points) -> None:
    """Names beside the points; a thin line where a name had to be put further away."""
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    texts = [
        axes.text(x, y, name, fontsize=8, color=INK if front else MUTED, zorder=4, gid="label")
        for x, y, front, name in zip(*points, strict=True)
    ]
    extents = [text.get_window_extent(renderer) for text in texts]
    centers = [(float(x), float(y)) for x, y in axes.transData.transform(np.c_[points.x, points.y])]
    stairs = axes.transData.transform(_stairs(points))
    boxes = place(
        centers,
        [(extent.width + 4, extent.height + 2) for extent in extents],
        Box(*axes.get_window_extent(renderer).extents),
        gap=_MARKER_GAP_PX,
        obstacles=[_thin(a, b) for a, b in pairwise(stairs)],
    )
    to_data = axes.transData.inverted()
    for text, box, center in zip(texts, boxes, centers, strict=True):
        text.set(ha="center", va="center", position=tuple(to_data.transform(box.center)))
        _leader(axes, center, box)


def _thin(a: Float64Array, b: Float64Array) -> Box:
    """The box of an upright or level line, two pixels wide."""
    (left, bottom), (right, top) = np.minimum(a, b) - 1, np.maximum(a, b) + 1
    return Box(float(left), float(bottom), float(right), float(top))


def _leader(axes: Axes, center: tuple[float, float], box: Box) -> None:
    nearest = box.nearest(center)
    if np.hypot(nearest[0] - center[0], nearest[1] - center[1]) < _LEADER_FROM_PX:
        return
    ends = axes.transData.inverted().transform([center, nearest])
    axes.plot(ends[:, 0], ends[:, 1], color=MUTED, lw=0.6, zorder=2, gid="leader")
