"""One rule each: from a case to the case in which only that rule is another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np

from posebench.conventions.case import Case, Measure
from posebench.datasets.box_area import BOX_AREA_SOURCE, areas_from_boxes
from posebench.datasets.selection import only_people
from posebench.metrics.sieve import Extents
from posebench.types import BoolArray, GroundTruth, IntArray

Changed: TypeAlias = tuple[str, Case]
"""What the rule did to these files, in words, and the case after it."""
Rule: TypeAlias = Callable[[Case], Changed]
ScoreMode = Literal["box", "box-keypoint", "keypoint"]

KEYPOINT_SCORE_THRESHOLD = 0.2
OKS_NMS_THRESHOLD = 0.9
_SCORE_WORDS = {
    "box": "box score",
    "box-keypoint": f"box score x mean of keypoint scores > {KEYPOINT_SCORE_THRESHOLD}",
    "keypoint": "mean keypoint score",
}


def score_threshold(lowest: float) -> Rule:
    """Leave out people with a lower score."""

    def change(case: Case) -> Changed:
        kept, words = _keep(case, case.results.detections.scores >= lowest)
        return f"below {lowest:g} drops; {words}", kept

    return change


def score_mode(mode: ScoreMode) -> Rule:
    """Rank people by another score."""

    def change(case: Case) -> Changed:
        from posebench.pipelines.rescoring import rescore

        results = case.results
        scores = rescore(
            results.box_scores.astype(np.float32),
            np.asarray(results.keypoint_scores, np.float32),
            mode,
            KEYPOINT_SCORE_THRESHOLD,
        )
        detections = replace(results.detections, scores=scores.astype(np.float64))
        words = f"as predicted -> {_SCORE_WORDS[mode]}"
        return words, replace(case, results=replace(results, detections=detections, part_scores={}))

    return change


def suppress_by_oks(case: Case) -> Changed:
    """OKS-NMS in each picture; area: extent of the keypoints, as mmpose has it without crops."""
    from posebench.pipelines.oks_nms import oks_nms

    detections, sigmas = case.results.detections, case.ground_truth.skeleton.sigmas
    areas = Extents.of(detections.keypoints).areas
    kept = [np.zeros(0, np.int64)]
    for rows in _rows_by_image(detections.image_index):
        chosen = oks_nms(
            detections.keypoints[rows], detections.scores[rows], areas[rows], sigmas,
            OKS_NMS_THRESHOLD,
        )  # fmt: skip
        kept.append(rows[chosen])
    rows = np.concatenate(kept)
    words = f"none -> OKS > {OKS_NMS_THRESHOLD} drops; {_of(len(rows), len(detections.scores))}"
    return words, replace(case, results=case.results.take(rows))


def _rows_by_image(image_index: IntArray) -> list[IntArray]:
    order = np.argsort(image_index, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(image_index[order])) + 1)


def seen_keypoints_only(case: Case) -> Changed:
    """Leave out people of whom no keypoint has a score above 0."""
    kept, words = _keep(case, (case.results.keypoint_scores > 0).any(axis=1))
    return f"no keypoint score > 0 drops; {words}", kept


def area_of_boxes(case: Case) -> Changed:
    """Take a detection's area from its box; it decides which wrong ones an area range ignores."""
    boxes = case.results.detections.boxes
    if boxes is None:
        return "extent of keypoints, for want of boxes", case
    areas = boxes[:, 2] * boxes[:, 3]
    return "extent of keypoints -> box", replace(case, results=replace(case.results, areas=areas))


def counted_keypoints(case: Case) -> Changed:
    """Ignore people without v > 0, whatever their num_keypoints says."""
    truth = case.ground_truth
    counted = np.count_nonzero(truth.keypoints[:, :, 2] > 0, axis=1)
    changed = int(np.count_nonzero((counted == 0) != (truth.num_keypoints == 0)))
    words = f"num_keypoints = 0 -> no v > 0; {changed} people differ"
    return words, replace(case, ground_truth=replace(truth, num_keypoints=counted))


def pictures_with_people(case: Case) -> Changed:
    """Only pictures in which somebody has a labelled keypoint."""
    truth = case.ground_truth
    used = np.unique(truth.image_index[_labelled(truth)])
    words = f"{len(truth.image_ids):,} -> {len(used):,} with labelled people"
    return words, case.in_images(used)


def area_per_box(case: Case) -> Changed:
    """.53 of the annotated box instead of the area in the annotation."""
    truth = case.ground_truth
    areas = areas_from_boxes(truth.boxes)
    return f"{truth.area_source} -> {BOX_AREA_SOURCE}", replace(
        case, ground_truth=replace(truth, areas=areas, area_source=BOX_AREA_SOURCE)
    )


def labelled_people_only(case: Case) -> Changed:
    """No crowds, nobody without a labelled keypoint, no annotation twice: nothing is ignored."""
    truth = case.ground_truth
    rows = _first_of_equals(truth, np.flatnonzero(_labelled(truth)))
    words = f"{len(truth.boxes):,} -> {len(rows):,} labelled; the others absent, not ignored"
    return words, replace(case, ground_truth=only_people(truth, rows))


def _labelled(truth: GroundTruth) -> BoolArray:
    sized = (truth.boxes[:, 2:] > 0).all(axis=1)
    return np.asarray(~truth.is_crowd & sized & (truth.keypoints[:, :, 2] != 0).any(axis=1))


def _first_of_equals(truth: GroundTruth, rows: IntArray) -> IntArray:
    whose = np.stack([truth.image_index[rows], truth.class_ids[rows]], axis=1)
    x, y, v = truth.keypoints[rows].transpose(2, 0, 1)
    table = np.concatenate([whose, truth.boxes[rows], x, y, v], axis=1)
    _, first = np.unique(table, axis=0, return_index=True)
    kept: IntArray = rows[np.sort(first)]
    return kept


def same_sigmas(case: Case) -> Changed:
    """1 / K for each of K keypoints, where there are not 17."""
    truth = case.ground_truth
    count = len(truth.skeleton.keypoints)
    skeleton = replace(truth.skeleton, sigmas=(1 / count,) * count)
    words = f"those of {truth.skeleton.name} -> 1/{count} each"
    return words, replace(case, ground_truth=replace(truth, skeleton=skeleton))


def max_dets(limit: int) -> Rule:
    """Score more or fewer people a picture."""

    def change(case: Case) -> Changed:
        return f"{case.max_dets} -> {limit} a picture", replace(case, max_dets=limit)

    return change


def measure(kind: Measure, words: str) -> Rule:
    """Another way from matches to AP, or of matching."""

    def change(case: Case) -> Changed:
        return words, replace(case, measure=kind)

    return change


def _keep(case: Case, wanted: BoolArray) -> tuple[Case, str]:
    rows = np.flatnonzero(wanted)
    return replace(case, results=case.results.take(rows)), _of(len(rows), len(wanted))


def _of(left: int, all_: int) -> str:
    return f"{left:,} of {all_:,} left" if left < all_ else f"all {all_:,} left"
