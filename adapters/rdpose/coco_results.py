"""Found people in COCO's results format, and what pycocotools says of them."""

from __future__ import annotations

import contextlib
import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from rdpose.data.samples import Person
from rdpose.inference import Found
from rdpose.ranking import oks_nms, rescore

FIGURES = ("AP", "AP50", "AP75", "APm", "APl", "AR", "AR50", "AR75", "ARm", "ARl")


def coco_rows(
    found: Sequence[Found], people: Sequence[Person], sigmas: Sequence[float]
) -> list[dict[str, Any]]:
    """Rescored people without those that were found twice, picture by picture, best first.

    Args:
        found: One a person.
        people: Their dataset.
        sigmas: K standard deviations of the OKS.
    """
    by_image: dict[int, list[Found]] = defaultdict(list)
    for person in sorted(found, key=lambda person: person.index):
        by_image[people[person.index].image_id].append(person)
    return [row for image in by_image.values() for row in _rows_of_image(image, people, sigmas)]


def _rows_of_image(
    found: Sequence[Found], people: Sequence[Person], sigmas: Sequence[float]
) -> list[dict[str, Any]]:
    boxes = [people[person.index] for person in found]
    joint_scores = np.stack([person.scores for person in found])
    joints = np.stack([person.joints for person in found])
    scores = rescore(np.array([box.score for box in boxes]), joint_scores)
    areas = np.array([box.region.area for box in boxes])
    return [
        {
            "image_id": boxes[i].image_id,
            "category_id": 1,
            "keypoints": np.c_[joints[i], joint_scores[i]].astype(float).reshape(-1).tolist(),
            "score": float(scores[i]),
        }
        for i in oks_nms(joints, scores, areas, sigmas)
    ]


class CocoTruth:
    """The annotations that people are compared with.

    Args:
        annotations: A ``person_keypoints`` file.
        sigmas: K standard deviations of the OKS.
    """

    def __init__(self, annotations: Path, sigmas: Sequence[float]) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            self._truth = COCO(annotations)
        self._sigmas = np.array(sigmas)

    def figures(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
        """The ten keypoint figures, 0..1; NaN where nobody is annotated that they are of.

        Args:
            rows: Of :func:`coco_rows`.
        """
        if not rows:
            return dict.fromkeys(FIGURES, 0.0)
        with contextlib.redirect_stdout(io.StringIO()):
            evaluator = COCOeval(self._truth, self._truth.loadRes(list(rows)), "keypoints")
            evaluator.params.kpt_oks_sigmas = self._sigmas
            evaluator.evaluate()
            evaluator.accumulate()
            evaluator.summarize()
        stats = np.where(evaluator.stats < 0, np.nan, evaluator.stats)  # -1 says: nobody
        return dict(zip(FIGURES, stats.tolist(), strict=True))
