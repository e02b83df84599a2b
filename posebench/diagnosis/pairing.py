"""Which detection is which person, however poorly it is placed.

Ronchi and Perona, Benchmarking and Error Diagnosis in Multi-Instance Pose Estimation, ICCV 2017
(arXiv 1707.05388): keypoints are examined in the pairs that the greedy matching of the COCO
challenge makes at OKS ≥ .1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posebench.diagnosis.case import LOCALISED, Case
from posebench.metrics.matching import assign, candidates, rank
from posebench.metrics.same_group import together
from posebench.types import Detections, Float64Array, IntArray


@dataclass(frozen=True, eq=False)
class Pairing:
    """Detections and the people they met at OKS ≥ .1. P pairs, S scored detections.

    Attributes:
        detections: (P,) rows of the detections that met a person who is examined.
        people: (P,) rows of those people.
        oks: (P,) OKS of the pairs.
        unmatched: (U,) rows of the people who are examined but were met by no detection.
        scored: (S,) rows of the detections that are scored, by class and picture, the best first.
        met: (S,) row of the person each of them met, examined or not, or -1.
    """

    detections: IntArray
    people: IntArray
    oks: Float64Array
    unmatched: IntArray
    scored: IntArray
    met: IntArray


def pair(case: Case) -> Pairing:
    """Match at OKS ≥ .1; people who are not examined are met like those whom the AP ignores."""
    oks = case.oks()
    ranking = rank(case.detection_groups, case.detections.scores, case.people_groups, case.max_dets)
    near = candidates(ranking, oks, LOCALISED)
    taken = assign(
        ranking.ranks,
        near,
        allowed=np.ones(len(near.people), np.uint64),
        ignored=(~case.examined).astype(np.uint64),
        is_crowd=case.ground_truth.is_crowd,
    ).taken
    won = np.flatnonzero(taken)
    met = np.full(len(ranking.rows), -1, np.int64)
    met[near.detections[won]] = near.people[won]
    pairs = won[case.examined[near.people[won]]]
    people = near.people[pairs]
    return Pairing(
        detections=ranking.rows[near.detections[pairs]],
        people=people,
        oks=near.similarity[pairs],
        unmatched=np.setdiff1d(np.flatnonzero(case.examined), people),
        scored=ranking.rows,
        met=met,
    )


@dataclass(frozen=True, eq=False)
class Meetings:
    """Every scored detection with every person of its picture who counts. M meetings.

    Attributes:
        scored: (M,) position in ``Pairing.scored``, ascending.
        people: (M,) row of the person.
        oks: (M,) 0..1.
    """

    scored: IntArray
    people: IntArray
    oks: Float64Array

    def highest(self, detections: int) -> Float64Array:
        """(S,) highest OKS of each of so many scored detections, 0 of one that meets nobody."""
        highest = np.zeros(detections)
        np.maximum.at(highest, self.scored, self.oks)
        return highest


def meetings(case: Case, pairing: Pairing, detections: Detections | None = None) -> Meetings:
    """The OKS of all of them, with changed detections where they are given."""
    people = np.flatnonzero(case.counted)
    scored, others = together(case.detection_groups[pairing.scored], case.people_groups[people])
    oks = case.oks(detections=detections)
    return Meetings(scored, people[others], oks(pairing.scored[scored], people[others]))
