"""The output of YOLO pose heads, read into people.

Two layouts. ``yolo-pose`` is the raw head, (1, 4 + C + K·D, N): centre x, centre y, width, height,
C class probabilities and K keypoints of N anchors, in network pixels. ``yolo-pose-nms`` is a head
whose people are already selected, (1, M, 6 + K·D): x1, y1, x2, y2, score, class and K keypoints a
row, best first. A keypoint is x, y (D = 2) or x, y, visibility (D = 3, probability).
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from posebench.config import EvalProtocol, Postprocess
from posebench.errors import InputError
from posebench.pipelines.letterbox import Geometry, to_source
from posebench.pipelines.nms import nms
from posebench.pipelines.staged import StagedModel
from posebench.protocols import Session
from posebench.types import Artifact, Float32Array, IntArray, ModelCost, Prediction, Tensor

Decoder = Literal["yolo-pose", "yolo-pose-nms"]


@dataclass(frozen=True)
class Head:
    """What the network's output holds.

    Attributes:
        decoder: Layout, see the module.
        num_keypoints: K.
        keypoint_dims: D, 2 or 3.
        num_classes: C.
    """

    decoder: Decoder
    num_keypoints: int
    keypoint_dims: int = 3
    num_classes: int = 1

    @property
    def columns(self) -> int:
        """Numbers an anchor or a row has."""
        extra = self.num_keypoints * self.keypoint_dims
        return extra + (4 + self.num_classes if self.decoder == "yolo-pose" else 6)


def head_from_metadata(metadata: Mapping[str, str]) -> Head | None:
    """The head that Ultralytics' export metadata describes, or None if there is none of it.

    Raises:
        InputError: It describes another task, or cannot be read.
    """
    if "kpt_shape" not in metadata and "task" not in metadata:
        return None
    task = metadata.get("task", "pose")
    if task != "pose":
        raise InputError(f"the exported model's task is {task!r}, not pose.")
    try:
        num_keypoints, dims = ast.literal_eval(metadata["kpt_shape"])
        names = ast.literal_eval(metadata["names"])
        args = ast.literal_eval(metadata.get("args", "{}"))
        selected = metadata.get("end2end") == "True" or bool(args.get("nms"))
        decoder: Decoder = "yolo-pose-nms" if selected else "yolo-pose"
        return Head(decoder, int(num_keypoints), int(dims), len(names))
    except (KeyError, ValueError, SyntaxError, TypeError, AttributeError) as error:
        raise InputError(f"the exported model's metadata cannot be read: {error!r}.") from error


def metadata_protocol(metadata: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The protocol fields that follow from Ultralytics' export metadata; empty if there is none.

    Raises:
        InputError: It describes another task, or cannot be read.
    """
    head = head_from_metadata(metadata)
    if head is None:
        return {}
    try:
        height, width = ast.literal_eval(metadata["imgsz"])
        stride = int(metadata["stride"])
    except (KeyError, ValueError, SyntaxError, TypeError) as error:
        raise InputError(f"the exported model's metadata cannot be read: {error!r}.") from error
    return {
        "preprocess": {"input_height": height, "input_width": width, "pad_stride": stride},
        **head_protocol(head, one_to_one=metadata.get("end2end") == "True"),
    }


def head_protocol(head: Head, *, one_to_one: bool = False) -> dict[str, dict[str, Any]]:
    """The protocol fields that follow from the layout of a head.

    Args:
        head: Of the network.
        one_to_one: It was trained to give each person once, so that nothing is suppressed.
    """
    nms = "none" if one_to_one else "box-iou" if head.decoder == "yolo-pose" else "in-graph"
    keypoint_score = "visibility" if head.keypoint_dims == 3 else "constant"
    return {"postprocess": {"nms": nms, "keypoint_score": keypoint_score}}


def check_nms(head: Head, postprocess: Postprocess) -> None:
    """Refuse a protocol that says of NMS what is not so.

    Raises:
        InputError: NMS is asked of a graph without it, or a second time after one that has it.
    """
    if head.decoder == "yolo-pose" and postprocess.nms == "in-graph":
        raise InputError(
            "postprocess.nms=in-graph, but the network gives every anchor.",
            remedy="Set postprocess.nms=box-iou.",
        )
    if head.decoder == "yolo-pose-nms" and postprocess.nms == "box-iou":
        raise InputError(
            "postprocess.nms=box-iou, but the network selects people itself.",
            remedy="Set postprocess.nms=in-graph, or none for a head trained one-to-one.",
        )


class YoloPoseModel(StagedModel):
    """A YOLO pose network in any runtime.

    Args:
        session: The network.
        head: Layout of its first output.
        protocol: Of the run.
        artifacts: The files it runs from.
        cost: Parameters and GFLOPs.

    Raises:
        InputError: The network's input or output does not fit the protocol or the head.
    """

    def __init__(
        self,
        session: Session,
        head: Head,
        protocol: EvalProtocol,
        *,
        artifacts: Sequence[Artifact],
        cost: ModelCost,
    ) -> None:
        super().__init__(session, protocol, artifacts=artifacts, cost=cost)
        check_nms(head, protocol.postprocess)
        self._head = head
        self._output = session.outputs[0].name
        _check_output(session.outputs[0].shape, head)

    @property
    def num_keypoints(self) -> int:
        """K of the loaded weights."""
        return self._head.num_keypoints

    def decode(self, outputs: Mapping[str, Tensor], geometry: Geometry) -> Prediction:
        """Select people and map them back to the original picture."""
        output = np.asarray(outputs[self._output][0], np.float32)
        if self._head.decoder == "yolo-pose":
            rows = select_people(output, self._head.num_classes, self._protocol.postprocess)
        else:
            rows = output[output[:, 4] >= np.float32(self._protocol.postprocess.score_threshold)]
            rows = rows[: self._protocol.postprocess.max_detections]
        return rows_to_prediction(rows, self._head, geometry, self._protocol.postprocess)


def select_people(output: Float32Array, num_classes: int, postprocess: Postprocess) -> Float32Array:
    """Threshold and suppress the anchors of a raw head.

    Args:
        output: (4 + C + E, N) in network pixels, E extra numbers an anchor.
        num_classes: C. An anchor counts for its best class only.
        postprocess: Thresholds.

    Returns:
        (M, 6 + E): x1, y1, x2, y2, score, class, extra; best first.
    """
    probabilities = output[4 : 4 + num_classes]
    candidates = np.flatnonzero(
        probabilities.max(axis=0) >= np.float32(postprocess.score_threshold)
    )
    anchors = output[:, candidates].T
    probabilities = anchors[:, 4 : 4 + num_classes]
    class_ids = probabilities.argmax(axis=1)
    scores = probabilities.max(axis=1)
    half = anchors[:, 2:4] / 2
    boxes = np.concatenate([anchors[:, :2] - half, anchors[:, :2] + half], axis=1)
    keep = _keep(boxes, scores, class_ids, postprocess)
    columns = [boxes, scores[:, None], class_ids[:, None], anchors[:, 4 + num_classes :]]
    return np.concatenate([column[keep] for column in columns], axis=1, dtype=np.float32)


def _keep(
    boxes: Float32Array, scores: Float32Array, class_ids: IntArray, postprocess: Postprocess
) -> IntArray:
    if postprocess.nms == "none":
        return np.argsort(-scores, kind="stable")[: postprocess.max_detections]
    return nms(
        boxes,
        scores,
        postprocess.nms_threshold,
        class_ids=class_ids,
        max_candidates=postprocess.max_candidates,
        max_detections=postprocess.max_detections,
    )


def rows_to_prediction(
    rows: Float32Array, head: Head, geometry: Geometry, postprocess: Postprocess
) -> Prediction:
    """Selected people in network pixels to a prediction in original pixels.

    Args:
        rows: (M, 6 + K·D): x1, y1, x2, y2, score, class, keypoints.
        head: K, D and C.
        geometry: Where the picture lies in the network's input.
        postprocess: Clipping, and what a keypoint score means.
    """
    count = len(rows)
    keypoints = rows[:, 6:].reshape(count, head.num_keypoints, head.keypoint_dims)
    corners = rows[:, :4].reshape(count, 2, 2)
    if head.keypoint_dims == 3 and postprocess.keypoint_score == "visibility":
        keypoint_scores = keypoints[..., 2].copy()
    else:
        keypoint_scores = np.ones((count, head.num_keypoints), np.float32)
    scores = rows[:, 4].copy()
    boxes = to_source(corners, geometry, clip=postprocess.clip_boxes).reshape(count, 4)
    return Prediction(
        keypoints=to_source(keypoints[..., :2], geometry, clip=postprocess.clip_keypoints),
        keypoint_scores=keypoint_scores,
        box_scores=scores,
        scores=scores,
        boxes=boxes,
        class_ids=rows[:, 5].astype(np.int64) if head.num_classes > 1 else None,
    )


def _check_output(shape: tuple[int | None, ...], head: Head) -> None:
    axis = 1 if head.decoder == "yolo-pose" else 2
    if len(shape) == 3 and shape[axis] in (None, head.columns):
        return
    raise InputError(
        f"the network's output is {shape}; {head.decoder} with {head.num_keypoints} keypoints of "
        f"{head.keypoint_dims} numbers and {head.num_classes} classes has {head.columns} on axis "
        f"{axis}.",
        remedy="Correct the keypoints, keypoint_dims, classes or decoder it was described with.",
    )
