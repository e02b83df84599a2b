"""The tables of a diagnosis as rows of plain cells, the titles first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from posebench.report.diagnosis_frames import SPLITS
from posebench.report.diagnosis_words import ERROR_TITLES, hundred, interval_text
from posebench.report.names import short_name
from posebench.report.text import EMPTY

if TYPE_CHECKING:
    from posebench.diagnosis.calibration_document import Calibration, Reliability, ThresholdPoint
    from posebench.diagnosis.document import Diagnosis
    from posebench.diagnosis.errors_document import Kind, Kinds
    from posebench.record import Estimate

Rows = list[list[str]]
_KINDS: tuple[Kind, ...] = ("good", "jitter", "inversion", "swap", "miss")
_SHOWN_STEPS = 5
"""Of a hundred thresholds every fifth is in the table."""


def impact_rows(diagnosis: Diagnosis) -> Rows:
    """A row for each kind of error: how often there is one, and what it costs."""
    titles = ["error", "how often", "AP without it", "gain", "95 % interval", "step by step"]
    often, impact = _how_often(diagnosis), diagnosis.impact
    rows = [
        [
            ERROR_TITLES[alone.name],
            often[alone.name],
            hundred(alone.ap.value),
            _signed(alone.ap_gain),
            interval_text(alone.ap_gain.interval) or EMPTY,
            hundred(chained.ap.value),
        ]
        for alone, chained in zip(impact.alone, impact.progressive, strict=True)
    ]
    return [titles, *rows]


def _signed(figure: Estimate) -> str:
    return EMPTY if figure.value is None else f"{100 * figure.value:+.1f}"


def _how_often(diagnosis: Diagnosis) -> Mapping[str, str]:
    kinds, order = diagnosis.localisation.overall, diagnosis.score_order
    found = {str(k): _of(n, kinds.keypoints, "keypoints") for k, n in kinds.counts.items()}
    lost = diagnosis.unmatched
    return {
        **found,
        "score": _of(order.reordered, order.pictures, "pictures"),
        "background": _of(lost.false_positives, lost.scored, "detections"),
        "missed": _of(lost.missed, diagnosis.people, "people"),
    }


def _of(number: int, whole: int, noun: str) -> str:
    return f"{number} of {whole} {noun}"


def keypoint_rows(kinds: Mapping[str, Kinds]) -> Rows:
    """A row for each keypoint: the share of each kind, %."""
    rows = [
        [short_name(name), str(one.keypoints), *(hundred(one.rates.get(kind)) for kind in _KINDS)]
        for name, one in kinds.items()
    ]
    return [["keypoint", "labelled", *_KINDS], *rows]


def group_rows(diagnosis: Diagnosis) -> Rows:
    """A row for each group of people; what they are grouped by is named once."""
    titles = ["people by", "group", "people", "matched", "AR", "AP", "mean OKS", "miss", "swap"]
    rows = [
        [
            "" if place else name,
            group.name,
            str(group.people),
            str(group.matched),
            *map(hundred, (group.ar.value, group.ap.value, group.oks)),
            *(hundred(group.errors.rates.get(kind)) for kind in ("miss", "swap")),
        ]
        for split, name in SPLITS.items()
        for place, group in enumerate(getattr(diagnosis.sensitivity, split))
    ]
    return [titles, *rows]


def threshold_rows(diagnosis: Diagnosis) -> Rows:
    """Every fifth threshold, and the two best ones first."""
    found = diagnosis.thresholds
    titles = ["score from", "", "kept", "precision", "recall", "F1", "LRP", "mean 1 - OKS"]
    best = [("lowest LRP", found.lrp_optimal), ("best F1", found.f1_best)]
    rows = [_point(point, name) for name, point in best if point is not None]
    inner = found.points[_SHOWN_STEPS:-_SHOWN_STEPS:_SHOWN_STEPS]
    return [titles, *rows, *(_point(point, "") for point in inner)]


def _point(point: ThresholdPoint, name: str) -> list[str]:
    shares = (point.precision, point.recall, point.f1, point.lrp, point.localisation)
    return [f"{point.threshold:.3g}", name, str(point.kept), *map(hundred, shares)]


def calibration_rows(calibration: Calibration) -> Rows:
    """People's scores and keypoints' confidences: the mean, what they should tell, the ECE."""
    titles = ["score of", "compared", "mean score", "mean OKS, or share right", "ECE"]
    return [
        titles,
        _trusted("people", calibration.instances),
        _trusted("keypoints", calibration.keypoints),
    ]


def _trusted(name: str, found: Reliability) -> list[str]:
    figures = (found.score, found.outcome, found.ece.value)
    return [name, str(found.count), *map(hundred, figures)]


def reasons(diagnosis: Diagnosis) -> Sequence[str]:
    """Why figures are missing, a sentence each."""
    found = {f"accuracy/{name}": figure for name, figure in diagnosis.accuracy.items()}
    calibration = diagnosis.calibration
    found |= {
        "ECE of people": calibration.instances.ece,
        "ECE of keypoints": calibration.keypoints.ece,
        "rank correlation": calibration.spearman,
        "rank correlation within pictures": calibration.spearman_within,
        "AP of the best order": calibration.oracle_ap,
        "oLRP": diagnosis.thresholds.olrp,
    }
    return [f"{name}: {figure.reason}" for name, figure in found.items() if figure.reason]
