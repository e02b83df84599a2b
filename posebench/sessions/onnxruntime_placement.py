"""On which of ONNX Runtime's providers the nodes of a network really lie.

A session of CUDA has the CPU beside it, which takes whatever nodes CUDA has not, without a word.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from posebench.artifacts.half_nodes import HEAVY
from posebench.errors import InputError

RECORDED = "session.record_ep_graph_assignment_info"
"""The setting of a session that is to be asked afterwards; older versions know neither."""
_HEAVY = HEAVY | {"ConvInteger", "MatMulInteger", "QLinearConv", "QLinearMatMul"}


def check_placement(session: Any, provider: str, name: str) -> str:
    """Refuse a network whose arithmetic runs elsewhere than was asked for.

    Args:
        session: An ``onnxruntime.InferenceSession`` that was opened with :data:`RECORDED` set.
        provider: That was asked for.
        name: Of the network, for the message.

    Returns:
        A remark for the Record if this ONNX Runtime does not tell; else nothing.

    Raises:
        InputError: Convolutions, matrix products or their like lie on another provider.
    """
    if not hasattr(session, "get_provider_graph_assignment_info"):
        return " (placement of nodes not known)"
    elsewhere = Counter(
        (node.op_type, part.ep_name)
        for part in session.get_provider_graph_assignment_info()
        for node in part.get_nodes()
        if part.ep_name != provider and node.op_type in _HEAVY
    )
    if elsewhere:
        found = ", ".join(f"{n} {kind} on {where}" for (kind, where), n in elsewhere.most_common())
        raise InputError(
            f"{name}: {provider} was asked for, but ONNX Runtime placed {found}.",
            remedy="Use --runtime tensorrt, or export the network with operators that the provider "
            "has.",
        )
    return ""
