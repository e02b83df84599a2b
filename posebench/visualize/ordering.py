"""Which pictures went worst, by the evaluator's own matching.

A picture counts as the mean, over its annotated people, of the OKS with the prediction that the
evaluator matches to them at its lowest threshold (.5); who is matched by none counts 0. Crowds and
people without labelled keypoints are not counted, as in the figures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posebench.metrics.coco import match_keypoints
from posebench.metrics.matches import Matches
from posebench.types import BoolArray, Detections, Float64Array, GroundTruth

_BAD = 0.5
_NAMED = 3


@dataclass(frozen=True)
class PictureVerdict:
    """What is wrong in one picture.

    Attributes:
        image_id: The picture.
        people: Number of annotated people that count.
        mean_oks: 0..1, mean over them; None without any.
        missed: How many of them were matched by nobody.
        extra: Predicted people that matched nobody.
        bad_keypoints: Names of those that most often have a similarity below .5 in the matched
            people, at most three.
    """

    image_id: int
    people: int
    mean_oks: float | None
    missed: int
    extra: int
    bad_keypoints: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Verdict:
    """What is wrong in all pictures. D detections, G annotations.

    Attributes:
        pictures: Worst first; those without anybody to find last.
        detection_oks: (D,) with the annotated person, NaN where it matched none that counts.
        extra: (D,) matched nobody, although it was scored.
        person_oks: (G,) with the matched detection, 0 if missed, NaN where it does not count.
    """

    pictures: tuple[PictureVerdict, ...]
    detection_oks: Float64Array
    extra: BoolArray
    person_oks: Float64Array


def judge(ground_truth: GroundTruth, detections: Detections) -> Verdict:
    """Match the people, and order the pictures.

    Args:
        ground_truth: Annotated people.
        detections: Predicted people; the 20 best of each picture are matched, as in the figures.
    """
    matches = match_keypoints(ground_truth, detections)
    met = matches.matched_people[0]
    person_oks = np.where(matches.people_ignored[:, 0], np.nan, 0.0)
    hits = np.flatnonzero(met >= 0)
    hits = hits[~np.isnan(person_oks[met[hits]])]
    person_oks[met[hits]] = matches.similarity[hits]
    detection_oks = np.full(len(detections.scores), np.nan)
    detection_oks[matches.detections[hits]] = matches.similarity[hits]
    extra = np.zeros(len(detections.scores), np.bool_)
    extra[matches.detections[met < 0]] = True
    pictures = _Pictures(ground_truth, detections, matches, person_oks, extra)
    return Verdict(pictures.worst_first(), detection_oks, extra, person_oks)


@dataclass(frozen=True, eq=False)
class _Pictures:
    ground_truth: GroundTruth
    detections: Detections
    matches: Matches
    person_oks: Float64Array
    extra: BoolArray

    def worst_first(self) -> tuple[PictureVerdict, ...]:
        truth = self.ground_truth
        counted = ~np.isnan(self.person_oks)
        owners, oks = truth.image_index[counted], self.person_oks[counted]
        size = len(truth.image_ids)
        people = np.bincount(owners, minlength=size)
        total = np.bincount(owners, oks, minlength=size)
        missed = np.bincount(owners[oks == 0], minlength=size)
        extra = np.bincount(self.detections.image_index[self.extra], minlength=size)
        bad = self._bad_keypoints()
        found = [
            PictureVerdict(
                image_id=int(truth.image_ids[i]),
                people=int(people[i]),
                mean_oks=float(total[i] / people[i]) if people[i] else None,
                missed=int(missed[i]),
                extra=int(extra[i]),
                bad_keypoints=bad.get(i, ()),
            )
            for i in range(size)
        ]
        return tuple(sorted(found, key=_badness))

    def _bad_keypoints(self) -> dict[int, tuple[str, ...]]:
        """By picture, the names of the keypoints that lie wrong in the matched people."""
        matches = self.matches
        bad = (matches.keypoint_similarity < _BAD) & matches.keypoint_labelled
        pictures = matches.image_index[matches.pairs]
        return {int(i): self._most_often(bad[pictures == i]) for i in np.unique(pictures)}

    def _most_often(self, bad: BoolArray) -> tuple[str, ...]:
        counts = bad.sum(axis=0)
        worst = np.argsort(-counts, kind="stable")[:_NAMED]
        return tuple(str(self.matches.keypoint_names[k]) for k in worst if counts[k])


def _badness(picture: PictureVerdict) -> tuple[bool, float, int, int, int]:
    """Sorts the worst first: low OKS, then many missed, then many that are not there."""
    oks = picture.mean_oks
    return oks is None, oks or 0.0, -picture.missed, -picture.extra, picture.image_id
