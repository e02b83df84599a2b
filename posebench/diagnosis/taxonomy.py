"""What is wrong with each keypoint: jitter, inversion, swap or miss.

Ronchi and Perona (ICCV 2017, arXiv 1707.05388). In a pair of a detection and a person
keypoint i of the detection is compared with keypoint i of every person of the picture and with
its mirror keypoint, by the keypoint similarity KS, the term of one keypoint in the OKS::

    KS* = the highest of those similarities

    good        KS* ≥ .85        at the person's own keypoint i
    jitter      .5 ≤ KS* < .85   at the person's own keypoint i
    inversion   KS* ≥ .5         at the person's own mirror keypoint (left for right)
    swap        KS* ≥ .5         at either keypoint of another person
    miss        KS* < .5

Only keypoints that the person has labelled are classified. Of equals the person's own keypoint
comes first. The published code calls only KS* > .85 good, and so has no class at exactly .85.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from posebench.diagnosis.case import Case
from posebench.diagnosis.pairing import Pairing
from posebench.metrics.oks import OksPairs
from posebench.metrics.same_group import together
from posebench.types import Float64Array, IntArray, Skeleton

KINDS = ("good", "jitter", "inversion", "swap", "miss")
GOOD, JITTER, INVERSION, SWAP, MISS = range(len(KINDS))
UNLABELLED = -1
GOOD_SIMILARITY = 0.85
NEAR_SIMILARITY = 0.5

_SIDE = re.compile(r"[_ -]?(left|right)[_ -]?")


@dataclass(frozen=True)
class Counts:
    """How many keypoints are of each kind."""

    good: int
    jitter: int
    inversion: int
    swap: int
    miss: int

    @classmethod
    def of(cls, kinds: IntArray) -> Counts:
        """Count the kinds of any number of keypoints; those that are not labelled are left out."""
        found = np.bincount(kinds[kinds >= 0], minlength=len(KINDS))
        return cls(*found.tolist())

    @property
    def total(self) -> int:
        """Labelled keypoints of matched people."""
        return self.good + self.jitter + self.inversion + self.swap + self.miss

    def rates(self) -> dict[str, float] | None:
        """Share of each kind, 0..1; None without keypoints."""
        if not self.total:
            return None
        return {kind: getattr(self, kind) / self.total for kind in KINDS}


@dataclass(frozen=True, eq=False)
class Taxonomy:
    """The kind of every keypoint of P pairs.

    Attributes:
        pairing: The pairs.
        kinds: (P, K) position in ``KINDS``, or -1 where the person has not labelled it.
        best: (P, K) KS*, or -1 where it is not labelled.
        skeleton: Names of the K keypoints.
    """

    pairing: Pairing
    kinds: IntArray
    best: Float64Array
    skeleton: Skeleton

    def counts(self) -> Counts:
        """Of all keypoints."""
        return Counts.of(self.kinds)

    def per_keypoint(self) -> Mapping[str, Counts]:
        """By the keypoint's name."""
        columns = self.kinds.T
        return {
            name: Counts.of(column)
            for name, column in zip(self.skeleton.keypoints, columns, strict=True)
        }

    def per_group(self) -> Mapping[str, Counts]:
        """Left and right keypoints together, by their name without the side."""
        groups = keypoint_groups(self.skeleton)
        return {name: Counts.of(self.kinds[:, columns]) for name, columns in groups.items()}


def classify(case: Case, pairing: Pairing) -> Taxonomy:
    """Classify every labelled keypoint of the pairs."""
    truth = case.ground_truth
    mirrored = replace(truth, keypoints=truth.keypoints[:, mirror(truth.skeleton)])
    both = case.oks(), case.oks(ground_truth=mirrored)
    own, inverted = (oks.by_keypoint(pairing.detections, pairing.people) for oks in both)
    near, near_inverted = (_nearest_other(case, pairing, oks) for oks in both)
    similarities = np.stack([own, near, inverted, near_inverted])
    best, place = similarities.max(axis=0), similarities.argmax(axis=0)
    found = np.choose(place, [GOOD, SWAP, INVERSION, SWAP])
    found[(found == GOOD) & (best < GOOD_SIMILARITY)] = JITTER
    found[best < NEAR_SIMILARITY] = MISS
    labelled = truth.keypoints[pairing.people, :, 2] > 0
    return Taxonomy(
        pairing=pairing,
        kinds=np.where(labelled, found, UNLABELLED).astype(np.int64),
        best=np.where(labelled, best, -1.0),
        skeleton=truth.skeleton,
    )


def _nearest_other(case: Case, pairing: Pairing, oks: OksPairs) -> Float64Array:
    """(P, K) highest similarity with another person of the picture, -1 where there is none."""
    pictures = case.ground_truth.image_index
    pairs, others = together(pictures[pairing.people], pictures)
    different = others != pairing.people[pairs]
    pairs, others = pairs[different], others[different]
    highest = np.full((len(pairing.people), oks.keypoints.shape[1]), -1.0)
    if len(pairs):
        found = oks.by_keypoint(pairing.detections[pairs], others)
        starts = np.flatnonzero(np.diff(pairs, prepend=-1))
        highest[pairs[starts]] = np.maximum.reduceat(found, starts, axis=0)
    return highest


def mirror(skeleton: Skeleton) -> IntArray:
    """(K,) index of the mirror keypoint of each, its own where it has none."""
    order = np.arange(len(skeleton.keypoints))
    for one, other in skeleton.flip_pairs:
        order[one], order[other] = other, one
    return order


def keypoint_groups(skeleton: Skeleton) -> dict[str, list[int]]:
    """Columns of the keypoints of each name, left and right under one.

    A pair whose names differ in more than the side stands under both, joined by a stroke.
    """
    partners = mirror(skeleton)
    groups: dict[str, list[int]] = {}
    for index, partner in enumerate(partners.tolist()):
        pair = [skeleton.keypoints[i] for i in sorted({index, partner})]
        names = {_SIDE.sub("", name) for name in pair} if len(pair) == 2 else set(pair)
        name = names.pop() if len(names) == 1 else "/".join(pair)
        groups.setdefault(name or "/".join(pair), []).append(index)
    return groups
