"""Accuracy of predictions: what both the ``evaluate`` command and a run compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from posebench import __version__
from posebench.errors import InputError
from posebench.metrics.accumulate import BOX_FIGURES, KEYPOINT_FIGURES, Figure, figures
from posebench.metrics.coco import match_boxes, match_keypoints
from posebench.metrics.intervals import figures_with_intervals, keypoints_with_intervals
from posebench.metrics.keypoints import KeypointFigure, keypoint_matches, keypoint_oks
from posebench.metrics.matches import Matches
from posebench.types import Detections, Float64Array, GroundTruth

if TYPE_CHECKING:
    from posebench.config import Evaluation
    from posebench.record import Estimate, TaskAccuracy

EVALUATOR = f"posebench {__version__}"


@dataclass(frozen=True, eq=False)
class Accuracy:
    """Figures of all tasks.

    Attributes:
        detections: Number of detections that were given; scored are the best of each picture.
        matches: Of the keypoints.
        keypoints: The ten figures.
        per_keypoint: By keypoint name.
        boxes: The twelve box figures, or None without boxes.
        box_matches: Of the boxes, or None without boxes.
    """

    detections: int
    matches: Matches
    keypoints: Mapping[str, Figure]
    per_keypoint: Mapping[str, KeypointFigure] = field(default_factory=dict)
    boxes: Mapping[str, Figure] | None = None
    box_matches: Matches | None = None


def score(
    ground_truth: GroundTruth,
    detections: Detections,
    *,
    max_dets: int = 20,
    per_keypoint_ap: bool = False,
    detection_areas: Float64Array | None = None,
    compat: bool = False,
    intervals: bool = False,
) -> Accuracy:
    """Score detections.

    Args:
        ground_truth: Annotated people.
        detections: Predicted people; boxes are scored if there are any.
        max_dets: Detections an image and class that are scored for keypoints.
        per_keypoint_ap: Also the AP of each keypoint by itself.
        detection_areas: (D,) px²; by default the extent of the keypoints.
        compat: Count the match with an annotation of id 0 as none, as pycocotools does.
        intervals: Also the interval of each figure, by the bootstrap over pictures.

    Raises:
        InputError: The detections have another number of keypoints, or numbers that are not
            finite.
    """
    check_detections(ground_truth, detections)
    uncounted = ground_truth.annotation_ids == 0 if compat else None
    matches = match_keypoints(
        ground_truth,
        detections,
        max_dets=max_dets,
        detection_areas=detection_areas,
        uncounted=uncounted,
    )
    figures_of = figures_with_intervals if intervals else figures
    per_keypoint = keypoints_with_intervals(matches) if intervals else keypoint_oks(matches)
    if per_keypoint_ap:
        spec = {"AP": KEYPOINT_FIGURES["AP"]}
        for name, alone in keypoint_matches(
            ground_truth, detections, max_dets=max_dets, detection_areas=detection_areas
        ):
            per_keypoint[name] = replace(per_keypoint[name], ap=figures_of(alone, spec)["AP"])
    boxed = detections.boxes is not None
    box_matches = match_boxes(ground_truth, detections, uncounted=uncounted) if boxed else None
    return Accuracy(
        detections=len(detections.scores),
        matches=matches,
        keypoints=figures_of(matches, KEYPOINT_FIGURES),
        per_keypoint=per_keypoint,
        boxes=None if box_matches is None else figures_of(box_matches, BOX_FIGURES),
        box_matches=box_matches,
    )


def check_detections(ground_truth: GroundTruth, detections: Detections) -> None:
    """Refuse detections that cannot be scored against the annotations.

    Raises:
        InputError: Another number of keypoints, an unknown class, or numbers that are not finite.
    """
    points = len(ground_truth.skeleton.keypoints)
    if detections.keypoints.shape[1:] != (points, 2):
        raise InputError(
            f"predictions have {detections.keypoints.shape[1]} keypoints, the annotations {points}."
        )
    for name in ("keypoints", "scores", "boxes"):
        values = getattr(detections, name)
        if values is not None and not np.isfinite(values).all():
            raise InputError(f"predictions: {name} has a NaN or infinite value.")
    classes = len(ground_truth.class_names)
    if (
        len(detections.class_ids)
        and not 0 <= detections.class_ids.min() <= (detections.class_ids.max()) < classes
    ):
        raise InputError(
            f"predictions of class {int(detections.class_ids.max())}, annotated are {classes}: "
            f"{', '.join(ground_truth.class_names)}.",
            remedy="Use a model of the annotated classes.",
        )


def evaluate(
    ground_truth: GroundTruth, detections: Detections, evaluation: Evaluation
) -> tuple[Accuracy, dict[str, TaskAccuracy]]:
    """Score detections by a protocol, as values of a Record with intervals.

    Args:
        ground_truth: Annotated people.
        detections: Predicted people.
        evaluation: The protocol's section; its sigmas replace those of the dataset.

    Returns:
        What was found, and the accuracy by task: ``keypoints`` and, when the detections have
        boxes, ``bbox``.

    Raises:
        InputError: Wrong number of sigmas or keypoints, or numbers that are not finite.
    """
    accuracy = score(
        with_sigmas(ground_truth, evaluation.sigmas),
        detections,
        max_dets=evaluation.max_dets,
        per_keypoint_ap=evaluation.per_keypoint_ap,
        intervals=True,
    )
    return accuracy, to_record(accuracy)


def with_sigmas(ground_truth: GroundTruth, sigmas: Sequence[float] | None) -> GroundTruth:
    """The same annotations with other sigmas; None keeps those of the dataset.

    Raises:
        InputError: Not one finite positive number a keypoint.
    """
    if sigmas is None:
        return ground_truth
    try:
        skeleton = replace(ground_truth.skeleton, sigmas=tuple(sigmas))
    except ValueError as error:
        raise InputError(f"sigmas: {error}.") from error
    return replace(ground_truth, skeleton=skeleton)


def to_record(accuracy: Accuracy) -> dict[str, TaskAccuracy]:
    """The accuracy by task, as a Record keeps it."""
    from posebench.record import KeypointScore, TaskAccuracy
    from posebench.sigmas.saturation import saturation_notes

    per_keypoint = {
        name: KeypointScore(
            oks=_estimate(value.oks),
            count=value.count,
            ap=None if value.ap is None else _estimate(value.ap),
        )
        for name, value in accuracy.per_keypoint.items()
    }
    tasks = {
        "keypoints": TaskAccuracy(
            figures={name: _estimate(value) for name, value in accuracy.keypoints.items()},
            per_keypoint=per_keypoint,
            evaluator=EVALUATOR,
            notes=tuple(saturation_notes(accuracy.matches)),
        )
    }
    if accuracy.boxes is not None:
        found = {name: _estimate(value) for name, value in accuracy.boxes.items()}
        tasks["bbox"] = TaskAccuracy(figures=found, evaluator=EVALUATOR)
    return tasks


def _estimate(figure: Figure) -> Estimate:
    from posebench.record import Estimate, Interval

    drawn = figure.interval
    interval = None if drawn is None else Interval(**vars(drawn))
    return Estimate(value=figure.value, reason=figure.reason, interval=interval)


def document(
    accuracy: Accuracy,
    ground_truth: GroundTruth,
    *,
    notes: Sequence[str] = (),
    protocol: str = "coco",
) -> dict[str, Any]:
    """The JSON document of ``evaluate --format json``: plain numbers, null with a reason.

    Args:
        accuracy: What was found.
        ground_truth: The annotations it was found with.
        notes: What a user should know, one sentence each.
        protocol: Whose rules; the name under which the figures of the keypoints stand.
    """
    figures_of = {protocol: accuracy.keypoints, "bbox": accuracy.boxes or {}}
    per_keypoint: dict[str, dict[str, Any]] = {}
    for name, value in accuracy.per_keypoint.items():
        per_keypoint[name] = {"oks": value.oks.value, "count": value.count}
        if value.ap is not None:
            per_keypoint[name]["ap"] = value.ap.value
    content: dict[str, Any] = {
        protocol: {name: figure.value for name, figure in accuracy.keypoints.items()},
        "per_keypoint": per_keypoint,
    }
    if accuracy.boxes is not None:
        content["bbox"] = {name: figure.value for name, figure in accuracy.boxes.items()}
    named = _named(figures_of, accuracy)
    intervals = {
        name: {"low": figure.interval.low, "high": figure.interval.high}
        for name, figure in named.items()
        if figure.interval is not None
    }
    return (
        content
        | ({"intervals": intervals} if intervals else {})
        | {
            "reasons": {name: f.reason for name, f in named.items() if f.reason},
            "notes": list(notes),
            "images": len(ground_truth.image_ids),
            "people": count_people(ground_truth),
            "detections": accuracy.detections,
            "evaluator": EVALUATOR,
        }
    )


def _named(figures_of: Mapping[str, Mapping[str, Figure]], accuracy: Accuracy) -> dict[str, Figure]:
    """Every figure by task and name, then those of each keypoint."""
    named = {
        f"{task}/{name}": figure
        for task, found in figures_of.items()
        for name, figure in found.items()
    }
    for name, value in accuracy.per_keypoint.items():
        named[f"per_keypoint/{name}/oks"] = value.oks
        if value.ap is not None:
            named[f"per_keypoint/{name}/ap"] = value.ap
    return named


def count_people(ground_truth: GroundTruth) -> int:
    """Annotations that count for keypoints: no crowd, at least one labelled keypoint."""
    counted = ~ground_truth.is_crowd & (ground_truth.num_keypoints > 0)
    return int(np.count_nonzero(counted))
