"""From the people found in boxes to ranked people, each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from posebench.config import EvalProtocol, Postprocess, Preprocess, TopDown
from posebench.errors import InputError
from posebench.pipelines.crops import usable
from posebench.pipelines.oks_nms import oks_nms, soft_oks_nms
from posebench.pipelines.rescoring import rescore
from posebench.types import Float32Array, IntArray, PersonBoxes, Prediction

_UNUSED = {
    "preprocess": ("resize", "pad_position", "pad_stride", "coordinates", "gain"),
    "postprocess": ("score_threshold", "max_candidates", "clip_boxes", "clip_keypoints"),
}


def required_top_down(protocol: EvalProtocol) -> TopDown:
    """The protocol's part for top-down models; all defaults if it was left out.

    Raises:
        InputError: A field of the protocol is not for top-down models.
    """
    if protocol.postprocess.nms not in ("oks", "oks-soft", "none"):
        raise InputError(
            f"postprocess.nms={protocol.postprocess.nms}, but a top-down model's people are told "
            "apart by their keypoints.",
            remedy="Set postprocess.nms to oks, oks-soft or none.",
        )
    if protocol.postprocess.score_mode == "uncertainty-fused":
        raise InputError(
            "postprocess.score_mode=uncertainty-fused, but heat maps have no such output.",
            remedy="Set postprocess.score_mode to box-keypoint, keypoint or box.",
        )
    if protocol.postprocess.nms == "oks-soft" and protocol.postprocess.nms_threshold == 0:
        raise InputError("postprocess.nms_threshold=0 is no width for oks-soft.")
    for section, fields in _UNUSED.items():
        _check_unused(section, getattr(protocol, section), fields)
    return protocol.top_down or TopDown()


def _check_unused(section: str, values: Preprocess | Postprocess, fields: Sequence[str]) -> None:
    """Refuse what would be recorded and do nothing."""
    plain = type(values)()
    for field in fields:
        if getattr(values, field) != getattr(plain, field):
            raise InputError(
                f"{section}.{field}={getattr(values, field)} has no meaning for a top-down model.",
                remedy="Boxes are chosen by top_down.box_score_threshold, crops by top_down.warp "
                "and top_down.box_padding.",
            )


def boxes_to_look_into(given: PersonBoxes, top_down: TopDown) -> PersonBoxes:
    """Those of the boxes that have an area and are scored high enough."""
    wanted = given.scores >= np.float32(top_down.box_score_threshold)
    wanted &= usable(given.boxes)
    return PersonBoxes(given.boxes[wanted], given.scores[wanted])


def nobody(num_keypoints: int) -> Prediction:
    """A picture without a box to look into."""
    return replace(
        Prediction.empty(num_keypoints),
        source_boxes=np.zeros(0, np.int64),
        input_boxes=PersonBoxes.none(),
    )


def rank_people(
    keypoints: Float32Array,
    keypoint_scores: Float32Array,
    areas: Float32Array,
    boxes: PersonBoxes,
    *,
    sigmas: Sequence[float],
    protocol: EvalProtocol,
) -> Prediction:
    """Score the people of one picture by the protocol and suppress those found twice.

    Args:
        keypoints: (M, K, 2) px of the original picture.
        keypoint_scores: (M, K).
        areas: (M,) px² of the padded boxes, by which the OKS between two people is scaled.
        boxes: The M boxes that they were found in.
        sigmas: K.
        protocol: Of the run.
    """
    post = protocol.postprocess
    threshold = required_top_down(protocol).keypoint_score_threshold
    scores = rescore(boxes.scores, keypoint_scores, post.score_mode, threshold)
    order = _survivors(keypoints, scores, areas, sigmas, post)[: post.max_detections]
    return Prediction(
        keypoints=keypoints[order],
        keypoint_scores=keypoint_scores[order],
        box_scores=boxes.scores[order],
        scores=scores[order],
        boxes=boxes.boxes[order],
        source_boxes=order,
        input_boxes=boxes,
    )


def _survivors(
    keypoints: Float32Array,
    scores: Float32Array,
    areas: Float32Array,
    sigmas: Sequence[float],
    post: Postprocess,
) -> IntArray:
    """Rows of the people that stay, best first."""
    if post.nms == "oks":
        return oks_nms(keypoints, scores, areas, sigmas, post.nms_threshold)
    if post.nms == "oks-soft":
        # As mmpose: lowered scores choose who stays, the figures rank by the scores as they were.
        order, _ = soft_oks_nms(
            keypoints, scores, areas, sigmas, post.nms_threshold, post.max_detections
        )
        return order
    return np.argsort(-scores, kind="stable")
