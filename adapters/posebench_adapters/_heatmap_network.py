"""Opening an exported heat-map network that says of itself what its maps are."""

from __future__ import annotations

from pathlib import Path

from posebench.config import EvalProtocol
from posebench.errors import InputError
from posebench.pipelines.heatmap_head import head_from_metadata
from posebench.pipelines.network_cost import onnx_cost
from posebench.pipelines.top_down import TopDownModel
from posebench.protocols import OpenSession, PoseModel
from posebench.types import Artifact


def open_heatmap_network(
    path: Path,
    protocol: EvalProtocol,
    open_session: OpenSession,
    artifacts: list[Artifact],
    counted: Path | None = None,
) -> PoseModel:
    """A top-down model of one exported file.

    Args:
        path: The file that is run.
        protocol: Of the run.
        open_session: The runtime.
        artifacts: Every file that the model was made of.
        counted: The ``.onnx`` file of the same network, if ``path`` is of another format.

    Raises:
        InputError: The file does not say what its heat maps are, or does not fit the protocol.
    """
    session = open_session(path)
    head = head_from_metadata(session.metadata)
    if head is None:
        raise InputError(
            f"{path.name}: does not say what its heat maps are.",
            remedy="Give the checkpoint; posebench exports it.",
        )
    pre = protocol.preprocess
    cost = onnx_cost(counted or path, (1, 3, pre.input_height, pre.input_width))
    return TopDownModel(session, head, protocol, artifacts=artifacts, cost=cost)
