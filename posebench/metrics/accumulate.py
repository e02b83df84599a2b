"""From matches to precision, recall and the figures of the COCO challenge.

Precision at a recall is the highest precision reached at that recall or a higher one, looked up at
101 recalls. AP is its mean over thresholds, recalls and classes; AR the mean of the final recall
over thresholds and classes. Classes without ground truth are left out of both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from posebench.metrics.bootstrap import Interval
from posebench.metrics.matches import Bits, Matches
from posebench.metrics.ordering import falling
from posebench.types import Float64Array, IntArray

RECALLS: Float64Array = np.linspace(0.0, 1.0, 101)
"""Not i / 100: the last bit decides which detection a recall falls on."""

ABSENT = -1.0
_EPSILON = float(np.spacing(1))


@dataclass(frozen=True)
class Figure:
    """A figure between 0 and 1, or the reason why there is none.

    Attributes:
        value: The figure, or None.
        reason: Why ``value`` is None; None otherwise.
        interval: Of ``value``; None if it was not asked for, or with fewer than two pictures.
    """

    value: float | None
    reason: str | None = None
    interval: Interval | None = None


@dataclass(frozen=True)
class FigureSpec:
    """What a figure is the mean of.

    Attributes:
        recall: Mean of recalls (AR) instead of precisions (AP).
        threshold: Position of the one threshold, or None for all.
        area: Position of the area range.
        max_dets: Position in ``Matches.max_dets``; the last by default.
    """

    recall: bool = False
    threshold: int | None = None
    area: int = 0
    max_dets: int = -1


KEYPOINT_FIGURES: Mapping[str, FigureSpec] = {
    "AP": FigureSpec(),
    "AP50": FigureSpec(threshold=0),
    "AP75": FigureSpec(threshold=5),
    "APm": FigureSpec(area=1),
    "APl": FigureSpec(area=2),
    "AR": FigureSpec(recall=True),
    "AR50": FigureSpec(recall=True, threshold=0),
    "AR75": FigureSpec(recall=True, threshold=5),
    "ARm": FigureSpec(recall=True, area=1),
    "ARl": FigureSpec(recall=True, area=2),
}

BOX_FIGURES: Mapping[str, FigureSpec] = {
    "AP": FigureSpec(),
    "AP50": FigureSpec(threshold=0),
    "AP75": FigureSpec(threshold=5),
    "APs": FigureSpec(area=1),
    "APm": FigureSpec(area=2),
    "APl": FigureSpec(area=3),
    "AR1": FigureSpec(recall=True, max_dets=0),
    "AR10": FigureSpec(recall=True, max_dets=1),
    "AR100": FigureSpec(recall=True, max_dets=2),
    "ARs": FigureSpec(recall=True, area=1),
    "ARm": FigureSpec(recall=True, area=2),
    "ARl": FigureSpec(recall=True, area=3),
}


@dataclass(frozen=True, eq=False)
class Curves:
    """Precision and recall; -1 where a class has no ground truth in an area range.

    Attributes:
        precision: (T, 101, C, A, N) by threshold, recall, class, area range, max_dets.
        recall: (T, C, A, N) final recall.
    """

    precision: Float64Array
    recall: Float64Array


def accumulate(matches: Matches) -> Curves:
    """Precision and recall of every class, area range and number of detections."""
    thresholds, areas = len(matches.thresholds), len(matches.area_names)
    shape = len(matches.class_names), areas, len(matches.max_dets)
    precision = np.full((thresholds, len(RECALLS), *shape), ABSENT)
    recall = np.full((thresholds, *shape), ABSENT)
    people = people_count(matches)
    for class_id in range(shape[0]):
        for n, max_dets in enumerate(matches.max_dets):
            order = _ranking(matches, class_id, int(max_dets))
            matched, ignored = matches.matched[order], matches.ignored[order]
            for area in np.flatnonzero(people[class_id]):
                for t in range(thresholds):
                    precision[t, :, class_id, area, n], recall[t, class_id, area, n] = _curve(
                        matched, ignored, matches.bit(int(area), t), int(people[class_id, area])
                    )
    return Curves(precision, recall)


def people_count(matches: Matches) -> IntArray:
    """(C, A) annotations that count, by class and area range."""
    count = np.zeros((len(matches.class_names), len(matches.area_names)), np.int64)
    np.add.at(count, matches.people_class_ids, (~matches.people_ignored).astype(np.int64))
    return count


def _ranking(matches: Matches, class_id: int, max_dets: int) -> IntArray:
    rows = np.flatnonzero((matches.class_ids == class_id) & (matches.ranks < max_dets))
    return rows[falling(matches.scores[rows])]


def _curve(matched: Bits, ignored: Bits, bit: np.uint64, people: int) -> tuple[Float64Array, float]:
    """Precision at the 101 recalls, and the final recall.

    Only right detections raise the recall, and the highest precision of a tail stands at one of
    them, so the curve is built on those alone.
    """
    counted = (ignored & bit) == 0
    right = np.flatnonzero(((matched & bit) != 0) & counted)
    hits = np.arange(1, len(right) + 1).astype(np.float64)
    seen = np.cumsum(counted)[right].astype(np.float64)
    precision = hits / (seen + _EPSILON)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    recall = hits / people
    at = np.searchsorted(recall, RECALLS, side="left")
    return np.append(envelope, 0.0)[at], float(recall[-1]) if len(recall) else 0.0


def figures(matches: Matches, specs: Mapping[str, FigureSpec]) -> dict[str, Figure]:
    """The figures of ``specs``, from the matches alone."""
    curves = accumulate(matches)
    return {name: _figure(matches, curves, spec) for name, spec in specs.items()}


def _figure(matches: Matches, curves: Curves, spec: FigureSpec) -> Figure:
    values = curves.recall if spec.recall else curves.precision
    if spec.threshold is not None:
        values = values[[spec.threshold]]
    values = values[..., spec.area, spec.max_dets]
    present = values[values > ABSENT]
    if len(present):
        return Figure(float(np.mean(present)))
    return Figure(None, _why_absent(matches, spec.area))


def _why_absent(matches: Matches, area: int) -> str:
    total = len(matches.people_ignored)
    if total == 0:
        return "no ground truth: the annotations are empty"
    if matches.people_ignored[:, 0].all():
        return f"no ground truth: none of the {total} annotations counts for this task"
    low, high = matches.area_ranges[area]
    name = matches.area_names[area]
    return f"no ground truth of {name} area ({low:g} to {high:g} px²) counts"
