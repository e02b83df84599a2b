"""RTMO as one graph that suppresses boxes and decodes keypoints itself, as mmdeploy exports it.

Two outputs in pixels of the input: ``dets`` (1, N, 5) x1, y1, x2, y2, score, and ``keypoints``
(1, N, K, 3) x, y, visibility 0..1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from posebench.config import EvalProtocol
from posebench.errors import InputError
from posebench.pipelines.letterbox import Geometry
from posebench.pipelines.rtmo import check_shapes, people
from posebench.pipelines.staged import StagedModel
from posebench.protocols import Session
from posebench.types import Artifact, ModelCost, Prediction, Tensor

SELECTED_NOTE = (
    "The graph suppresses boxes and decodes keypoints itself, by thresholds of its exporter's."
)


@dataclass(frozen=True)
class RtmoSelectedHead:
    """What the outputs hold: K keypoints."""

    num_keypoints: int


def selected_protocol() -> dict[str, dict[str, Any]]:
    """What rtmlib feeds such files, but for the resize's rounding: top left, BGR, 0..255.

    rtmlib's threshold of .7 is not taken over: it would hide people from AP.
    """
    return {
        "preprocess": {"pad_position": "top-left", "color": "bgr", "scale": 1.0},
        "postprocess": {"nms": "in-graph", "keypoint_score": "visibility"},
    }


class RtmoSelectedModel(StagedModel):
    """RTMO as one graph that selects people itself.

    Args:
        session: The network.
        head: K.
        protocol: Of the run.
        artifacts: The files it runs from.
        cost: Parameters and GFLOPs.

    Raises:
        InputError: The network's outputs do not fit the protocol or K.
    """

    def __init__(
        self,
        session: Session,
        head: RtmoSelectedHead,
        protocol: EvalProtocol,
        *,
        artifacts: Sequence[Artifact],
        cost: ModelCost,
    ) -> None:
        super().__init__(session, protocol, artifacts=artifacts, cost=cost)
        if protocol.postprocess.nms != "in-graph":
            raise InputError(
                f"postprocess.nms={protocol.postprocess.nms}, but the network selects people "
                "itself.",
                remedy="Set postprocess.nms=in-graph.",
            )
        ends = {"dets": (5,), "keypoints": (head.num_keypoints, 3)}
        check_shapes(session, {n: (None, None, *end) for n, end in ends.items()}, outputs=True)
        self._head = head

    @property
    def num_keypoints(self) -> int:
        """K of the loaded weights."""
        return self._head.num_keypoints

    def decode(self, outputs: Mapping[str, Tensor], geometry: Geometry) -> Prediction:
        """The people that reach the threshold, best first, in the original picture."""
        post = self._protocol.postprocess
        rows = np.asarray(outputs["dets"][0], np.float32)
        keypoints = np.asarray(outputs["keypoints"][0], np.float32)
        order = np.argsort(-rows[:, 4], kind="stable")[: post.max_detections]
        ranked = rows[order, 4]
        # Rows beyond the last person are filled up with zeros.
        kept = order[(ranked >= np.float32(post.score_threshold)) & (ranked > 0)]
        scores, boxes, poses = rows[kept, 4], rows[kept, :4], keypoints[kept]
        return people(scores, boxes, poses[..., :2], poses[..., 2], geometry, post)
