"""The output of the rfdetr package's keypoint network, read into people.

Three outputs by name, one row a query, coordinates as shares of the network's input: ``dets``
(1, Q, 4) centre x, centre y, width, height; ``labels`` (1, Q, C) class logits; ``keypoints``
(1, Q, S·K, 8) with S slots of K keypoints, of which one is the person's. The 8 numbers are x, y,
the logits of "an annotator could find it" and of "it is visible", log l11, l21 and log l22 of the
Cholesky factor of the precision, and a part of the class logit that is in ``labels`` already.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from posebench.config import EvalProtocol, Postprocess
from posebench.errors import InputError
from posebench.pipelines.letterbox import Geometry, to_source
from posebench.pipelines.staged import StagedModel, refuse_suppression
from posebench.protocols import Session
from posebench.types import Artifact, Float32Array, IntArray, ModelCost, Prediction, Tensor

SCHEMA_KEY = "rfdetr_keypoints_per_class"
"""Where an exported network says how many keypoints each class slot has."""

_TRACE_ALPHA = 0.2
_TINY = 1e-12
_CHANNELS = 8


@dataclass(frozen=True)
class KeypointHead:
    """Which slot of the output is the person's: older checkpoints leave the first one empty.

    Attributes:
        keypoints_per_class: Keypoints of each class slot; exactly one slot has any.
    """

    keypoints_per_class: tuple[int, ...]

    @property
    def num_keypoints(self) -> int:
        """K."""
        return max(self.keypoints_per_class)

    @property
    def person(self) -> int:
        """Index of the slot, which is also the person's row of the class logits."""
        return self.keypoints_per_class.index(self.num_keypoints)


def keypoint_head(keypoints_per_class: Sequence[int]) -> KeypointHead:
    """The head of a schema such as ``[17]`` or ``[0, 17]``.

    Raises:
        InputError: It is not one class with keypoints.
    """
    if sum(count > 0 for count in keypoints_per_class) != 1:
        raise InputError(
            f"a network with one class of keypoints is needed, this has {keypoints_per_class}."
        )
    return KeypointHead(tuple(keypoints_per_class))


def head_from_metadata(metadata: Mapping[str, str]) -> KeypointHead | None:
    """The head that an exported network describes, or None if it does not.

    Raises:
        InputError: The description cannot be read.
    """
    if SCHEMA_KEY not in metadata:
        return None
    try:
        return keypoint_head([int(count) for count in json.loads(metadata[SCHEMA_KEY])])
    except (TypeError, ValueError) as error:
        raise InputError(f"the exported model's {SCHEMA_KEY} cannot be read: {error!r}.") from error


class RFDETRKeypointModel(StagedModel):
    """The rfdetr package's keypoint network in any runtime.

    Args:
        session: The network.
        head: Which slot is the person's.
        protocol: Of the run.
        artifacts: The files it runs from.
        cost: Parameters and GFLOPs.

    Raises:
        InputError: The network's input or outputs do not fit the protocol or the head.
    """

    score_modes = ("box", "uncertainty-fused")

    def __init__(
        self,
        session: Session,
        head: KeypointHead,
        protocol: EvalProtocol,
        *,
        artifacts: Sequence[Artifact],
        cost: ModelCost,
    ) -> None:
        super().__init__(session, protocol, artifacts=artifacts, cost=cost)
        refuse_suppression(protocol)
        _check_outputs({spec.name: spec.shape for spec in session.outputs}, head)
        self._head = head

    @property
    def num_keypoints(self) -> int:
        """K of the loaded weights."""
        return self._head.num_keypoints

    def decode(self, outputs: Mapping[str, Tensor], geometry: Geometry) -> Prediction:
        """The people among the best pairs of a query and a class, in original pixels."""
        post = self._protocol.postprocess
        probabilities = sigmoid(np.asarray(outputs["labels"][0], np.float32))
        query = best_queries(probabilities, self._head.person, post)
        start = self._head.person * self.num_keypoints
        slot = slice(start, start + self.num_keypoints)
        points = np.asarray(outputs["keypoints"][0], np.float32)[query, slot]
        box_scores = probabilities[query, self._head.person]
        fused = post.score_mode == "uncertainty-fused"
        scores = fuse(box_scores, points) if fused else box_scores
        order = np.argsort(-scores, kind="stable")
        boxes = _corners(np.asarray(outputs["dets"][0], np.float32)[query])
        side = np.array([geometry.width, geometry.height], np.float32)
        in_picture = to_source(points[..., :2] * side, geometry, clip=post.clip_keypoints)
        corners = to_source(boxes * side, geometry, clip=post.clip_boxes).reshape(-1, 4)
        return Prediction(
            keypoints=in_picture[order],
            keypoint_scores=sigmoid(points[..., 2])[order],
            box_scores=box_scores[order],
            scores=scores[order],
            boxes=corners[order],
        )


def best_queries(probabilities: Float32Array, person: int, post: Postprocess) -> IntArray:
    """Queries that are people, best class score first.

    All classes compete for the places, as in the package, whose predictions are then the same.

    Args:
        probabilities: (Q, C) of each query and class, 0..1.
        person: Index of the class of people.
        post: Says how many places there are and how sure a query must be.
    """
    best = np.argsort(-probabilities.reshape(-1), kind="stable")[: post.max_detections]
    query, label = np.divmod(best, probabilities.shape[1])
    people = query[label == person]
    kept = probabilities[people, person] >= np.float32(post.score_threshold)
    return np.asarray(people[kept], np.int64)


def fuse(scores: Float32Array, points: Float32Array) -> Float32Array:
    """Scores lowered where the network is unsure of the places: sigmoid(log s - 0.2 log t).

    t is the mean of the keypoints' variances (the trace of their covariance), each weighted by how
    likely it is to be found. All is done in logarithms: a sharp keypoint's variance underflows.

    Args:
        scores: (N,) class scores.
        points: (N, K, 8) as the network gives them.

    Returns:
        (N,) in 0..1.
    """
    log_l11, l21, log_l22 = (points[..., channel] for channel in (4, 5, 6))
    first, second = -2 * log_l11, -2 * log_l22
    mixed = 2 * np.log(np.maximum(np.abs(l21), _TINY)) + first + second
    log_trace = np.logaddexp(np.logaddexp(first, second), mixed)
    log_weight = np.log(np.maximum(sigmoid(points[..., 2]), _TINY))
    log_mean = np.logaddexp.reduce(log_trace + log_weight, axis=-1) - np.logaddexp.reduce(
        log_weight, axis=-1
    )
    log_scores = np.log(np.maximum(scores, np.finfo(np.float32).tiny))
    return sigmoid(log_scores - _TRACE_ALPHA * log_mean)


def sigmoid(logits: Float32Array) -> Float32Array:
    """Elementwise 1 / (1 + exp(-x)), without overflow."""
    return np.asarray(np.exp(-np.logaddexp(0, -logits)), np.float32)


def _corners(boxes: Float32Array) -> Float32Array:
    """(N, 4) centre and size to (N, 2, 2) top left and bottom right."""
    centre, half = boxes[:, :2], boxes[:, 2:] / 2
    return np.stack([centre - half, centre + half], axis=1)


def _check_outputs(shapes: Mapping[str, tuple[int | None, ...]], head: KeypointHead) -> None:
    places = len(head.keypoints_per_class) * head.num_keypoints
    expected = {"dets": (4,), "labels": (None,), "keypoints": (places, _CHANNELS)}
    for name, last in expected.items():
        found = shapes.get(name, ())[2:]
        if len(found) != len(last) or any(
            None not in (f, e) and f != e for f, e in zip(found, last, strict=True)
        ):
            raise InputError(
                f"the network's outputs are {dict(shapes)}; with the keypoints "
                f"{head.keypoints_per_class} a class {name!r} would end in {last}.",
                remedy="Export it again from its checkpoint.",
            )
