"""PCKh of predictions: what both the ``evaluate`` command and a run compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from posebench.datasets.box_files import ground_truth_boxes
from posebench.datasets.mpii_mapping import MAPPED, MAPPING_NOTE, coco17_to_mpii16
from posebench.errors import InputError
from posebench.evaluation import EVALUATOR
from posebench.metrics.head_distances import HeadDistances, head_distances
from posebench.metrics.pckh import PckhFigure, pckh
from posebench.types import Float32Array, Float64Array, GroundTruth, IntArray

if TYPE_CHECKING:
    from posebench.config import Pckh
    from posebench.metrics.bootstrap import Interval
    from posebench.predictions import PredictionSet
    from posebench.protocols import Dataset
    from posebench.record import Estimate, TaskAccuracy
    from posebench.record import Interval as RecordInterval

TASK = "pckh"


def evaluate_pckh(
    dataset: Dataset, predictions: PredictionSet, protocol: Pckh
) -> tuple[HeadDistances, dict[str, TaskAccuracy]]:
    """Score the people that were looked for in annotated boxes, as values of a Record.

    Args:
        dataset: Its people have head sizes.
        predictions: Of its pictures, with the boxes that were looked into.
        protocol: The protocol's section.

    Returns:
        The distances, and the accuracy of the task ``pckh``.

    Raises:
        InputError: A box that was looked into is not annotated, or a coordinate is not finite.
    """
    from posebench.record import TaskAccuracy

    truth = dataset.ground_truth()
    found = distances_of(truth, _predicted(dataset, truth, predictions, protocol), protocol)
    figures = pckh(found, comparison=protocol.comparison)
    accuracy = TaskAccuracy(
        figures={name: _estimate(figure) for name, figure in figures.items()},
        evaluator=EVALUATOR,
        notes=() if protocol.mapping == "none" else (MAPPING_NOTE,),
    )
    return found, {TASK: accuracy}


def distances_of(truth: GroundTruth, joints: Float64Array, protocol: Pckh) -> HeadDistances:
    """Distances of predicted joints, by picture.

    Args:
        truth: Annotated people with head sizes.
        joints: (G, 16, 2) px; infinite for people whom nobody predicted.
        protocol: Whether the joints were mapped.

    Raises:
        InputError: A coordinate is not finite.
    """
    assert truth.head_sizes is not None, "only asked where there are heads"
    visible = truth.keypoints[:, :, 2] > 0
    predicted = np.ones(len(MAPPED), np.bool_) if protocol.mapping == "none" else MAPPED
    points = truth.keypoints[:, :, :2]
    distances = head_distances(joints, points, visible & predicted, truth.head_sizes)
    return HeadDistances(distances, visible, predicted, truth.image_index, truth.image_ids)


def _predicted(
    dataset: Dataset, truth: GroundTruth, predictions: PredictionSet, protocol: Pckh
) -> Float64Array:
    """(G, 16, 2) joints of each annotated person, infinite without a prediction."""
    joints = np.full(truth.keypoints[:, :, :2].shape, np.inf)
    keypoints = predictions.keypoints.astype(np.float64)
    if protocol.mapping != "none":
        keypoints = coco17_to_mpii16(keypoints)
    rows = people_looked_for(dataset, predictions)
    joints[rows] = keypoints
    return joints


def people_looked_for(dataset: Dataset, predictions: PredictionSet) -> IntArray:
    """(N,) row of the annotated person in whose box each predicted person was looked for.

    A model may leave boxes out, so they are found again by their corners; of equal boxes in one
    picture the first that was looked into is the first annotated.

    Raises:
        InputError: A box is not an annotated one, or the predictions do not tell their boxes.
    """
    looked_into = predictions.boxes_looked_into() or {}
    truth = dataset.ground_truth()
    annotated = ground_truth_boxes(truth, dataset)
    place = {image_id: index for index, image_id in enumerate(truth.image_ids.tolist())}
    rows: list[int] = []
    bounds = zip(predictions.offsets, predictions.offsets[1:], strict=False)
    for image_id, (start, stop) in zip(predictions.image_ids.tolist(), bounds, strict=True):
        if start == stop:
            continue
        if predictions.source_boxes is None or image_id not in looked_into:
            raise InputError("predictions: nothing says in which box a person was looked for.")
        people = np.flatnonzero(truth.image_index == place[image_id])
        found = _rows_of(looked_into[image_id].boxes, annotated[image_id].boxes, image_id)
        rows += people[found[predictions.source_boxes[start:stop]]].tolist()
    return np.array(rows, np.int64)


def _rows_of(boxes: Float32Array, annotated: Float32Array, image_id: int) -> IntArray:
    """(M,) the annotated box that each box is."""
    free: dict[bytes, list[int]] = {}
    for row, box in enumerate(annotated):
        free.setdefault(box.tobytes(), []).append(row)
    rows = []
    for box in boxes:
        same = free.get(box.tobytes())
        if not same:
            raise InputError(
                f"predictions: a box of image {image_id} is not that of an annotated person.",
                remedy="Predict with --boxes ground-truth.",
            )
        rows.append(same.pop(0))
    return np.array(rows, np.int64)


def _estimate(figure: PckhFigure) -> Estimate:
    from posebench.record import Estimate

    return Estimate(value=figure.value, reason=figure.reason, interval=_recorded(figure.interval))


def _recorded(interval: Interval | None) -> RecordInterval | None:
    from posebench.record import Interval as RecordInterval

    return None if interval is None else RecordInterval(**vars(interval), resampled="images")


def pckh_document(
    figures: Mapping[str, PckhFigure],
    found: HeadDistances,
    *,
    resampled: str,
    comparison: str,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """The JSON document of ``evaluate --format json`` for MPII: null with a reason.

    Args:
        figures: By name.
        found: What they were computed from.
        resampled: What the bootstrap drew: ``images`` or ``people``.
        comparison: As in the protocol.
        notes: What a user should know, one sentence each.
    """
    intervals = {
        name: vars(figure.interval) | {"resampled": resampled}
        for name, figure in figures.items()
        if figure.interval is not None
    }
    return {
        "protocol": TASK,
        TASK: {name: figure.value for name, figure in figures.items()},
        "intervals": intervals,
        "reasons": {n: figure.reason for n, figure in figures.items() if figure.reason},
        "comparison": comparison,
        "notes": list(notes),
        "people": int(found.visible.any(axis=1).sum()),
        resampled: len(found.unit_ids),
        "evaluator": EVALUATOR,
    }
