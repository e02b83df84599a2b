"""The errors of a diagnosis as pictures: what they cost, and where they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from posebench.report.diagnosis_words import ERROR_TITLES
from posebench.report.names import short_name
from posebench.report.panels import MOST_ROWS, panel_row, without_lines
from posebench.report.plots import ACCENT, INK, MUTED, plain, style
from posebench.report.text import EMPTY

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {
    "miss": "#d55e00",
    "swap": "#cc79a7",
    "inversion": "#e69f00",
    "jitter": "#56b4e9",
    "score": ACCENT,
    "background": "#009e73",
    "missed": "#f0e442",
}
"""Okabe and Ito's, which colour-blind readers can tell apart."""
_KINDS = ("miss", "swap", "inversion", "jitter")
_ROW = 0.24
_BEFORE, _AFTER = "as predicted", "rest"
_ROOM = 1.32
"""Of the longest bar, so that its number has room behind it."""


def impact_plot(data: pd.DataFrame, ap: float, *, title: str, caption: Sequence[str]) -> Figure:
    """AP that each kind of error costs, alone and one after another.

    Args:
        data: As ``impact_frame`` makes it, with every figure.
        ap: As predicted, 0..1.
        title: Printed above.
        caption: Printed below, a paragraph each.
    """
    with style():
        figure, (alone, chain) = panel_row(
            title, caption, height=_ROW * 9 + 0.1, widths=(1, 1.25), left=2.62, gap=0.25, head=0.2
        )
        _draw_alone(alone, data[data["order"] == "alone"])
        _draw_chain(chain, data[data["order"] == "progressive"], 100 * ap)
        names = [_BEFORE, *(ERROR_TITLES[error] for error in data["error"][:7]), _AFTER]
        alone.set_yticks(range(len(names)), names)
        chain.set_yticks([])
        for axes in (alone, chain):
            axes.set_ylim(len(names) - 0.4, -0.6)
            without_lines(axes, "y")
    return figure


def _draw_alone(axes: Axes, data: pd.DataFrame) -> None:
    gains, low, high = (
        100 * data[name].to_numpy(np.float64) for name in ("ap_gain", "ap_gain_low", "ap_gain_high")
    )
    texts = [EMPTY if np.isnan(gain) else f"{gain:+.1f}" for gain in gains]
    gains = np.nan_to_num(gains)
    places = np.arange(1, len(gains) + 1)
    axes.barh(places, gains, height=0.66, color=[COLOURS[error] for error in data["error"]])
    known = np.flatnonzero(~np.isnan(low))
    axes.hlines(places[known], low[known], high[known], color=INK, lw=1.0)
    for ends in (low[known], high[known]):
        axes.vlines(ends, places[known] - 0.12, places[known] + 0.12, color=INK, lw=1.0)
    reach = np.fmax(np.fmax(gains, high), 0)
    for place, text, end in zip(places, texts, reach, strict=True):
        _number(axes, place, end, text, reach.max())
    axes.set_xlim(min(0, np.fmin(gains, low).min()), max(reach.max(), 1) * _ROOM)
    axes.set_title("each alone", fontsize=9)
    axes.set_xlabel("AP gained")


def _draw_chain(axes: Axes, data: pd.DataFrame, before: float) -> None:
    """A bar from each AP to the next, the last one to 100; without an AP it stays as it was."""
    after = 100 * data["ap"].ffill().fillna(before / 100).to_numpy(np.float64)
    starts = np.concatenate([[0, before], after])
    ends = np.concatenate([[before], after, [100]])
    colours = [MUTED, *(COLOURS[error] for error in data["error"]), "#d0d7de"]
    axes.barh(range(len(ends)), ends - starts, left=starts, height=0.66, color=colours)
    axes.plot([before, before], [0.33, len(ends) - 1], color=MUTED, lw=0.8, ls=":")
    for place, (start, end) in enumerate(zip(starts[:-1], ends[:-1], strict=True)):
        _number(axes, place, max(start, end), f"{end:.1f}", 100)
    _number(axes, len(after) + 1, 100, f"{100 - starts[-1]:.1f}", 100)
    axes.set_xlim(0, 115)
    axes.set_xticks(range(0, 101, 20))
    axes.set_title("one after another", fontsize=9)
    axes.set_xlabel("AP")


def _number(axes: Axes, place: float, end: float, text: str, largest: float) -> None:
    axes.text(end + 0.02 * max(largest, 1), place, text, va="center", fontsize=7.5, color=INK)


def keypoint_error_plot(data: pd.DataFrame, *, title: str, caption: Sequence[str]) -> Figure:
    """A row for each keypoint: how many are of which kind of error.

    Args:
        data: As ``keypoint_error_frame`` makes it. Of more than forty keypoints only the worst are
            drawn.
        title: Printed above.
        caption: Printed below, a paragraph each.
    """
    shown = _worst(data)
    with style():
        height = _ROW * len(shown) + 0.1
        figure, (axes,) = panel_row(title, caption, height=height, left=1.6, head=0.28)
        starts = np.zeros(len(shown))
        for kind in _KINDS:
            share = 100 * shown[kind].to_numpy(np.float64)
            axes.barh(
                range(len(shown)), share, left=starts, height=0.7, color=COLOURS[kind], label=kind
            )
            starts = starts + share
        for place, (end, count) in enumerate(zip(starts, shown["keypoints"], strict=True)):
            _number(axes, place, end, f"{end:.1f} % of {count}", starts.max())
        axes.set_xlim(0, max(starts.max(), 1) * 1.2)
        axes.set_ylim(len(shown) - 0.5, -0.6)
        axes.set_yticks(
            range(len(shown)), [plain(short_name(n).replace("_", " ")) for n in shown["keypoint"]]
        )
        axes.set_xlabel("labelled keypoints of matched people (%)")
        without_lines(axes, "y")
        axes.legend(
            loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=4, frameon=False, fontsize=8
        )
    return figure


def _worst(data: pd.DataFrame) -> pd.DataFrame:
    """The first row, which is of all keypoints, and the worst of the others, if they are many."""
    single = data.iloc[1:]
    if len(single) <= MOST_ROWS:
        return data
    order = single["good"].sort_values(kind="stable").index[:MOST_ROWS]
    chosen: pd.DataFrame = data.loc[[data.index[0], *order]]
    return chosen
