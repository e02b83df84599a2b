"""Groups of annotated people, and the AP of each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from posebench.metrics.accumulate import FigureSpec
from posebench.metrics.matches import Matches
from posebench.metrics.resampling import Pool, Ranking, ranked
from posebench.types import BoolArray, IntArray


def people_groups(matches: Matches) -> dict[str, BoolArray]:
    """(G,) who belongs to each group, by its name.

    Crowding is the number of other people whose box overlaps (IoU > .1), occlusion the share of
    the labelled keypoints that are not visible.
    """
    overlaps, labelled = matches.people_overlaps, matches.people_labelled
    hidden = labelled - matches.people_visible
    return {
        "crowding 0": overlaps == 0,
        "crowding 1-2": (overlaps >= 1) & (overlaps <= 2),
        "crowding 3+": overlaps >= 3,
        "occlusion none": hidden == 0,
        "occlusion up to half": (hidden > 0) & (2 * hidden <= labelled),
        "occlusion over half": 2 * hidden > labelled,
    }


def group_pictures(matches: Matches) -> dict[str, int]:
    """In how many pictures each group has somebody who counts."""
    counted = ~matches.people_ignored[:, 0]
    return {
        name: len(np.unique(matches.people_image_index[counted & group]))
        for name, group in people_groups(matches).items()
    }


def group_specs(matches: Matches) -> dict[str, FigureSpec]:
    """The AP of each group: the groups stand where a pool has its area ranges."""
    return {name: FigureSpec(area=place) for place, name in enumerate(people_groups(matches))}


def grouped(pool: Pool, matches: Matches) -> Pool:
    """The pool with a group of people in place of each area range.

    The matching stays that of all people. In a group's figure whoever matched somebody outside
    the group is left out; a detection that matched nobody is wrong in each.
    """
    groups = list(people_groups(matches).values())
    counted = ~matches.people_ignored[:, 0]
    shape = len(matches.image_ids), len(matches.class_names), len(groups)
    people = np.zeros(shape)
    at = matches.people_image_index, matches.people_class_ids
    np.add.at(people, at, np.stack([counted & g for g in groups], axis=1).astype(np.float64))
    met = [matches.matched_people[:, ranked(matches, c)] for c in range(len(pool.rankings))]
    rankings = tuple(
        _within(ranking, people_met, groups)
        for ranking, people_met in zip(pool.rankings, met, strict=True)
    )
    return replace(pool, rankings=rankings, people=people)


def _within(ranking: Ranking, met: IntArray, groups: list[BoolArray]) -> Ranking:
    """Args: met: (T, D) row of the person matched at each threshold, or -1."""
    right, counted = [], []
    for group in groups:
        inside = np.append(group, False)[met]
        right.append(ranking.right[0] & inside)
        counted.append(ranking.counted[0] & ~(ranking.right[0] & ~inside))
    return replace(ranking, right=np.stack(right), counted=np.stack(counted))
