"""RTMO (Lu et al., CVPR 2024), whose keypoints are decoded for the people that are kept only.

Two graphs. The network gives, for each of N places of its grids, ``scores`` (1, N), ``boxes``
(1, N, 4) x1, y1, x2, y2 in pixels of its input, ``visibilities`` (1, N, K) and ``pose_vectors``
(1, N, C). Boxes are suppressed here. The decoder, the paper's dynamic coordinate classifier, takes
``pose_vectors`` (M, C), ``boxes`` (M, 4) and ``indices`` (M,) of the M that are left and gives
``keypoints`` (M, K, 2).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from posebench.config import EvalProtocol, Postprocess
from posebench.errors import InputError
from posebench.pipelines.letterbox import Geometry, to_source
from posebench.pipelines.nms import nms
from posebench.pipelines.staged import StagedModel
from posebench.protocols import Session
from posebench.types import Artifact, Float32Array, IntArray, ModelCost, Prediction, Tensor

METADATA_KEY = "posebench.rtmo"
"""Where an exported graph says which of the two it is."""

Stage = Literal["network", "decoder"]
_OUTPUTS = {"scores": 2, "boxes": 3, "visibilities": 3, "pose_vectors": 3}
_DECODER_INPUTS = ("pose_vectors", "boxes", "indices")


@dataclass(frozen=True)
class RtmoGraph:
    """What one of the two graphs says of itself.

    Attributes:
        stage: Which of the two it is.
        num_keypoints: K.
    """

    stage: Stage
    num_keypoints: int

    def to_metadata(self) -> dict[str, str]:
        """What ``graph_from_metadata`` reads."""
        document = {"stage": self.stage, "num_keypoints": self.num_keypoints}
        return {METADATA_KEY: json.dumps(document)}


def graph_from_metadata(metadata: Mapping[str, str]) -> RtmoGraph | None:
    """The description of an exported graph, or None if there is none.

    Raises:
        InputError: It cannot be read.
    """
    if METADATA_KEY not in metadata:
        return None
    try:
        document = json.loads(metadata[METADATA_KEY])
        graph = RtmoGraph(document["stage"], int(document["num_keypoints"]))
        if graph.stage not in ("network", "decoder") or graph.num_keypoints < 1:
            raise ValueError(graph)
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(f"the exported {METADATA_KEY} cannot be read: {error!r}.") from error
    return graph


class RtmoModel(StagedModel):
    """RTMO in any runtime, as two graphs. Decoding the keypoints is part of ``postprocess``.

    Args:
        session: The network.
        decoder: The decoder. It is closed with the model.
        num_keypoints: K.
        protocol: Of the run.
        artifacts: The files it runs from.
        cost: Parameters and GFLOPs.

    Raises:
        InputError: The graphs do not fit each other or the protocol.
    """

    def __init__(
        self,
        session: Session,
        decoder: Session,
        num_keypoints: int,
        protocol: EvalProtocol,
        *,
        artifacts: Sequence[Artifact],
        cost: ModelCost,
    ) -> None:
        super().__init__(session, protocol, artifacts=artifacts, cost=cost)
        if protocol.postprocess.nms == "in-graph":
            raise InputError(
                "postprocess.nms=in-graph, but the network gives every place of its grids.",
                remedy="Set postprocess.nms=box-iou.",
            )
        _check_network(session, num_keypoints)
        _check_decoder(decoder, session)
        self._decoder = decoder
        self._types = {spec.name: spec.dtype for spec in decoder.inputs}
        self._num_keypoints = num_keypoints

    @property
    def num_keypoints(self) -> int:
        """K of the loaded weights."""
        return self._num_keypoints

    def decode(self, outputs: Mapping[str, Tensor], geometry: Geometry) -> Prediction:
        """Select people, decode their keypoints and map them back to the original picture."""
        post = self._protocol.postprocess
        scores = np.asarray(outputs["scores"][0], np.float32)
        boxes = np.asarray(outputs["boxes"][0], np.float32)
        kept = select(scores, boxes, post)
        if len(kept) == 0:
            return Prediction.empty(self._num_keypoints)
        inputs = {
            "pose_vectors": outputs["pose_vectors"][0][kept],
            "boxes": boxes[kept],
            "indices": kept,
        }
        visibilities = np.asarray(outputs["visibilities"][0], np.float32)[kept]
        keypoints = self._keypoints(inputs)
        return people(scores[kept], boxes[kept], keypoints, visibilities, geometry, post)

    def close(self) -> None:
        """Close both sessions."""
        super().close()
        self._decoder.close()

    def _keypoints(self, inputs: Mapping[str, Tensor]) -> Float32Array:
        binding = self._decoder.bind(
            {name: value.astype(self._types[name], copy=False) for name, value in inputs.items()}
        )
        binding.run()
        return np.asarray(binding.outputs["keypoints"], np.float32)


def select(scores: Float32Array, boxes: Float32Array, postprocess: Postprocess) -> IntArray:
    """Indices of the people that are kept, best first.

    Args:
        scores: (N,) 0..1.
        boxes: (N, 4) x1, y1, x2, y2, not clipped.
        postprocess: Thresholds and limits.
    """
    candidates = np.flatnonzero(scores >= np.float32(postprocess.score_threshold))
    if postprocess.nms == "none":
        order = np.argsort(-scores[candidates], kind="stable")
        return np.asarray(candidates[order[: postprocess.max_detections]], np.int64)
    survivors = nms(
        boxes[candidates],
        scores[candidates],
        postprocess.nms_threshold,
        max_candidates=postprocess.max_candidates,
        max_detections=postprocess.max_detections,
    )
    return np.asarray(candidates[survivors], np.int64)


def people(
    scores: Float32Array,
    boxes: Float32Array,
    keypoints: Float32Array,
    visibilities: Float32Array,
    geometry: Geometry,
    postprocess: Postprocess,
) -> Prediction:
    """Selected people in network pixels to a prediction in original pixels.

    Args:
        scores: (M,) best first.
        boxes: (M, 4) x1, y1, x2, y2.
        keypoints: (M, K, 2).
        visibilities: (M, K) 0..1.
        geometry: Where the picture lies in the network's input.
        postprocess: Clipping.
    """
    corners = to_source(boxes.reshape(-1, 2, 2), geometry, clip=postprocess.clip_boxes)
    return Prediction(
        keypoints=to_source(keypoints, geometry, clip=postprocess.clip_keypoints),
        keypoint_scores=visibilities,
        box_scores=scores,
        scores=scores,
        boxes=corners.reshape(-1, 4),
    )


def _check_network(session: Session, num_keypoints: int) -> None:
    wanted: dict[str, tuple[int | None, ...]] = {n: (None,) * d for n, d in _OUTPUTS.items()}
    wanted["boxes"] = (None, None, 4)
    wanted["visibilities"] = (None, None, num_keypoints)
    check_shapes(session, wanted, outputs=True)


def _check_decoder(decoder: Session, network: Session) -> None:
    channels = next(spec.shape[2] for spec in network.outputs if spec.name == "pose_vectors")
    shapes = ((None, channels), (None, 4), (None,))
    check_shapes(decoder, dict(zip(_DECODER_INPUTS, shapes, strict=True)), outputs=False)
    check_shapes(decoder, {"keypoints": (None, None, 2)}, outputs=True)


def check_shapes(
    session: Session, wanted: Mapping[str, tuple[int | None, ...]], *, outputs: bool
) -> None:
    """Refuse a graph whose inputs or outputs have other names or sides.

    Args:
        session: The graph.
        wanted: Shapes by name; None fits any side.
        outputs: Look at its outputs, else at its inputs.

    Raises:
        InputError: One is missing or of another shape.
    """
    specs = session.outputs if outputs else session.inputs
    found = {spec.name: spec.shape for spec in specs}
    for name, shape in wanted.items():
        sides = found.get(name, ())
        fits = len(sides) == len(shape) and all(
            None in (a, b) or a == b for a, b in zip(sides, shape, strict=True)
        )
        if not fits:
            raise InputError(
                f"the graph's {'outputs' if outputs else 'inputs'} are {found}; RTMO's {name!r} "
                f"would be {shape} (None: any).",
                remedy="Correct what it was described with, or export it anew.",
            )
