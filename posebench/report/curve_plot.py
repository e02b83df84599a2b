"""Latency curves as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from posebench.report.crossing_marks import mark_crossings
from posebench.report.latency_curves import facts, name_of, verdicts
from posebench.report.plots import (
    ACCENT,
    INK,
    MARGIN,
    MUTED,
    add_texts,
    bare,
    caption_lines,
    new_figure,
    shorten,
    style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from posebench.latency.curve_document import Curve, CurvePoint, LatencyCurves

COLOURS = (ACCENT, "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", INK)
"""Okabe and Ito's, which colour-blind readers can tell apart."""
_MARKERS = "os^DvP*"
_WIDTH, _PANEL, _SMALL_PANEL, _GAP = 7.6, 3.2, 1.1, 0.2
_TITLE, _LEGEND_ROW, _AXIS, _LEFT = 0.42, 0.19, 0.55, 0.72
_LINE, _NAME_CHARACTERS, _MOST_PAIRS = 0.15, 60, 4
_TITLES = {
    "people": "Latency against people in the picture",
    "batch": "Throughput and latency against pictures a batch",
    "threads": "Latency against threads",
}


def latency_curves(document: LatencyCurves) -> Figure:
    """A line a model, with its 95 % interval as a band.

    Against people, crossings are marked, and a second panel shows how many boxes top-down models
    looked into; against the batch, there are panels of the throughput and of a batch's latency;
    against threads, dotted lines show what they would ideally gain.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    draw = {"people": _people, "batch": _batch, "threads": _threads}[document.kind]
    with style():
        return draw(document)


def _people(document: LatencyCurves) -> Figure:
    looked = any(p.boxes is not None for curve in document.curves for p in curve.points)
    figure, panels = _panels(document, [_PANEL, _SMALL_PANEL] if looked else [_PANEL])
    for k, curve in enumerate(document.curves):
        _line(panels[0], k, curve)
    panels[0].set_ylim(bottom=0)
    panels[0].set_ylabel("end-to-end p50 (ms)")
    mark_crossings(panels[0], document)
    if looked:
        _boxes(panels[1], document)
    panels[-1].set_xlabel("annotated people in the picture")
    _ticks(panels[-1], document)
    return figure


def _boxes(axes: Axes, document: LatencyCurves) -> None:
    places = [point.x for point in document.curves[0].points]
    axes.plot(places, places, color=MUTED, lw=0.8, ls=":")
    for k, curve in enumerate(document.curves):
        found = [(point.x, point.boxes) for point in curve.points if point.boxes is not None]
        if found:
            axes.plot(*zip(*found, strict=True), **_looks(k, curve))
    axes.set_ylim(bottom=0)
    axes.set_ylabel("boxes found")


def _batch(document: LatencyCurves) -> Figure:
    figure, (rate, latency) = _panels(document, [2.2, 2.2])
    for k, curve in enumerate(document.curves):
        _line(latency, k, curve)
        points = [(point.x, point.pictures_per_s) for point in curve.points]
        _band(rate, k, curve.points, per_s=True)
        rate.plot(*zip(*points, strict=True), **_looks(k, curve))
    rate.set_ylim(bottom=0)
    rate.set_ylabel("pictures / s")
    latency.set_ylabel("p50 of a batch (ms)")
    _logarithmic(latency)
    _powers(rate, document)
    _powers(latency, document)
    latency.set_xlabel("pictures a batch")
    return figure


def _threads(document: LatencyCurves) -> Figure:
    figure, (axes,) = _panels(document, [_PANEL])
    for k, curve in enumerate(document.curves):
        _line(axes, k, curve)
        first = curve.points[0]
        ideal = [first.summary.p50_ms * first.x / point.x for point in curve.points]
        places = [point.x for point in curve.points]
        axes.plot(places, ideal, color=COLOURS[k % len(COLOURS)], lw=0.9, ls=":")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("end-to-end p50 (ms)")
    axes.set_xlabel("threads of the runtime")
    _powers(axes, document)
    return figure


def _panels(document: LatencyCurves, heights: Sequence[float]) -> tuple[Figure, list[Axes]]:
    """A figure with title, legend rows, panels one above another, and caption."""
    caption = [*_explained(document), *facts(document), *document.notes]
    foot = MARGIN + _LINE * len(caption_lines(caption, _WIDTH)) + _AXIS
    head = _TITLE + _LEGEND_ROW * len(document.curves)
    height = head + sum(heights) + _GAP * (len(heights) - 1) + foot
    figure = new_figure(_WIDTH, height)
    add_texts(figure, title=_TITLES[document.kind], caption=caption)
    panels: list[Axes] = []
    top = height - head
    for panel in heights:
        place = (_LEFT, top - panel, _WIDTH - _LEFT - 0.2, panel)
        sizes = (_WIDTH, height, _WIDTH, height)
        left, bottom, width, tall = (part / whole for part, whole in zip(place, sizes, strict=True))
        panels.append(bare(figure.add_axes((left, bottom, width, tall))))
        top -= panel + _GAP
    for axes in panels[:-1]:
        axes.sharex(panels[-1])
        axes.tick_params(labelbottom=False)
    _legend(panels[0], document)
    return figure, panels


def _explained(document: LatencyCurves) -> list[str]:
    """What is drawn how, and what the curves say of each other."""
    found = [told for pair in document.pairs[:_MOST_PAIRS] for told in verdicts(pair, document)]
    if any(curve.detector for curve in document.curves):
        dotted = "; dotted: as many boxes as people" if document.kind == "people" else ""
        found.append(f"Dashed: top-down models with what finds their boxes{dotted}.")
    if document.kind == "threads":
        found.append("Dotted: if every thread counted in full.")
    return found


def _legend(axes: Axes, document: LatencyCurves) -> None:
    for k, curve in enumerate(document.curves):
        axes.plot([], [], label=shorten(name_of(curve), _NAME_CHARACTERS), **_looks(k, curve))
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.01, 1.0),
        frameon=False,
        fontsize=8,
        borderaxespad=0.2,
        labelspacing=0.35,
    )


def _line(axes: Axes, k: int, curve: Curve) -> None:
    _band(axes, k, curve.points)
    points = [(point.x, point.summary.p50_ms) for point in curve.points]
    axes.plot(*zip(*points, strict=True), **_looks(k, curve))


def _band(axes: Axes, k: int, points: Sequence[CurvePoint], *, per_s: bool = False) -> None:
    found = [(p.x, p.summary.interval) for p in points if p.summary.interval is not None]
    if not found:
        return
    x = [place for place, _ in found]
    low = [1e3 * a / i.low_ms if per_s else i.low_ms for a, i in found]
    high = [1e3 * a / i.high_ms if per_s else i.high_ms for a, i in found]
    axes.fill_between(x, low, high, color=COLOURS[k % len(COLOURS)], alpha=0.2, lw=0)


def _looks(k: int, curve: Curve) -> dict[str, Any]:
    """Solid for models that take whole pictures, dashed for top-down ones."""
    return {
        "color": COLOURS[k % len(COLOURS)],
        "marker": _MARKERS[k % len(_MARKERS)],
        "markersize": 4.5,
        "lw": 1.4,
        "ls": "-" if curve.detector is None else (0, (5, 1.5)),
    }


def _powers(axes: Axes, document: LatencyCurves) -> None:
    """A horizontal axis on which doubling is a step."""
    axes.set_xscale("log", base=2)
    _ticks(axes, document)
    axes.minorticks_off()


def _ticks(axes: Axes, document: LatencyCurves) -> None:
    places = sorted({point.x for curve in document.curves for point in curve.points})
    axes.set_xticks(places, [str(place) for place in places])


def _logarithmic(axes: Axes) -> None:
    """A vertical axis on which equal factors are equal steps, with plain numbers."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
