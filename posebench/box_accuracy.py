"""How good the boxes are that a top-down model is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from posebench.metrics.accumulate import BOX_FIGURES, Figure, figures
from posebench.metrics.coco import match_boxes
from posebench.types import Detections, GroundTruth, PersonBoxes


def box_accuracy(ground_truth: GroundTruth, boxes: Mapping[int, PersonBoxes]) -> Figure:
    """AP of people's boxes, as pycocotools computes it for ``bbox``.

    All annotated people count, also those without keypoints; crowds are ignored.

    Args:
        ground_truth: Annotations; the first class is the people's.
        boxes: By image id; an image that is not in it has none.
    """
    given = [
        boxes.get(image_id, PersonBoxes.none()) for image_id in ground_truth.image_ids.tolist()
    ]
    counts = [len(one) for one in given]
    corners = np.concatenate([np.zeros((0, 4)), *(one.boxes for one in given)])
    scores = np.concatenate([np.zeros(0), *(one.scores for one in given)])
    detections = Detections(
        image_index=np.repeat(np.arange(len(given)), counts),
        keypoints=np.zeros((len(scores), 0, 2)),
        scores=scores,
        class_ids=np.zeros(len(scores), np.int64),
        boxes=np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1),
    )
    people = _people(ground_truth)
    return figures(match_boxes(people, detections), {"AP": BOX_FIGURES["AP"]})["AP"]


def _people(ground_truth: GroundTruth) -> GroundTruth:
    """The annotations of the first class."""
    of_people = ground_truth.class_ids == 0
    rows = (
        *("image_index", "annotation_ids", "keypoints", "boxes", "areas", "is_crowd"),
        *("num_keypoints", "class_ids"),
    )
    kept = {name: getattr(ground_truth, name)[of_people] for name in rows}
    names = ground_truth.class_names[:1]
    return replace(ground_truth, class_names=names, head_sizes=None, **kept)
