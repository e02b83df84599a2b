"""Detections of nobody, and people whom nothing detected.

Ronchi and Perona (ICCV 2017, arXiv 1707.05388). A detection is a background false
positive if it met nobody at OKS ≥ .1 and matched nobody at any threshold of the AP; a person is a
false negative likewise. What met somebody at a lower OKS than a threshold asks for is an error of
localisation instead. (Their code takes, threshold by threshold, everything that did not match.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from posebench.diagnosis.case import LOCALISED, Case
from posebench.diagnosis.pairing import Pairing, meetings
from posebench.metrics.matches import Bits, Matches
from posebench.types import BoolArray, IntArray


@dataclass(frozen=True, eq=False)
class Background:
    """False positives and false negatives. N detections, M people.

    Attributes:
        false_positives: (N,) rows of the detections, ascending.
        duplicates: (N,) those that are similar to a person who counts, at OKS ≥ .1, but another
            detection met that person.
        missed: (M,) rows of the people, ascending.
    """

    false_positives: IntArray
    duplicates: BoolArray
    missed: IntArray


def background(case: Case, pairing: Pairing, matches: Matches) -> Background:
    """Who met nobody.

    Args:
        case: People and detections.
        pairing: At OKS ≥ .1.
        matches: At the thresholds of the AP, of the same or of repaired detections.
    """
    found = np.ones(len(case.detections.scores), np.bool_)
    found[pairing.scored] = pairing.met >= 0
    settled = ((matches.matched | matches.ignored) & _everywhere(matches)) != 0
    found[matches.detections[settled]] = True
    missed = case.counted.copy()
    missed[pairing.met[pairing.met >= 0]] = False
    matched = matches.matched_people
    missed[matched[matched >= 0]] = False
    rows = np.flatnonzero(~found)
    return Background(rows, _resembles_somebody(case, pairing)[rows], np.flatnonzero(missed))


def _resembles_somebody(case: Case, pairing: Pairing) -> BoolArray:
    """(D,) whether a scored detection is similar to a person who counts."""
    near = np.zeros(len(case.detections.scores), np.bool_)
    near[pairing.scored] = meetings(case, pairing).highest(len(pairing.scored)) >= LOCALISED
    return near


def without_detections(matches: Matches, detections: IntArray) -> Matches:
    """The same matches with some detections ignored, given by their rows."""
    ignored = np.isin(matches.detections, detections)
    return replace(matches, ignored=np.where(ignored, ~np.uint64(0), matches.ignored))


def without_people(matches: Matches, people: IntArray) -> Matches:
    """The same matches with some unmatched people ignored, given by their rows."""
    ignored = matches.people_ignored.copy()
    ignored[people] = True
    return replace(matches, people_ignored=ignored)


def _everywhere(matches: Matches) -> np.uint64:
    """The bits of all thresholds in the first area range."""
    bits: Bits = np.array([matches.bit(0, t) for t in range(len(matches.thresholds))], np.uint64)
    return np.uint64(np.bitwise_or.reduce(bits))
