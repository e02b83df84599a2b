"""A top-down model over one session: boxes → crops → heat maps → people.

The crop, the decoding, the flip test, the rescoring and the suppression are the protocol's; the
network gives heat maps and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from posebench.config import EvalProtocol, TopDown
from posebench.errors import InputError
from posebench.pipelines.crops import (
    Crops,
    crop_people,
    padded_areas,
    plan_crops,
    to_picture,
    usable,
)
from posebench.pipelines.flip_test import average_flipped, mirror
from posebench.pipelines.heatmaps import decode_heatmaps
from posebench.pipelines.oks_nms import oks_nms, soft_oks_nms
from posebench.pipelines.rescoring import rescore
from posebench.pipelines.staged import checked_input
from posebench.protocols import Session
from posebench.types import (
    Artifact,
    Float32Array,
    Image,
    IntArray,
    ModelCost,
    PersonBoxes,
    Prediction,
)

HEAD_KEY = "posebench.heatmaps"
"""Key of the ONNX metadata under which a network says what its heat maps are."""


@dataclass(frozen=True)
class HeatmapHead:
    """What the channels of the heat maps are.

    Attributes:
        skeleton: Name of the K keypoints' skeleton.
        num_keypoints: K.
        flip_pairs: Keypoints that change places in a mirror image.
        sigmas: K standard deviations of the OKS, by which people are suppressed.
        protocol: Protocol fields that the weights were trained for, by section.
    """

    skeleton: str
    num_keypoints: int
    flip_pairs: tuple[tuple[int, int], ...]
    sigmas: tuple[float, ...]
    protocol: Mapping[str, Mapping[str, Any]]

    def to_metadata(self) -> dict[str, str]:
        """As ONNX metadata."""
        return {HEAD_KEY: json.dumps(asdict(self), sort_keys=True)}


def head_from_metadata(metadata: Mapping[str, str]) -> HeatmapHead | None:
    """The head that a network's metadata describes, or None if there is none of it.

    Raises:
        InputError: It cannot be read.
    """
    if HEAD_KEY not in metadata:
        return None
    try:
        found = json.loads(metadata[HEAD_KEY])
        pairs = tuple((int(one), int(other)) for one, other in found["flip_pairs"])
        sigmas = tuple(map(float, found["sigmas"]))
        return HeatmapHead(
            str(found["skeleton"]), int(found["num_keypoints"]), pairs, sigmas, found["protocol"]
        )
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(f"the network's metadata cannot be read: {error!r}.") from error


@dataclass(frozen=True, eq=False)
class PreparedCrops:
    """The people of one picture, cut out.

    Attributes:
        given: All boxes of the picture.
        rows: (M,) int64, those of them that were cut out.
        crops: Where they lie.
        tensor: (M, 3, H, W) float32.
    """

    given: PersonBoxes
    rows: IntArray
    crops: Crops
    tensor: Float32Array


@dataclass(frozen=True, eq=False)
class RawHeatmaps:
    """The heat maps of the people of one picture, flip test included.

    Attributes:
        prepared: The people.
        heatmaps: (M, C, h, w) float32.
    """

    prepared: PreparedCrops
    heatmaps: Float32Array


class TopDownModel:
    """Crops of people through one session.

    ``preprocess`` and ``postprocess`` touch nothing that ``infer`` changes, so they may run in
    other threads.

    Args:
        session: The network. It is closed with the model.
        head: What its output is.
        protocol: Of the run.
        artifacts: The files that the session was opened from.
        cost: Parameters and GFLOPs of one crop.
        untrained: Why its accuracy would say nothing, or ``""``.

    Raises:
        InputError: The network, its head and the protocol do not fit each other.
    """

    def __init__(
        self,
        session: Session,
        head: HeatmapHead,
        protocol: EvalProtocol,
        *,
        artifacts: Sequence[Artifact],
        cost: ModelCost,
        untrained: str = "",
    ) -> None:
        self.untrained = untrained
        self._session = session
        self._head = head
        self._protocol = protocol
        self._top_down = required_top_down(protocol)
        self._artifacts = tuple(artifacts)
        self._cost = cost
        self._input = checked_input(session, protocol)
        self._output = session.outputs[0]
        _check_output(self._output.shape, head, self._top_down)

    @property
    def num_keypoints(self) -> int:
        """K of the loaded weights."""
        return self._head.num_keypoints

    def preprocess(
        self, images: Sequence[Image], boxes: Sequence[PersonBoxes] | None = None
    ) -> list[PreparedCrops]:
        """Cut people out.

        Raises:
            InputError: No boxes were given.
        """
        if boxes is None:
            raise InputError("a top-down model needs boxes.", remedy="Use --boxes.")
        return [self._prepare(image, given) for image, given in zip(images, boxes, strict=True)]

    def infer(self, prepared: list[PreparedCrops]) -> list[RawHeatmaps]:
        """Run the network on the people of each picture, mirrored too if the protocol says so."""
        return [RawHeatmaps(people, self._heatmaps(people.tensor)) for people in prepared]

    def postprocess(self, raw: list[RawHeatmaps]) -> list[Prediction]:
        """Read keypoints, score people and drop those found twice."""
        return [self._decode(people) for people in raw]

    def predict(
        self, images: Sequence[Image], boxes: Sequence[PersonBoxes] | None = None
    ) -> list[Prediction]:
        """The three stages in a row."""
        return self.postprocess(self.infer(self.preprocess(images, boxes)))

    def artifacts(self) -> Sequence[Artifact]:
        """The files it runs from."""
        return self._artifacts

    def cost(self) -> ModelCost:
        """Parameters and GFLOPs of the network, for one crop."""
        return self._cost

    def close(self) -> None:
        """Close the session."""
        self._session.close()

    def _prepare(self, image: Image, given: PersonBoxes) -> PreparedCrops:
        rows = boxes_to_look_into(given, self._top_down)
        crops = plan_crops(given.boxes[rows], self._protocol.preprocess, self._top_down)
        tensor = crop_people(image, crops, self._protocol.preprocess)
        return PreparedCrops(given, rows, crops, tensor)

    def _heatmaps(self, tensor: Float32Array) -> Float32Array:
        heatmaps = self._run(tensor)
        if not self._protocol.augmentation.flip_test or not len(tensor):
            return heatmaps
        flipped = self._run(mirror(tensor))
        return average_flipped(heatmaps, flipped, self._head.flip_pairs, self._top_down)

    def _run(self, tensor: Float32Array) -> Float32Array:
        if not len(tensor):
            return np.zeros((0, 1, 1, 1), np.float32)
        step = self._top_down.batch_size if self._input.shape[0] is None else 1
        starts = range(0, len(tensor), step)
        return np.concatenate([self._run_batch(tensor[i : i + step]) for i in starts])

    def _run_batch(self, tensor: Float32Array) -> Float32Array:
        converted = np.ascontiguousarray(tensor, dtype=self._input.dtype)
        binding = self._session.bind({self._input.name: converted})
        binding.run()
        return np.asarray(binding.outputs[self._output.name], np.float32)

    def _decode(self, raw: RawHeatmaps) -> Prediction:
        if not len(raw.heatmaps):
            return nobody(self.num_keypoints, raw.prepared.given)
        network, scores = decode_heatmaps(raw.heatmaps, self._protocol.preprocess, self._top_down)
        keypoints = to_picture(network, raw.prepared.crops)
        areas = padded_areas(raw.prepared.crops)
        return rank_people(
            keypoints,
            scores,
            areas,
            rows=raw.prepared.rows,
            given=raw.prepared.given,
            sigmas=self._head.sigmas,
            protocol=self._protocol,
        )


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
    return protocol.top_down or TopDown()


def boxes_to_look_into(given: PersonBoxes, top_down: TopDown) -> IntArray:
    """Rows of the boxes that have an area and are scored high enough."""
    wanted = given.scores >= np.float32(top_down.box_score_threshold)
    return np.flatnonzero(wanted & usable(given.boxes))


def nobody(num_keypoints: int, given: PersonBoxes) -> Prediction:
    """A picture in whose boxes nobody was looked for."""
    none = np.zeros(0, np.float32)
    return Prediction(
        keypoints=np.zeros((0, num_keypoints, 2), np.float32),
        keypoint_scores=np.zeros((0, num_keypoints), np.float32),
        box_scores=none,
        scores=none,
        boxes=np.zeros((0, 4), np.float32),
        source_boxes=np.zeros(0, np.int64),
        input_boxes=given,
    )


def rank_people(
    keypoints: Float32Array,
    keypoint_scores: Float32Array,
    areas: Float32Array,
    *,
    rows: IntArray,
    given: PersonBoxes,
    sigmas: Sequence[float],
    protocol: EvalProtocol,
) -> Prediction:
    """Score the people of one picture by the protocol and suppress those found twice.

    Args:
        keypoints: (M, K, 2) px of the original picture.
        keypoint_scores: (M, K).
        areas: (M,) px² of the padded boxes, by which the OKS between two people is scaled.
        rows: (M,) which of the given boxes each person was found in.
        given: All boxes of the picture.
        sigmas: K.
        protocol: Of the run.
    """
    post = protocol.postprocess
    box_scores = given.scores[rows]
    threshold = required_top_down(protocol).keypoint_score_threshold
    scores = rescore(box_scores, keypoint_scores, post.score_mode, threshold)
    if post.nms == "oks-soft":
        # As mmpose: lowered scores choose who stays, the figures rank by the scores as they were.
        order, _ = soft_oks_nms(
            keypoints, scores, areas, sigmas, post.nms_threshold, post.max_detections
        )
    elif post.nms == "oks":
        order = oks_nms(keypoints, scores, areas, sigmas, post.nms_threshold)
    else:
        order = np.argsort(-scores, kind="stable")
    order = order[: post.max_detections]
    return Prediction(
        keypoints=keypoints[order],
        keypoint_scores=keypoint_scores[order],
        box_scores=box_scores[order],
        scores=scores[order],
        boxes=given.boxes[rows[order]],
        source_boxes=rows[order],
        input_boxes=given,
    )


def _check_output(shape: Sequence[int | None], head: HeatmapHead, top_down: TopDown) -> None:
    channels = head.num_keypoints * (3 if top_down.decode == "udp-offset" else 1)
    if len(shape) != 4 or shape[1] not in (None, channels):
        raise InputError(
            f"the network gives {tuple(shape)}, (B, {channels}, h, w) heat maps are needed for "
            f"{head.num_keypoints} keypoints and top_down.decode={top_down.decode}."
        )
