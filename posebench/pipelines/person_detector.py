"""What all person detectors share: candidates in, people without keypoints out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from posebench.config import EvalProtocol
from posebench.errors import InputError
from posebench.pipelines.letterbox import Geometry
from posebench.pipelines.staged import StagedModel
from posebench.pipelines.yolo_pose import Head, check_nms, rows_to_prediction, select_people
from posebench.protocols import Session
from posebench.types import Artifact, Float32Array, ModelCost, Prediction, Tensor

STRIDES = (8, 16, 32)
"""Pixels between the cells of the three grids on which YOLOX and RTMDet predict."""

_NO_KEYPOINTS = Head("yolo-pose", 0)


class DetectorModel(StagedModel):
    """A network that finds people and no keypoints; a subclass says how its output is read.

    Args:
        session: The network.
        protocol: Of the run.
        artifacts: The files it runs from.
        cost: Parameters and GFLOPs.

    Raises:
        InputError: The network or the protocol does not fit.
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
        check_nms(_NO_KEYPOINTS, protocol.postprocess)

    @property
    def num_keypoints(self) -> int:
        """None at all."""
        return 0

    @abstractmethod
    def candidates(self, outputs: Mapping[str, Tensor], geometry: Geometry) -> Float32Array:
        """(5, A) centre x, centre y, width, height in network pixels, and score, in any order."""

    def decode(self, outputs: Mapping[str, Tensor], geometry: Geometry) -> Prediction:
        """Threshold and suppress the candidates, and map them back to the original picture."""
        post = self._protocol.postprocess
        rows = select_people(self.candidates(outputs, geometry), 1, post)
        return _with_area(rows_to_prediction(rows, _NO_KEYPOINTS, geometry, post))


@lru_cache(maxsize=8)
def grid(height: int, width: int) -> tuple[Float32Array, Float32Array]:
    """The cells of all grids over an input of ``height`` x ``width`` px, row by row.

    Returns:
        (N, 2) column and row of each cell, and (N, 1) its side in pixels.
    """
    cells, sides = [], []
    for stride in STRIDES:
        rows, columns = np.mgrid[: height // stride, : width // stride]
        cells.append(np.stack([columns, rows], axis=-1).reshape(-1, 2))
        sides.append(np.full((rows.size, 1), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(sides).astype(np.float32)


def check_grid(found: int | None, protocol: EvalProtocol) -> None:
    """Refuse a network whose output is not one row a cell.

    Args:
        found: Rows of its output; None where the graph leaves them open.
        protocol: Says what the input is.

    Raises:
        InputError: The input is no multiple of the largest cell, or the rows do not agree with it.
    """
    height, width = protocol.preprocess.input_height, protocol.preprocess.input_width
    if height % STRIDES[-1] or width % STRIDES[-1]:
        raise InputError(
            f"the network's input must be a multiple of {STRIDES[-1]} px, the protocol makes "
            f"{width} x {height} px.",
            remedy="Correct preprocess.input_height and preprocess.input_width.",
        )
    expected = len(grid(height, width)[0])
    if found not in (None, expected):
        raise InputError(
            f"the network's output has {found} rows; on {width} x {height} px with cells of "
            f"{STRIDES} px there would be {expected}.",
            remedy="Give a network of this family with strides 8, 16 and 32.",
        )


def _with_area(found: Prediction) -> Prediction:
    """Without boxes of which nothing lies in the picture: there is nothing to look into."""
    boxes = found.boxes
    assert boxes is not None
    kept = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    return replace(
        found,
        keypoints=found.keypoints[kept],
        keypoint_scores=found.keypoint_scores[kept],
        box_scores=found.box_scores[kept],
        scores=found.scores[kept],
        boxes=boxes[kept],
    )
