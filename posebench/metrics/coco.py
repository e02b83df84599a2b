"""Matching by the rules of the COCO challenge, for keypoints and for boxes.

Areas, thresholds and the treatment of crowds are those of pycocotools 2.0: annotations outside an
area range are ignored in it, and so are unmatched detections whose own area lies outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from posebench.metrics.boxes import IouPairs
from posebench.metrics.matches import Bits, Matches
from posebench.metrics.matching import Assignment, Ranking, Similarity, assign, candidates, rank
from posebench.metrics.oks import OksPairs, Targets
from posebench.metrics.people import PeopleTraits
from posebench.metrics.sieve import Extents
from posebench.types import (
    BoolArray,
    Detections,
    Float64Array,
    GroundTruth,
    IntArray,
    Tensor,
)

THRESHOLDS: Float64Array = np.linspace(0.5, 0.95, 10)
_LARGEST = 1e5**2
KEYPOINT_AREAS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"all": (0.0, _LARGEST), "medium": (32.0**2, 96.0**2), "large": (96.0**2, _LARGEST)}
)
BOX_AREAS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "all": (0.0, _LARGEST),
        "small": (0.0, 32.0**2),
        "medium": (32.0**2, 96.0**2),
        "large": (96.0**2, _LARGEST),
    }
)
BOX_MAX_DETS = (1, 10, 100)


@dataclass(frozen=True, eq=False)
class _Task:
    """What differs between keypoints and boxes."""

    similarity: Similarity
    detection_areas: Float64Array
    ignored: BoolArray
    areas: Mapping[str, tuple[float, float]]
    max_dets: tuple[int, ...]


def match_keypoints(
    ground_truth: GroundTruth,
    detections: Detections,
    *,
    max_dets: int = 20,
    detection_areas: Float64Array | None = None,
    uncounted: BoolArray | None = None,
) -> Matches:
    """Match people by OKS.

    Args:
        ground_truth: G annotations; crowds and those without keypoints are ignored.
        detections: D detections with finite coordinates and scores.
        max_dets: Detections an image and class that are scored, best first.
        detection_areas: (D,) px²; by default the extent of all K keypoints.
        uncounted: (G,) annotations whose match is then counted as none. pycocotools does so to
            the annotation with id 0.
    """
    sigmas = np.array(ground_truth.skeleton.sigmas)
    keypoints: Tensor = np.ascontiguousarray(detections.keypoints)
    extents = Extents.of(keypoints)
    pairs = OksPairs(
        keypoints=keypoints,
        detected=extents,
        targets=Targets.of(ground_truth, sigmas),
        floor=float(THRESHOLDS[0]),
    )
    task = _Task(
        similarity=pairs,
        detection_areas=extents.areas if detection_areas is None else detection_areas,
        ignored=ground_truth.is_crowd | (ground_truth.num_keypoints == 0),
        areas=KEYPOINT_AREAS,
        max_dets=(max_dets,),
    )
    return _with_keypoints(_match(ground_truth, detections, task, uncounted), ground_truth, pairs)


def match_boxes(
    ground_truth: GroundTruth,
    detections: Detections,
    *,
    uncounted: BoolArray | None = None,
) -> Matches:
    """Match people by the IoU of their boxes; only crowds are ignored.

    Args:
        ground_truth: G annotations.
        detections: D detections with boxes.
        uncounted: As in ``match_keypoints``.

    Raises:
        ValueError: The detections have no boxes.
    """
    boxes = detections.boxes
    if boxes is None:
        raise ValueError("detections without boxes cannot be matched by IoU")
    task = _Task(
        similarity=IouPairs(boxes, ground_truth.boxes, ground_truth.is_crowd),
        detection_areas=boxes[:, 2] * boxes[:, 3],
        ignored=ground_truth.is_crowd,
        areas=BOX_AREAS,
        max_dets=BOX_MAX_DETS,
    )
    return _match(ground_truth, detections, task, uncounted)


def _match(
    ground_truth: GroundTruth, detections: Detections, task: _Task, uncounted: BoolArray | None
) -> Matches:
    bounds = np.array(list(task.areas.values()))
    ranking = _rank(ground_truth, detections, task.max_dets[-1])
    people_ignored = task.ignored[:, None] | _outside(ground_truth.areas, bounds)
    outside = _outside(task.detection_areas[ranking.rows], bounds)
    pairs = candidates(ranking, task.similarity, float(THRESHOLDS[0]))
    assignment = assign(
        ranking.ranks,
        pairs,
        allowed=_allowed(pairs.similarity, len(bounds)),
        ignored=_area_bits(people_ignored),
        is_crowd=ground_truth.is_crowd,
    )
    met = _gather(assignment, len(ranking.rows))
    traits = PeopleTraits.of(ground_truth)
    hidden = _area_bits(people_ignored)[pairs.people] & assignment.taken
    taken = assignment.taken
    if uncounted is not None:
        taken = np.where(uncounted[pairs.people], np.uint64(0), taken)
    matched = _or_by_detection(taken, assignment, len(ranking.rows))
    ignored = _or_by_detection(hidden, assignment, len(ranking.rows))
    return Matches(
        thresholds=THRESHOLDS,
        area_names=np.array(list(task.areas)),
        area_ranges=bounds,
        max_dets=np.array(task.max_dets, np.int64),
        class_names=np.array(ground_truth.class_names),
        keypoint_names=np.zeros(0, "U1"),
        image_ids=ground_truth.image_ids,
        detections=ranking.rows,
        image_index=detections.image_index[ranking.rows],
        class_ids=detections.class_ids[ranking.rows],
        ranks=ranking.ranks,
        scores=detections.scores[ranking.rows],
        similarity=_similarity(assignment, len(ranking.rows)),
        matched_people=met,
        matched=matched,
        ignored=ignored | (_area_bits(outside) & ~matched),
        people_image_index=ground_truth.image_index,
        people_class_ids=ground_truth.class_ids,
        people_ignored=people_ignored,
        people_ids=ground_truth.annotation_ids,
        people_areas=ground_truth.areas,
        people_labelled=traits.labelled,
        people_visible=traits.visible,
        people_overlaps=traits.overlaps,
        pairs=np.zeros(0, np.int64),
        keypoint_similarity=np.zeros((0, 0)),
        keypoint_labelled=np.zeros((0, 0), np.bool_),
    )


def _rank(ground_truth: GroundTruth, detections: Detections, limit: int) -> Ranking:
    """Groups are numbered by class, then by image id, as pycocotools concatenates them."""
    images = len(ground_truth.image_ids)
    place = np.empty(images, np.int64)
    place[np.argsort(ground_truth.image_ids, kind="stable")] = np.arange(images)
    groups = detections.class_ids * images + place[detections.image_index]
    people = ground_truth.class_ids * images + place[ground_truth.image_index]
    return rank(groups, detections.scores, people, limit)


def _outside(areas: Float64Array, bounds: Float64Array) -> BoolArray:
    """(N, A) whether an area lies outside a range, both bounds belonging to it."""
    columns = [(areas < low) | (areas > high) for low, high in bounds]
    return np.column_stack(columns)


def _allowed(similarity: Float64Array, areas: int) -> Bits:
    """(P,) bits of the thresholds that a similarity reaches, in every area range."""
    reached = np.searchsorted(THRESHOLDS, similarity, side="right").astype(np.uint64)
    low = (np.uint64(1) << reached) - np.uint64(1)
    return low * np.uint64(sum(1 << (area * len(THRESHOLDS)) for area in range(areas)))


def _area_bits(flags: BoolArray) -> Bits:
    """(N,) words in which a flag of an area range stands at each of its thresholds."""
    word = (1 << len(THRESHOLDS)) - 1
    bits = np.zeros(len(flags), np.uint64)
    for area in range(flags.shape[1]):
        bits |= flags[:, area] * np.uint64(word << (area * len(THRESHOLDS)))
    return bits


def _or_by_detection(bits: Bits, assignment: Assignment, detections: int) -> Bits:
    joined = np.zeros(detections, np.uint64)
    np.bitwise_or.at(joined, assignment.candidates.detections, bits)
    return joined


def _gather(assignment: Assignment, detections: int) -> IntArray:
    """(T, D) row of the annotation matched in the first area range, or -1."""
    pairs = assignment.candidates
    met = np.full((len(THRESHOLDS), detections), -1, np.int64)
    matched = np.flatnonzero(assignment.taken)
    taken = assignment.taken[matched]
    for t in range(len(THRESHOLDS)):
        won = matched[(taken & np.uint64(1 << t)) != 0]
        met[t, pairs.detections[won]] = pairs.people[won]
    return met


def _similarity(assignment: Assignment, detections: int) -> Float64Array:
    pairs = assignment.candidates
    won = (assignment.taken & np.uint64(1)) != 0
    similarity = np.zeros(detections)
    similarity[pairs.detections[won]] = pairs.similarity[won]
    return similarity


def _with_keypoints(matches: Matches, ground_truth: GroundTruth, oks: OksPairs) -> Matches:
    """Add the similarity of each keypoint in the pairs that count at the lowest threshold."""
    met = matches.matched_people[0]
    pairs = np.flatnonzero(met >= 0)
    pairs = pairs[~matches.people_ignored[met[pairs], 0]]
    found = oks.by_keypoint(matches.detections[pairs], met[pairs])
    labelled = found >= 0
    return replace(
        matches,
        keypoint_names=np.array(ground_truth.skeleton.keypoints),
        pairs=pairs,
        keypoint_similarity=np.where(labelled, found, 0.0),
        keypoint_labelled=labelled,
    )
