"""The per-keypoint comparison on an HTML page: a line a keypoint, a dot a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from posebench.record import Estimate, KeypointScore, Record
from posebench.report.axis import Axis, around
from posebench.report.groups import labels
from posebench.report.text import EMPTY

SHAPES = 8
"""Colours and shapes of dots; the ninth model has those of the first again."""
_SHOWN = 3
"""Models that stand out at first; the others are grey."""


@dataclass(frozen=True)
class Series:
    """A model.

    Attributes:
        label: Its name.
        index: Its place among the models.
        shape: Which colour and shape it has, 0 to ``SHAPES`` - 1.
        shown: Whether it stands out at first.
    """

    label: str
    index: int
    shape: int
    shown: bool


@dataclass(frozen=True)
class Dot:
    """A model's similarity for a keypoint.

    Attributes:
        series: The model.
        text: On a scale of 100, or a dash.
        at: Place on the line, percent of its length; None without a figure.
        interval: Both ends, percent, or None.
        interval_text: The interval on a scale of 100, or ``""``.
    """

    series: Series
    text: str
    at: float | None
    interval: tuple[float, float] | None
    interval_text: str


@dataclass(frozen=True)
class Line:
    """A keypoint.

    Attributes:
        name: As people write it.
        dots: One a model.
    """

    name: str
    dots: tuple[Dot, ...]

    @property
    def tip(self) -> str:
        """Every model's figure, the highest first."""
        known = sorted((d for d in self.dots if d.at is not None), key=lambda d: -(d.at or 0.0))
        told = (f"{dot.text} {dot.series.label}" for dot in known)
        return "\n".join([self.name, *told])


@dataclass(frozen=True)
class Keypoints:
    """The whole plot.

    Attributes:
        series: The models.
        lines: The keypoints.
        ticks: Place in percent, and text.
    """

    series: tuple[Series, ...]
    lines: tuple[Line, ...]
    ticks: tuple[tuple[float, str], ...]


def keypoint_plot(records: Sequence[Record]) -> Keypoints | None:
    """Mean keypoint similarity of each model; None if none has any.

    Args:
        records: Of good runs, the best first.
    """
    scored = {
        label: record.accuracy["keypoints"].per_keypoint
        for label, record in zip(labels(records), records, strict=True)
        if "keypoints" in record.accuracy
    }
    axis = _axis([score.oks for scores in scored.values() for score in scores.values()])
    if axis is None:
        return None
    series = [Series(label, i, i % SHAPES, i < _SHOWN) for i, label in enumerate(scored)]
    names = dict.fromkeys(name for scores in scored.values() for name in scores)
    lines = (
        Line(
            name.replace("_", " "),
            tuple(_dot(one, scored[one.label].get(name), axis) for one in series),
        )
        for name in names
    )
    ticks = tuple((axis.at(tick), f"{tick:g}") for tick in axis.ticks(5))
    return Keypoints(tuple(series), tuple(lines), ticks)


def _axis(figures: Sequence[Estimate]) -> Axis | None:
    """In percent, from the lowest end of an interval to the highest; None without figures."""
    ends = [100 * figure.value for figure in figures if figure.value is not None]
    if not ends:
        return None
    ends += [100 * end for f in figures if (i := f.interval) for end in (i.low, i.high)]
    axis = around(ends, 0.0, 100.0)
    return Axis(axis.low, min(axis.high, 100.0), axis.start, axis.end)


def _dot(series: Series, score: KeypointScore | None, axis: Axis) -> Dot:
    if score is None or score.oks.value is None:
        return Dot(series, EMPTY, None, None, "")
    value, interval = 100 * score.oks.value, score.oks.interval
    if interval is None:
        return Dot(series, f"{value:.1f}", axis.at(value), None, "")
    low, high = 100 * interval.low, 100 * interval.high
    ends = axis.at(low), axis.at(high)
    return Dot(series, f"{value:.1f}", axis.at(value), ends, f"{low:.1f} to {high:.1f}")
