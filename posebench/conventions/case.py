"""What is scored and how, so that one rule at a time can be changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from posebench.datasets.crowdpose import LEVELS, in_level
from posebench.datasets.detected import Results
from posebench.datasets.selection import only_images
from posebench.datasets.wholebody import PARTS, WHOLE
from posebench.evaluation import Accuracy, check_detections, score
from posebench.metrics import ultralytics
from posebench.metrics.accumulate import KEYPOINT_FIGURES, Figure, figures
from posebench.metrics.coco import match_keypoints
from posebench.metrics.matches import Matches
from posebench.metrics.wholebody import of_part
from posebench.types import Float64Array, GroundTruth, IntArray

Measure = Literal["coco", "trapezoids", "ultralytics"]
_CROWD_LACKS = ("APm", "APl", "ARm", "ARl")


@dataclass(frozen=True, eq=False)
class Case:
    """Annotations, detections and the rules that are not in them.

    Attributes:
        ground_truth: Annotated people.
        results: Detected people.
        max_dets: People a picture that are scored, best first.
        measure: coco; trapezoids: COCO's matching, Ultralytics' integration; ultralytics: both.
        crowd_index: (I,) of the pictures, for CrowdPose, else None.
    """

    ground_truth: GroundTruth
    results: Results
    max_dets: int = 20
    measure: Measure = "coco"
    crowd_index: Float64Array | None = None

    @property
    def whole_body(self) -> bool:
        """Whether feet, face and hands are scored too."""
        return len(self.ground_truth.skeleton.keypoints) == WHOLE

    def part(self, name: str) -> Case:
        """One part of the whole body."""
        ground_truth, results = of_part(self.ground_truth, self.results, name)
        return replace(self, ground_truth=ground_truth, results=results)

    def in_images(self, used: IntArray) -> Case:
        """Only the pictures at some positions."""
        count = len(self.ground_truth.image_ids)
        return replace(
            self,
            ground_truth=only_images(self.ground_truth, used),
            results=self.results.in_images(used, count),
            crowd_index=None if self.crowd_index is None else self.crowd_index[used],
        )


def headline(case: Case) -> Mapping[str, Figure]:
    """The figures of all people, or of the whole body; no others, so that it is quick.

    Raises:
        InputError: The detections do not fit the annotations.
    """
    check_detections(case.ground_truth, case.results.detections)
    scored = case.part("whole") if case.whole_body else case
    if case.measure == "ultralytics":
        found = ultralytics.match(scored.ground_truth, scored.results.detections, scored.max_dets)
        return ultralytics.figures(found)
    matches = _matches(scored)
    if case.measure == "trapezoids":
        return ultralytics.figures(ultralytics.of_matches(matches))
    return figures(matches, KEYPOINT_FIGURES)


def _matches(case: Case) -> Matches:
    return match_keypoints(
        case.ground_truth,
        case.results.detections,
        max_dets=case.max_dets,
        detection_areas=case.results.areas,
    )


def accuracy(
    case: Case, *, per_keypoint_ap: bool = False, compat: bool = False, intervals: bool = False
) -> Accuracy:
    """Every figure of a case: of the whole body, of a crowd's levels, by keypoint, of boxes.

    Args:
        case: What is scored.
        per_keypoint_ap: Also the AP of each keypoint by itself.
        compat: As in ``evaluation.score``.
        intervals: As in ``evaluation.score``.

    Raises:
        InputError: The detections do not fit the annotations.
    """
    check_detections(case.ground_truth, case.results.detections)
    scored = case.part("whole") if case.whole_body else case
    found = score(
        scored.ground_truth,
        scored.results.detections,
        max_dets=case.max_dets,
        per_keypoint_ap=per_keypoint_ap,
        detection_areas=scored.results.areas,
        compat=compat,
        intervals=intervals,
    )
    if case.measure != "coco":
        return replace(found, keypoints=headline(case))
    if case.crowd_index is not None:
        return replace(found, keypoints=_crowd_figures(case, found.keypoints))
    return found


def parts(case: Case) -> dict[str, Mapping[str, Figure]]:
    """The ten figures of each part of the whole body; none where only a body is scored."""
    if not case.whole_body:
        return {}
    return {name: figures(_matches(case.part(name)), KEYPOINT_FIGURES) for name in PARTS}


def _crowd_figures(case: Case, all_people: Mapping[str, Figure]) -> dict[str, Figure]:
    """Those that CrowdPose publishes: by crowd index instead of by area."""
    kept = {name: figure for name, figure in all_people.items() if name not in _CROWD_LACKS}
    return kept | {level: _level(case, level) for level in LEVELS}


def _level(case: Case, level: str) -> Figure:
    crowd_index = case.crowd_index
    if crowd_index is None or np.isnan(crowd_index).all():
        return Figure(None, "no picture states its crowdIndex")
    used = np.flatnonzero(in_level(crowd_index, level))
    if not len(used):
        return Figure(None, "no picture has such a crowdIndex")
    return figures(_matches(case.in_images(used)), {"AP": KEYPOINT_FIGURES["AP"]})["AP"]
