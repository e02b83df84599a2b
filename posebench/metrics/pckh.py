"""PCKh: the share of joints that lie within a part of the head's size of where they were annotated.

Defined by Andriluka et al., 2D Human Pose Estimation: New Benchmark and State of the Art Analysis,
CVPR 2014. The mean is that of HRNet's ``lib/dataset/mpii.py`` and mmpose's ``MpiiPCKAccuracy``:
every visible joint counts once, pelvis and thorax not at all, which is the same as weighting the
joints by how often they are visible. Groups are the mean of the right and the left joint.

Every figure is made of sums over pictures, so that a replicate of the bootstrap is one product of
weights and counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from posebench.datasets.skeletons import MPII16
from posebench.metrics.bootstrap import Interval, draw_weights, percentile_interval
from posebench.metrics.head_distances import HeadDistances
from posebench.types import BoolArray, Float64Array

Comparison = Literal["<=", "<"]

# HRNet's "Mean@0.1" takes entry 11 of 0, .01, ...: the threshold .11. mmpose's takes entry 10.
THRESHOLDS = {"PCKh@0.5": 0.5, "PCKh@0.1": 0.1, "PCKh@0.11": 0.11}
AUC = "AUC"
# The thresholds of evaluatePCKh.m in MPII's evaluation toolkit, of HRNet and of mmpose.
AUC_THRESHOLDS: Float64Array = np.arange(51) / 100

GROUPS = {
    "head": (9,),
    "shoulder": (12, 13),
    "elbow": (11, 14),
    "wrist": (10, 15),
    "hip": (2, 3),
    "knee": (1, 4),
    "ankle": (0, 5),
}
"""Joints of each group; the head is its top, as in HRNet and mmpose."""
FIGURES = (*THRESHOLDS, AUC, *GROUPS)

_NOT_IN_MEAN = (6, 7)  # pelvis and thorax
_JOINTS = len(MPII16.keypoints)


@dataclass(frozen=True)
class PckhFigure:
    """A figure, or the reason why there is none.

    Attributes:
        value: 0..1, or None.
        reason: Why ``value`` is None; None otherwise.
        interval: Of ``value``; None without a value, or with fewer than two units to draw from.
    """

    value: float | None
    reason: str | None = None
    interval: Interval | None = None


@dataclass(frozen=True, eq=False)
class PckhCounts:
    """What PCKh is made of, by the unit that the bootstrap draws. U units, 16 joints.

    Attributes:
        correct: (U, 4, 16) float64: joints within each of ``THRESHOLDS``, and the number of
            ``AUC_THRESHOLDS`` that each joint lies within.
        visible: (U, 16) float64 annotated joints.
        predicted: (16,) joints that the model predicts at all.
    """

    correct: Float64Array
    visible: Float64Array
    predicted: BoolArray


def pckh(found: HeadDistances, *, comparison: Comparison = "<=") -> dict[str, PckhFigure]:
    """Every figure of ``FIGURES`` with its interval.

    ``PCKh@T`` is the mean over joints at threshold T, ``AUC`` its mean over ``AUC_THRESHOLDS``,
    and a group its share at .5.

    Args:
        found: Distances of the predicted joints.
        comparison: Whether a joint at exactly the threshold is right: ``<=`` as in HRNet's code,
            ``<`` as in mmpose's.
    """
    counts = count(found, comparison)
    units = len(counts.visible)
    values = figures_of(counts, np.ones((1, units)))
    replicates = figures_of(counts, draw_weights(units)) if units > 1 else {}
    return {
        name: _figure(name, float(values[name][0]), replicates.get(name), counts.predicted)
        for name in FIGURES
    }


def count(found: HeadDistances, comparison: Comparison) -> PckhCounts:
    """Correct and visible joints by unit."""
    units = len(found.unit_ids)
    rows = [_within(found, t, comparison) for t in THRESHOLDS.values()]
    rows.append(np.sum([_within(found, t, comparison) for t in AUC_THRESHOLDS], axis=0))
    correct = np.zeros((units, len(rows), _JOINTS))
    np.add.at(correct, found.unit_index, np.stack(rows, axis=1))
    visible = np.zeros((units, _JOINTS))
    np.add.at(visible, found.unit_index, found.visible)
    return PckhCounts(correct, visible, found.predicted)


def figures_of(counts: PckhCounts, weights: Float64Array) -> dict[str, Float64Array]:
    """(R,) each figure for each row of weights, NaN where it has no visible joint.

    Args:
        counts: By unit.
        weights: (R, U) how often each unit counts.
    """
    units = len(counts.visible)
    correct = (weights @ counts.correct.reshape(units, -1)).reshape(len(weights), -1, _JOINTS)
    visible = weights @ counts.visible
    mean = [j for j in np.flatnonzero(counts.predicted) if j not in _NOT_IN_MEAN]
    total = visible[:, mean].sum(axis=1)
    found = {
        name: _ratio(correct[:, row, mean].sum(axis=1), total)
        for row, name in enumerate((*THRESHOLDS, AUC))
    }
    found[AUC] = found[AUC] / len(AUC_THRESHOLDS)
    joints = _ratio(correct[:, 0], np.where(counts.predicted, visible, 0))
    return found | {name: joints[:, group].mean(axis=1) for name, group in GROUPS.items()}


def _within(found: HeadDistances, threshold: float, comparison: Comparison) -> Float64Array:
    """(G, 16) 1 where a visible joint is right."""
    near = found.distances <= threshold if comparison == "<=" else found.distances < threshold
    return np.asarray(near & found.visible, np.float64)


def _ratio(part: Float64Array, whole: Float64Array) -> Float64Array:
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)


def _figure(
    name: str, value: float, replicates: Float64Array | None, predicted: BoolArray
) -> PckhFigure:
    if np.isnan(value):
        return PckhFigure(None, _reason(name, predicted))
    interval = None if replicates is None else percentile_interval(replicates)
    return PckhFigure(value, None, interval)


def _reason(name: str, predicted: BoolArray) -> str:
    missing = [MPII16.keypoints[joint] for joint in GROUPS.get(name, ()) if not predicted[joint]]
    if missing:
        return f"the model predicts nothing that is MPII's {' or '.join(missing)}"
    joints = " or no ".join(MPII16.keypoints[joint] for joint in GROUPS.get(name, ()))
    return f"no {joints or 'joint'} of the annotations is visible"
