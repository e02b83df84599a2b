"""How far a network in reduced precision is from the same network in FP32."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posebench.metrics.accumulate import KEYPOINT_FIGURES, figures
from posebench.metrics.coco import match_keypoints
from posebench.metrics.matches import Matches
from posebench.record import Estimate, KeypointParity, Parity
from posebench.types import Detections, Float64Array, FloatArray, GroundTruth, IntArray


@dataclass(frozen=True, eq=False)
class _Found:
    """The annotated people that one of the two found.

    Attributes:
        people: (M,) rows of the annotations, ascending.
        keypoints: (M, K, 2) px, as predicted for them.
        similarity: (M, K) of each keypoint, 0..1.
        labelled: (M, K) whether the annotation says where it is.
        ap: Of all its detections.
    """

    people: IntArray
    keypoints: FloatArray
    similarity: Float64Array
    labelled: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    ap: float | None


def compare(
    truth: GroundTruth,
    fp32: Detections,
    reduced: Detections,
    *,
    reference: str,
    max_dets: int = 20,
) -> Parity:
    """Differences on the annotated people that both find at an OKS of at least .5.

    Distances count every keypoint, labelled or not: the two networks should agree wherever they
    put it. Similarities count the labelled ones.

    Args:
        truth: Annotated people.
        fp32: What the network finds in FP32.
        reduced: What it finds in the precision of the run, on the same pictures.
        reference: What the FP32 network ran in, for the Record.
        max_dets: Detections a picture that are scored.
    """
    before, after = (_found(truth, detections, max_dets) for detections in (fp32, reduced))
    both, first, second = np.intersect1d(before.people, after.people, return_indices=True)
    moved = np.linalg.norm(
        before.keypoints[first].astype(np.float64) - after.keypoints[second], axis=-1
    )
    change = after.similarity[second] - before.similarity[first]
    labelled = before.labelled[first]
    return Parity(
        reference=reference,
        images=len(truth.image_ids),
        people=len(both),
        lost=len(before.people) - len(both),
        gained=len(after.people) - len(both),
        mean_px=float(moved.mean()) if len(both) else None,
        worst_px=float(moved.max()) if len(both) else None,
        oks_change=_mean(change, labelled),
        ap_change=_difference(before.ap, after.ap),
        per_keypoint={
            name: KeypointParity(
                mean_px=float(moved[:, k].mean()) if len(both) else None,
                worst_px=float(moved[:, k].max()) if len(both) else None,
                oks_change=_mean(change[:, k], labelled[:, k]),
            )
            for k, name in enumerate(truth.skeleton.keypoints)
        },
    )


def _found(truth: GroundTruth, detections: Detections, max_dets: int) -> _Found:
    matches = match_keypoints(truth, detections, max_dets=max_dets)
    people = matches.matched_people[0][matches.pairs]
    order = np.argsort(people, kind="stable")
    rows = matches.detections[matches.pairs][order]
    return _Found(
        people=people[order],
        keypoints=detections.keypoints[rows],
        similarity=matches.keypoint_similarity[order],
        labelled=matches.keypoint_labelled[order],
        ap=_ap(matches),
    )


def _ap(matches: Matches) -> float | None:
    return figures(matches, KEYPOINT_FIGURES)["AP"].value


def _mean(
    values: Float64Array, counted: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
) -> float | None:
    return float(values[counted].mean()) if counted.any() else None


def _difference(before: float | None, after: float | None) -> Estimate:
    if before is None or after is None:
        return Estimate(value=None, reason="there is nobody to be found")
    return Estimate(value=after - before)
