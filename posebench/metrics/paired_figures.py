"""What is compared of two results: AP and AR, groups of people, keypoints, PCKh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from posebench.errors import IncomparableError
from posebench.metrics.accumulate import FigureSpec
from posebench.metrics.head_distances import HeadDistances
from posebench.metrics.matches import Matches
from posebench.metrics.paired import Absent, Changes, Draws, Family, Values, compare
from posebench.metrics.pckh import FIGURES, Comparison, PckhCounts, count, figures_of
from posebench.metrics.people_groups import group_pictures, group_specs, grouped
from posebench.metrics.resampling import Pool, weighted_figures
from posebench.types import Float64Array, IntArray

GROUP_PICTURES = 10
"""Fewest pictures with people of a group for which it is compared."""


def paired_figures(
    baseline: Matches,
    candidate: Matches,
    specs: Mapping[str, FigureSpec],
    draws: Draws | None = None,
) -> Changes:
    """AP and AR of two results.

    Args:
        baseline: Of one result.
        candidate: Of the other; the same pictures and annotations.
        specs: The figures.
        draws: How often pictures are drawn.

    Raises:
        IncomparableError: The results are of different pictures or annotations.
    """
    _check_same(baseline, candidate)
    return _compare_pools(Pool.of(baseline), Pool.of(candidate), specs, draws)


def paired_groups(baseline: Matches, candidate: Matches, draws: Draws | None = None) -> Changes:
    """AP of two results by groups of people: their crowding and their occlusion.

    A group in fewer than ``GROUP_PICTURES`` pictures is absent: neither draws nor exchanges of so
    few say what others like them would.

    Raises:
        IncomparableError: The results are of different pictures or annotations.
    """
    _check_same(baseline, candidate)
    specs, pictures = group_specs(baseline), group_pictures(baseline)
    enough = {name: spec for name, spec in specs.items() if pictures[name] >= GROUP_PICTURES}
    one, other = (grouped(Pool.of(matches), matches) for matches in (baseline, candidate))
    compared = _compare_pools(one, other, enough, draws) if enough else {}
    return {name: compared.get(name) or _too_few(pictures[name]) for name in specs}


def paired_keypoints(baseline: Matches, candidate: Matches, draws: Draws | None = None) -> Changes:
    """Mean similarity of each keypoint over the people that both found at the lowest threshold.

    A model that also finds difficult people would otherwise look worse at their keypoints.

    Raises:
        IncomparableError: The results are of different pictures or annotations.
    """
    _check_same(baseline, candidate)
    shared = _Shared.of(baseline, candidate)
    names = [str(name) for name in baseline.keypoint_names]
    counted = dict(zip(names, shared.labelled.sum(axis=0).astype(int).tolist(), strict=True))

    def mixed(kept: Float64Array, exchanged: Float64Array) -> Values:
        total = kept @ shared.baseline + exchanged @ shared.candidate
        labelled = (kept + exchanged) @ shared.labelled
        mean = np.divide(total, labelled, out=np.full(total.shape, np.nan), where=labelled > 0)
        return dict(zip(names, mean.T, strict=True))

    family = Family(
        images=len(baseline.image_ids),
        baseline=lambda weights: mixed(weights, np.zeros_like(weights)),
        candidate=lambda weights: mixed(np.zeros_like(weights), weights),
        mixed=mixed,
        counted=counted,
        carrying=dict(zip(names, np.count_nonzero(shared.labelled, axis=0).tolist(), strict=True)),
    )
    none = Absent("no person whom both found has it labelled")
    return {
        name: change if counted[name] else none for name, change in compare(family, draws).items()
    }


def paired_pckh(
    baseline: HeadDistances,
    candidate: HeadDistances,
    comparison: Comparison = "<=",
    draws: Draws | None = None,
) -> Changes:
    """PCKh, its AUC and its groups of joints.

    Raises:
        IncomparableError: The results are of different pictures or people, or predict other joints.
    """
    _check_agree(baseline, candidate, ("unit_ids", "unit_index", "visible", "predicted"))
    one, other = count(baseline, comparison), count(candidate, comparison)
    both = PckhCounts(
        correct=np.concatenate([one.correct, other.correct]),
        visible=np.concatenate([one.visible, other.visible]),
        predicted=one.predicted,
    )
    people = int(baseline.visible.any(axis=1).sum())
    family = Family(
        images=len(one.visible),
        baseline=lambda weights: figures_of(one, weights),
        candidate=lambda weights: figures_of(other, weights),
        mixed=lambda kept, exchanged: figures_of(both, np.hstack([kept, exchanged])),
        counted=dict.fromkeys(FIGURES, people),
        carrying=dict.fromkeys(FIGURES, np.count_nonzero(one.visible.any(axis=1))),
    )
    return compare(family, draws)


@dataclass(frozen=True, eq=False)
class _Shared:
    """Sums over the people that both results found, by picture. I pictures, K keypoints.

    Attributes:
        baseline: (I, K) sum of the similarities.
        candidate: (I, K) the candidate's.
        labelled: (I, K) how many people have it labelled.
    """

    baseline: Float64Array
    candidate: Float64Array
    labelled: Float64Array

    @classmethod
    def of(cls, baseline: Matches, candidate: Matches) -> _Shared:
        people, rows, other_rows = np.intersect1d(
            _people(baseline), _people(candidate), return_indices=True
        )
        labelled = baseline.keypoint_labelled[rows]
        images = baseline.people_image_index[people]

        def by_image(values: Float64Array) -> Float64Array:
            sums = np.zeros((len(baseline.image_ids), values.shape[1]))
            np.add.at(sums, images, values)
            return sums

        return cls(
            by_image(np.where(labelled, baseline.keypoint_similarity[rows], 0.0)),
            by_image(np.where(labelled, candidate.keypoint_similarity[other_rows], 0.0)),
            by_image(labelled.astype(np.float64)),
        )


def _people(matches: Matches) -> IntArray:
    """(M,) row of the person of each pair."""
    return np.asarray(matches.matched_people[0, matches.pairs], np.int64)


def _compare_pools(
    baseline: Pool, candidate: Pool, specs: Mapping[str, FigureSpec], draws: Draws | None
) -> Changes:
    both = Pool.mixed(baseline, candidate)
    people = baseline.people.sum(axis=(0, 1))
    pictures = np.count_nonzero(baseline.people.sum(axis=1), axis=0)
    family = Family(
        images=len(baseline.people),
        baseline=lambda weights: weighted_figures(baseline, specs, weights, weights),
        candidate=lambda weights: weighted_figures(candidate, specs, weights, weights),
        mixed=lambda kept, exchanged: weighted_figures(
            both, specs, np.hstack([kept, exchanged]), kept + exchanged
        ),
        counted={name: int(people[spec.area]) for name, spec in specs.items()},
        carrying={name: int(pictures[spec.area]) for name, spec in specs.items()},
    )
    return compare(family, draws)


def _check_same(baseline: Matches, candidate: Matches) -> None:
    rules = "thresholds", "area_names", "max_dets", "class_names", "keypoint_names"
    people = "image_ids", "people_ids", "people_image_index", "people_class_ids", "people_ignored"
    _check_agree(baseline, candidate, (*rules, *people))


def _check_agree(
    baseline: Matches | HeadDistances, candidate: Matches | HeadDistances, names: Sequence[str]
) -> None:
    for name in names:
        if not np.array_equal(getattr(baseline, name), getattr(candidate, name)):
            raise IncomparableError(
                f"the results are not of the same pictures, people and keypoints: {name} differ.",
                remedy="Score both again on the same annotations.",
            )


def _too_few(pictures: int) -> Absent:
    if not pictures:
        return Absent("nothing is annotated for it")
    noun = "picture" if pictures == 1 else "pictures"
    return Absent(f"its people are in {pictures} {noun}, fewer than {GROUP_PICTURES}")
