"""Which people are hard: the figures of people who overlap, who are cut off, small or occluded.

Ronchi and Perona (ICCV 2017, arXiv 1707.05388). In the AP of a group everybody else is
ignored, and so is a detection that matches one of them; a detection that matches nobody counts in
every group, except that a group of some area ignores those of another area, as the AP of medium
and large people does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from posebench.diagnosis.case import Case
from posebench.diagnosis.taxonomy import Counts, Taxonomy
from posebench.metrics.accumulate import KEYPOINT_FIGURES, Figure, figures
from posebench.metrics.people import PeopleTraits
from posebench.types import BoolArray, IntArray

_FIGURES = {name: KEYPOINT_FIGURES[name] for name in ("AP", "AP75", "AR")}
_OVERLAPS = (0, 2, None)
_AREAS = (32.0**2, 64.0**2, 96.0**2, 128.0**2)
_OCCLUDED = ((0.0, "none"), (0.25, "to 25 %"), (0.5, "to 50 %"), (1.0, "over 50 %"))
_COCO_KEYPOINTS = 17
_COCO_VISIBLE = (5, 10, 15, 17)


@dataclass(frozen=True)
class Group:
    """Figures of the examined people of a group.

    Attributes:
        name: What they have in common.
        people: How many there are.
        matched: Those who met a detection at OKS ≥ .1.
        figures: AP, AP75 and AR.
        oks: Mean OKS of those pairs, None without one.
        counts: Kinds of their keypoints.
    """

    name: str
    people: int
    matched: int
    figures: Mapping[str, Figure]
    oks: float | None
    counts: Counts


@dataclass(frozen=True)
class Sensitivity:
    """The groups.

    Attributes:
        overlaps: By the number of other people whose box overlaps theirs with an IoU > .1.
        visible: By the number of labelled keypoints.
        area: By the area, px².
        occluded: By the share of the labelled keypoints that are occluded (v = 1).
        grid: By overlaps and labelled keypoints, overlaps in the outer order.
    """

    overlaps: tuple[Group, ...]
    visible: tuple[Group, ...]
    area: tuple[Group, ...]
    occluded: tuple[Group, ...]
    grid: tuple[Group, ...]


@dataclass(frozen=True, eq=False)
class _Part:
    """Whom a group is made of: (G,) people, and which (D,) detections of nobody it ignores."""

    name: str
    people: BoolArray
    ignored: BoolArray | None = None


def sensitivity(case: Case, taxonomy: Taxonomy) -> Sensitivity:
    """Figures of every group of people."""
    traits = PeopleTraits.of(case.ground_truth)
    overlaps = _numbered(traits.overlaps, 0, _OVERLAPS)
    visible = _numbered(traits.labelled, 1, _quarters(len(case.ground_truth.skeleton.keypoints)))
    grid = [_Part(f"{a.name} / {b.name}", a.people & b.people) for a in overlaps for b in visible]

    def measured(parts: Sequence[_Part]) -> tuple[Group, ...]:
        return tuple(_group(case, taxonomy, part) for part in parts)

    return Sensitivity(
        overlaps=measured(overlaps),
        visible=measured(visible),
        area=measured(_by_area(case)),
        occluded=measured(_by_occlusion(traits)),
        grid=measured(grid),
    )


def _group(case: Case, taxonomy: Taxonomy, part: _Part) -> Group:
    truth, pairing = case.ground_truth, taxonomy.pairing
    people = part.people & case.examined
    # Whoever is said to have no keypoints is ignored.
    others = replace(truth, num_keypoints=np.where(people, truth.num_keypoints, 0))
    matches = case.matches(ground_truth=others)
    if part.ignored is not None:
        ignored = np.where(part.ignored[matches.detections], ~matches.matched, np.uint64(0))
        matches = replace(matches, ignored=matches.ignored | ignored)
    chosen = people[pairing.people]
    return Group(
        name=part.name,
        people=int(people.sum()),
        matched=int(chosen.sum()),
        figures=figures(matches, _FIGURES),
        oks=float(pairing.oks[chosen].mean()) if chosen.any() else None,
        counts=Counts.of(taxonomy.kinds[chosen]),
    )


def _numbered(values: IntArray, first: int, tops: Sequence[int | None]) -> list[_Part]:
    """Groups of consecutive numbers, each up to its top; None has no end."""
    parts = []
    for top in tops:
        if top is None:
            parts.append(_Part(f"{first}+", values >= first))
        else:
            name = f"{first}-{top}" if top > first else f"{first}"
            parts.append(_Part(name, (values >= first) & (values <= top)))
            first = top + 1
    return parts


def _quarters(keypoints: int) -> Sequence[int]:
    """The highest number of each quarter of the keypoints; of COCO's, as the paper cuts them."""
    if keypoints == _COCO_KEYPOINTS:
        return _COCO_VISIBLE
    return sorted({-(-keypoints * quarter // 4) for quarter in range(1, 5)})


def _by_area(case: Case) -> list[_Part]:
    lowest = case.smallest_area
    bounds = [lowest, *(area for area in _AREAS if area > lowest), np.inf]
    people, detections = case.ground_truth.areas, case.areas
    return [
        _Part(
            f"{_side(low)}-{_side(high)}" if high < np.inf else f"{_side(low)}+",
            (people >= low) & (people < high),
            (detections < low) | (detections >= high),
        )
        for low, high in pairwise(bounds)
    ]


def _side(area: float) -> str:
    """An area as the square of its side."""
    return f"{area**0.5:g}²"


def _by_occlusion(traits: PeopleTraits) -> list[_Part]:
    hidden = 1 - traits.visible / np.maximum(traits.labelled, 1)
    parts, lowest = [], -1.0
    for top, name in _OCCLUDED:
        parts.append(_Part(name, (hidden > lowest) & (hidden <= top)))
        lowest = top
    return parts
