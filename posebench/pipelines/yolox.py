"""The output of YOLOX, read into people.

One output, (1, N, 5 + C), one row a cell of three grids: offset x and y of the centre from the
cell in cells, logarithms of width and height in cells, objectness and C class probabilities (Ge et
al., YOLOX, 2021, arXiv:2107.08430). The score of a box is objectness x probability of its class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from posebench.config import EvalProtocol
from posebench.errors import InputError
from posebench.pipelines.letterbox import Geometry
from posebench.pipelines.person_detector import DetectorModel, check_grid, grid
from posebench.protocols import Session
from posebench.types import Artifact, Float32Array, ModelCost, Tensor

PERSON = 0
_BEFORE_CLASSES = 5


class YoloxModel(DetectorModel):
    """A YOLOX network, exported without the decoding of its grids, in any runtime.

    Args:
        session: The network.
        protocol: Of the run.
        artifacts: The files it runs from.
        cost: Parameters and GFLOPs.

    Raises:
        InputError: The network's input or output does not fit the protocol or YOLOX.
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
        self._output = session.outputs[0].name
        _check_output(session.outputs[0].shape, protocol)

    def candidates(self, outputs: Mapping[str, Tensor], geometry: Geometry) -> Float32Array:
        """(5, A) boxes and scores of the cells that see a person rather than anything else."""
        cells, sides = grid(geometry.height, geometry.width)
        output = np.asarray(outputs[self._output][0], np.float32)
        people = np.flatnonzero(output[:, _BEFORE_CLASSES:].argmax(axis=1) == PERSON)
        rows, side = output[people], sides[people]
        centres = (rows[:, :2] + cells[people]) * side
        scores = rows[:, 4] * rows[:, _BEFORE_CLASSES + PERSON]
        sizes = np.exp(rows[:, 2:4]) * side
        return np.concatenate([centres.T, sizes.T, scores[None]])


def _check_output(shape: tuple[int | None, ...], protocol: EvalProtocol) -> None:
    if len(shape) != 3 or (shape[2] is not None and shape[2] <= _BEFORE_CLASSES):
        raise InputError(
            f"the network's output is {shape}; that of YOLOX is (1, cells, 5 + classes).",
            remedy="Give one of the published .onnx files, or export it without decoding and NMS.",
        )
    check_grid(shape[1], protocol)
