"""What scores are worth, as pictures: reliability, and what is left at each threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from posebench.report.names import short_name
from posebench.report.panels import MOST_ROWS, panel_row, without_lines
from posebench.report.plots import ACCENT, GRID, INK, MUTED, plain, style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ORANGE, _GREEN = "#d55e00", "#009e73"
_ROW = 0.22
_AXES = {
    "people": ("score of a person", "mean OKS"),
    "keypoints": ("confidence of a keypoint", "share that is right"),
}
_LINES = {
    "precision": (ACCENT, "-"),
    "recall": (_GREEN, "-"),
    "f1": (INK, "-"),
    "lrp": (_ORANGE, (0, (5, 1.5))),
}
_NAMES = {"precision": "precision", "recall": "recall", "f1": "F1", "lrp": "LRP (lower is better)"}


def reliability_plot(
    data: pd.DataFrame, errors: Mapping[str, float], *, title: str, caption: Sequence[str]
) -> Figure:
    """Mean outcome against mean score in each bin; on the diagonal scores tell the truth.

    Args:
        data: As ``reliability_frame`` makes it.
        errors: ECE by what is in the column ``of``; each is a panel.
        title: Printed above.
        caption: Printed below, a paragraph each.
    """
    with style():
        figure, panels = panel_row(title, caption, height=2.9, widths=(1, 1), head=0.2)
        for axes, (name, ece) in zip(panels, errors.items(), strict=False):
            _reliability(axes, data[data["of"] == name], ece, _AXES[name])
        for axes in panels[len(errors) :]:
            axes.remove()
    return figure


def _reliability(axes: Axes, bins: pd.DataFrame, ece: float, labels: tuple[str, str]) -> None:
    axes.plot([0, 1], [0, 1], color=MUTED, lw=0.9, ls=":")
    score, outcome = bins["score"], bins["outcome"]
    axes.vlines(score, score, outcome, color=_ORANGE, lw=1.6)
    axes.hlines(outcome, bins["low"], bins["high"], color=ACCENT, lw=1.0)
    axes.plot(score, outcome, "o", color=ACCENT, ms=4.5)
    axes.set_xlim(-0.02, max(bins["high"].max(), 1) + 0.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    axes.set_title(f"ECE {100 * ece:.1f} %", fontsize=9)


def confidence_plot(data: pd.DataFrame, *, title: str, caption: Sequence[str]) -> Figure:
    """For each keypoint its mean confidence, and how often it is right.

    Args:
        data: As ``confidence_frame`` makes it. Of more than forty keypoints those with the largest
            errors are drawn.
        title: Printed above.
        caption: Printed below, a paragraph each.
    """
    order = data["ece"].sort_values(ascending=False, kind="stable").index[:MOST_ROWS]
    shown = data.loc[sorted(order)]
    places = np.arange(len(shown))
    told, right = (100 * shown[name].to_numpy(np.float64) for name in ("confidence", "right"))
    with style():
        height = _ROW * len(shown) + 0.1
        figure, (axes,) = panel_row(title, caption, height=height, left=1.6, head=0.28)
        axes.hlines(places, told, right, color=GRID, lw=3)
        axes.plot(told, places, "o", mfc="white", color=_ORANGE, ms=5.5, label="mean confidence")
        axes.plot(right, places, "o", color=ACCENT, ms=4.5, label="right")
        axes.set_ylim(len(shown) - 0.5, -0.6)
        axes.set_yticks(places, [plain(short_name(n).replace("_", " ")) for n in shown["keypoint"]])
        axes.set_xlabel("%")
        without_lines(axes, "y")
        axes.legend(
            loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=2, frameon=False, fontsize=8
        )
    return figure


def threshold_plot(
    data: pd.DataFrame, marks: Mapping[str, float], *, title: str, caption: Sequence[str]
) -> Figure:
    """Precision, recall, F1 and LRP of what is left at each score threshold.

    Args:
        data: As ``threshold_frame`` makes it.
        marks: Thresholds to be marked by upright lines, by what they are called.
        title: Printed above.
        caption: Printed below, a paragraph each.
    """
    with style():
        figure, (axes,) = panel_row(title, caption, height=3.0, head=0.25)
        for name, (colour, line) in _LINES.items():
            values = 100 * data[name].to_numpy(np.float64)
            axes.plot(data["threshold"], values, color=colour, ls=line, lw=1.5, label=_NAMES[name])
        axes.set_ylim(0, 118)
        axes.set_yticks(range(0, 101, 20))
        axes.set_xlim(data["threshold"].min(), data["threshold"].max())
        for row, (place, name) in enumerate(_joined(marks).items()):
            axes.axvline(place, color=MUTED, lw=0.9, ls=":")
            _mark(axes, place, 116 - 7 * row, name)
        axes.set_xlabel("lowest score that is kept")
        axes.set_ylabel("%")
        axes.legend(
            loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=4, frameon=False, fontsize=8
        )
    return figure


def _joined(marks: Mapping[str, float]) -> dict[float, str]:
    """Names by place; those at one place share a line."""
    found: dict[float, str] = {}
    for name, place in marks.items():
        found[place] = f"{found[place]}, {name}" if place in found else name
    return found


def _mark(axes: Axes, place: float, height: float, name: str) -> None:
    """The name beside its line above the curves, on the side that has more room."""
    low, high = axes.get_xlim()
    right = place - low < (high - low) / 2
    text = f" {name} {place:.2f}" if right else f"{name} {place:.2f} "
    side = "left" if right else "right"
    axes.text(place, height, text, ha=side, va="top", fontsize=7.5, color=INK)
