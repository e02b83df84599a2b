"""One model's predictions beside the annotations: what went wrong on which picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from posebench.diagnosis.background import background
from posebench.diagnosis.case import Case
from posebench.diagnosis.pairing import pair
from posebench.diagnosis.taxonomy import KINDS, classify
from posebench.gallery.document import ErrorName, Outcome
from posebench.types import BoolArray, GroundTruth, IntArray
from posebench.visualize.album import Album, Judged
from posebench.visualize.body import find_body
from posebench.visualize.ordering import judge
from posebench.visualize.people import People

SHOWN_SCORE = 0.3
"""Predictions that matched nobody are shown and counted from this score on."""
_OF_KEYPOINTS: tuple[ErrorName, ...] = ("miss", "swap", "inversion", "jitter")


@dataclass(frozen=True, eq=False)
class Contender:
    """A model whose predictions are there. D predictions.

    Attributes:
        label: What it is called.
        album: Its people, beside the annotated ones.
        shown: (D,) which of its people are drawn: those who matched, and likely others.
        outcomes: Every picture, worst first.
    """

    label: str
    album: Album
    shown: BoolArray
    outcomes: tuple[Outcome, ...]


def contend(label: str, people: People, truth: GroundTruth) -> Contender:
    """Compare predictions with the annotations, by the evaluator's own matching.

    Args:
        label: What the model is called.
        people: Of pictures that are annotated, with as many keypoints as the annotations have.
        truth: Annotated people; those that are too small for the error rates count here too.
    """
    detections = people.detections(truth.image_ids)
    verdict = judge(truth, detections)
    likely = people.scores >= SHOWN_SCORE
    case = Case(truth, detections, smallest_area=0.0)
    counts = _errors(case, likely)
    place = {int(image_id): i for i, image_id in enumerate(truth.image_ids)}
    outcomes = [
        Outcome(
            picture.image_id,
            picture.people,
            picture.mean_oks,
            _present(counts, place[picture.image_id]),
        )
        for picture in verdict.pictures
    ]
    skeleton = truth.skeleton
    body = find_body(len(skeleton.keypoints), skeleton.keypoints, skeleton.edges)
    album = Album((), people, body, (), (), Judged(truth, verdict))
    return Contender(label, album, likely | ~np.isnan(verdict.detection_oks), tuple(outcomes))


def _errors(case: Case, likely: BoolArray) -> dict[ErrorName, IntArray]:
    """(I,) errors of each kind in each picture.

    Args:
        case: The predictions and the annotations.
        likely: (D,) predictions that count if they are nobody.
    """
    truth, pairing = case.ground_truth, pair(case)
    taxonomy = classify(case, pairing)
    found = background(case, pairing, case.matches())
    # A second prediction of somebody is not a prediction of nobody.
    invented = found.false_positives[~found.duplicates]
    invented = invented[likely[invented]]
    size = len(truth.image_ids)
    owners = truth.image_index[pairing.people]
    counts: dict[ErrorName, IntArray] = {
        "missed": np.bincount(truth.image_index[found.missed], minlength=size),
        "background": np.bincount(case.detections.image_index[invented], minlength=size),
    }
    for name in _OF_KEYPOINTS:
        of_person = (taxonomy.kinds == KINDS.index(name)).sum(axis=1)
        counts[name] = np.bincount(owners, of_person, minlength=size).astype(np.int64)
    return counts


def _present(counts: Mapping[ErrorName, IntArray], picture: int) -> dict[ErrorName, int]:
    return {name: int(count[picture]) for name, count in counts.items() if count[picture]}
