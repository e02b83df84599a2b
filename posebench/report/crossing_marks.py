"""Where curves of latencies cross, marked in their picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posebench.report.latency_curves import interval_text
from posebench.report.plots import MUTED, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from posebench.latency.curve_document import CurveCrossing, CurvePair, LatencyCurves

_ROW_PT, _GAP_PT, _FONT_PT = 12, 5, 8
_ROOM = 0.07
"""Of the height of the axes, for a line of text above the curves."""
_NAME_CHARACTERS = 24


def mark_crossings(axes: Axes, document: LatencyCurves) -> None:
    """An upright line at each crossing, its interval in grey, and a line of text a crossing.

    Args:
        axes: With the curves, from 0 upwards; room for the texts is made above.
        document: What was measured.
    """
    found = [(one, pair) for pair in document.pairs for one in pair.crossings]
    ends, (_, top) = axes.get_xlim(), axes.get_ylim()
    axes.set_ylim(0, top / (1 - _ROOM * len(found)) if len(found) < 8 else 2 * top)
    for row, (one, pair) in enumerate(found):
        axes.axvline(one.at, color=MUTED, lw=0.9, ls="--", zorder=1)
        if pair.level is not None:
            low = ends[0] if one.low is None else one.low
            high = ends[1] if one.high is None else one.high
            axes.axvspan(low, high, color=MUTED, alpha=0.12, lw=0, zorder=0)
        _write(axes, row, one.at, _text(one, pair, alone=len(document.pairs) == 1))
    axes.set_xlim(ends)


def _text(one: CurveCrossing, pair: CurvePair, *, alone: bool) -> str:
    told = interval_text(one, pair)
    interval = f" ({told})" if told else ""
    if alone:
        return f"{one.at:.1f} people{interval}"
    faster = pair.second if one.slower == pair.first else pair.first
    slower, faster = (shorten(name, _NAME_CHARACTERS) for name in (one.slower, faster))
    return f"{slower} > {faster} from {one.at:.1f}{interval}"


def _write(axes: Axes, row: int, x: float, text: str) -> None:
    """On the side of the line where there is more room."""
    right = x > sum(axes.get_xlim()) / 2
    axes.annotate(
        text,
        (x, 1.0),
        xytext=(-_GAP_PT if right else _GAP_PT, -3 - _ROW_PT * row),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="right" if right else "left",
        va="top",
        fontsize=_FONT_PT,
        bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 0.8},
    )
