"""The output of RTMDet, read into people.

Two outputs by name, one row a cell of three grids: ``scores`` (1, N, C) class probabilities, the
first class being people, and ``distances`` (1, N, 4) from the cell's upper left corner to the left,
top, right and bottom of the box, in network pixels (Lyu et al., RTMDet, 2022, arXiv:2212.07784).
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
OUTPUTS = ("scores", "distances")


class RTMDetModel(DetectorModel):
    """An RTMDet network, exported without the decoding of its grids, in any runtime.

    Args:
        session: The network.
        protocol: Of the run.
        artifacts: The files it runs from.
        cost: Parameters and GFLOPs.

    Raises:
        InputError: The network's input or outputs do not fit the protocol or RTMDet.
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
        _check_outputs({spec.name: spec.shape for spec in session.outputs}, protocol)

    def candidates(self, outputs: Mapping[str, Tensor], geometry: Geometry) -> Float32Array:
        """(5, A) boxes and scores; as in mmdet, what leaves no area in the input is none."""
        cells, sides = grid(geometry.height, geometry.width)
        scores, distances = (np.asarray(outputs[name][0], np.float32) for name in OUTPUTS)
        corner = cells * sides
        limit = np.array([geometry.width, geometry.height], np.float32)
        low = np.clip(corner - distances[:, :2], 0, limit)
        high = np.clip(corner + distances[:, 2:], 0, limit)
        kept = (high > low).all(axis=1)
        low, high = low[kept], high[kept]
        centres, sizes = (low + high) / 2, high - low
        return np.concatenate([centres.T, sizes.T, scores[None, kept, PERSON]])


def _check_outputs(shapes: Mapping[str, tuple[int | None, ...]], protocol: EvalProtocol) -> None:
    found = [shapes.get(name, ()) for name in OUTPUTS]
    if any(len(shape) != 3 for shape in found) or found[1][2] not in (None, 4):
        raise InputError(
            f"the network's outputs are {dict(shapes)}; those of RTMDet are scores (1, cells, "
            "classes) and distances (1, cells, 4).",
            remedy="Give the checkpoint; posebench exports it.",
        )
    for shape in found:
        check_grid(shape[1], protocol)
