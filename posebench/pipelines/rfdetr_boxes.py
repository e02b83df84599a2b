"""The output of the rfdetr package's detection networks, read into people.

Two outputs by name, one row a query: ``dets`` (1, Q, 4) centre x, centre y, width, height as shares
of the network's input, and ``labels`` (1, Q, 91) logits of COCO's category ids 0..90.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from posebench.config import EvalProtocol
from posebench.errors import InputError
from posebench.pipelines.letterbox import Geometry
from posebench.pipelines.person_detector import DetectorModel
from posebench.pipelines.rfdetr_keypoints import best_queries, sigmoid
from posebench.pipelines.staged import refuse_suppression
from posebench.protocols import Session
from posebench.types import Artifact, Float32Array, ModelCost, Tensor

PERSON = 1
COCO_LABELS = 91


class RFDETRDetectorModel(DetectorModel):
    """The rfdetr package's detection network in any runtime.

    Args:
        session: The network.
        protocol: Of the run.
        artifacts: The files it runs from.
        cost: Parameters and GFLOPs.

    Raises:
        InputError: The network's input or outputs do not fit the protocol or COCO's categories.
    """

    def __init__(
        self,
        session: Session,
        protocol: EvalProtocol,
        *,
        artifacts: Sequence[Artifact],
        cost: ModelCost,
    ) -> None:
        super().__init__(session, protocol, artifacts=artifacts, cost=cost)
        refuse_suppression(protocol)
        _check_outputs({spec.name: spec.shape for spec in session.outputs})

    def candidates(self, outputs: Mapping[str, Tensor], geometry: Geometry) -> Float32Array:
        """(5, A) boxes and scores of the people among the best pairs of a query and a class."""
        probabilities = sigmoid(np.asarray(outputs["labels"][0], np.float32))
        query = best_queries(probabilities, PERSON, self._protocol.postprocess)
        side = np.array([geometry.width, geometry.height] * 2, np.float32)
        boxes = np.asarray(outputs["dets"][0], np.float32)[query] * side
        return np.concatenate([boxes.T, probabilities[None, query, PERSON]])


def _check_outputs(shapes: Mapping[str, tuple[int | None, ...]]) -> None:
    for name, last in {"dets": 4, "labels": COCO_LABELS}.items():
        shape = shapes.get(name, ())
        if len(shape) != 3 or shape[2] not in (None, last):
            raise InputError(
                f"the network's outputs are {dict(shapes)}; {name!r} of an RF-DETR detector of "
                f"COCO's categories is (1, queries, {last}).",
                remedy="Give a published checkpoint, or an export of one by posebench.",
            )
