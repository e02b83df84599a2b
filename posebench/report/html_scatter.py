"""Accuracy against latency on an HTML page: where points, intervals and labels lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import hypot

import numpy as np

from posebench.report.axis import Axis, around
from posebench.report.html_candidates import Candidate, Range
from posebench.report.placement import Box, place
from posebench.report.plots import cut
from posebench.report.scatter import pareto_front

_LETTER, _LINE = 6.9, 15.0
"""Width of a letter and height of a line of a label, px; generous, since the font is the
reader's own."""
_GAP, _LEADER_FROM = 7.0, 12.0
_LEFT, _TOP, _RIGHT, _BOTTOM = 46.0, 30.0, 14.0, 46.0
_SIZES = {"wide": (900.0, 440.0, 32), "narrow": (380.0, 430.0, 24)}
"""Width and height, px, and letters of the longest label, for a screen and for a phone."""


@dataclass(frozen=True)
class Point:
    """A model on the plot; px, y down.

    Attributes:
        x: Centre.
        y: Centre.
        front: Whether on the Pareto front.
        across: Ends of the interval of latency, or None.
        upright: Ends of the interval of accuracy, or None.
        label: As printed, perhaps cut.
        label_at: Middle of the label.
        leader: Where a line from the point to its label ends; None if the label is near.
        tip: Every figure, a line each.
    """

    x: float
    y: float
    front: bool
    across: Range | None
    upright: Range | None
    label: str
    label_at: tuple[float, float]
    leader: tuple[float, float] | None
    tip: str


@dataclass(frozen=True)
class Plot:
    """The whole plot; px, y down.

    Attributes:
        name: ``wide`` or ``narrow``.
        size: Width and height.
        left: Edge of the plotted area, as the three below.
        top: Above.
        right: At the right.
        bottom: Below.
        x_ticks: Place and text.
        y_ticks: Place and text.
        x_title: Below.
        y_title: Above.
        stairs: The best accuracy within each latency, as points of a polyline.
        points: Those of the front first.
    """

    name: str
    size: tuple[float, float]
    left: float
    top: float
    right: float
    bottom: float
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    x_title: str
    y_title: str
    stairs: str
    points: tuple[Point, ...]


def latency_plots(models: Sequence[Candidate], metric: str) -> list[Plot]:
    """The plot for a wide screen and that for a phone; none without models.

    Args:
        models: Those to plot.
        metric: What the accuracy is called.
    """
    if not models:
        return []
    places = np.array([(model.latency, model.accuracy) for model in models])
    front = pareto_front(places[:, 0], places[:, 1])
    order = sorted(range(len(models)), key=lambda i: (not front[i], models[i].latency))
    ordered = [models[i] for i in order]
    return [_plot(name, ordered, int(front.sum()), metric) for name in _SIZES]


def _plot(name: str, models: Sequence[Candidate], on_front: int, metric: str) -> Plot:
    """The plot of models of which the first ``on_front`` are on the front, the fastest first."""
    layout = _Layout.of(models, on_front, name)
    x, y = layout.x, layout.y
    return Plot(
        name=name,
        size=_SIZES[name][:2],
        left=x.start,
        top=y.end,
        right=x.end,
        bottom=y.start,
        x_ticks=tuple((x.at(tick), f"{tick:g}") for tick in x.ticks(6)),
        y_ticks=tuple((y.at(tick), f"{tick:g}") for tick in y.ticks(6)),
        x_title=f"end-to-end latency, p50 (ms{', logarithmic' if x.logarithmic else ''})",
        y_title=f"{metric} (scale of 100)",
        stairs=" ".join(f"{a:.1f},{b:.1f}" for a, b in layout.stairs()),
        points=layout.points(metric),
    )


@dataclass(frozen=True)
class _Layout:
    """Where everything lies.

    Attributes:
        models: Those of the front first, the fastest first.
        on_front: How many are on the front.
        x: Of latency.
        y: Of accuracy.
        letters: Of the longest label.
    """

    models: Sequence[Candidate]
    on_front: int
    x: Axis
    y: Axis
    letters: int

    @classmethod
    def of(cls, models: Sequence[Candidate], on_front: int, size: str) -> _Layout:
        width, height, letters = _SIZES[size]
        latencies = [v for m in models for v in (m.latency, *(m.latency_interval or ()))]
        accuracies = [v for m in models for v in (m.accuracy, *(m.accuracy_interval or ()))]
        x = around(latencies, _LEFT, width - _RIGHT, may_be_logarithmic=True)
        y = around(accuracies, height - _BOTTOM, _TOP)
        return cls(models, on_front, x, y, letters)

    def points(self, metric: str) -> tuple[Point, ...]:
        models = zip(self.models, self._boxes(), strict=True)
        return tuple(
            self._point(model, box, metric, front=index < self.on_front)
            for index, (model, box) in enumerate(models)
        )

    def stairs(self) -> list[tuple[float, float]]:
        """Corners of the line through the front, from the fastest on."""
        first, *others = (self._centre(model) for model in self.models[: self.on_front])
        corners = [first]
        for x, y in others:
            corners += [(x, corners[-1][1]), (x, y)]
        return corners

    def _centre(self, model: Candidate) -> tuple[float, float]:
        return self.x.at(model.latency), self.y.at(model.accuracy)

    def _boxes(self) -> list[Box]:
        """Of the labels, clear of one another, of points, of intervals and of the front."""
        lines = [*pairwise(self.stairs()), *self._bars()]
        return place(
            [self._centre(model) for model in self.models],
            [(_LETTER * len(self._label(model)) + 6, _LINE) for model in self.models],
            Box(self.x.start, self.y.end, self.x.end, self.y.start),
            gap=_GAP,
            obstacles=[_thin(a, b) for a, b in lines],
        )

    def _bars(self) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
        """Both ends of each interval."""
        for model in self.models:
            x, y = self._centre(model)
            if across := _span(self.x, model.latency_interval):
                yield (across[0], y), (across[1], y)
            if upright := _span(self.y, model.accuracy_interval):
                yield (x, upright[0]), (x, upright[1])

    def _point(self, model: Candidate, box: Box, metric: str, *, front: bool) -> Point:
        centre = self._centre(model)
        end = box.nearest(centre)
        far = hypot(end[0] - centre[0], end[1] - centre[1]) >= _LEADER_FROM
        return Point(
            *centre,
            front=front,
            across=_span(self.x, model.latency_interval),
            upright=_span(self.y, model.accuracy_interval),
            label=self._label(model),
            label_at=box.center,
            leader=end if far else None,
            tip=model.told(metric),
        )

    def _label(self, model: Candidate) -> str:
        return cut(model.label, self.letters)


def _thin(a: tuple[float, float], b: tuple[float, float]) -> Box:
    """The box of a line along an axis, two pixels wide."""
    left, right = sorted((a[0], b[0]))
    low, high = sorted((a[1], b[1]))
    return Box(left - 1, low - 1, right + 1, high + 1)


def _span(axis: Axis, interval: Range | None) -> Range | None:
    return (axis.at(interval[0]), axis.at(interval[1])) if interval else None
