"""In what OpenVINO really computes: what a hint asks for is not what a CPU does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from posebench.errors import InputError

_COMPUTE = frozenset(
    "BinaryConvolution Convolution Deconvolution FullyConnected MatMul "
    "ScaledDotProductAttention".split()
)
"""Types of layers with most of the arithmetic, as the CPU plug-in calls them."""
_BYTES = ("i8", "u8")
_REDUCED = ("f16", "bf16")


def executed_precisions(compiled: Any) -> Mapping[str, int]:
    """How many convolutions and matrix products compute in which precision.

    Args:
        compiled: An ``openvino.CompiledModel`` on the CPU.

    Returns:
        OpenVINO's name of a precision (``f32``, ``f16``, ``bf16``, ``u8``, ``i8``) to the number of
        layers, the most frequent one first.
    """
    info = [op.get_rt_info() for op in compiled.get_runtime_model().get_ops()]
    found = Counter(_text(i["runtimePrecision"]) for i in info if _text(i["layerType"]) in _COMPUTE)
    return dict(found.most_common())


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value.astype(str))


def check_executed(executed: Mapping[str, int], precision: str, name: str) -> Mapping[str, int]:
    """Refuse a network that computes in another precision than was asked for.

    Args:
        executed: As ``executed_precisions`` counts it.
        precision: ``fp32``, ``fp16`` or ``int8``.
        name: Of the network, for the message.

    Returns:
        ``executed``.

    Raises:
        InputError: ``fp32``, and a layer computes in fewer bits of a fraction; ``fp16`` or
            ``int8``, and less than half of the layers do.
    """
    counted = ", ".join(f"{n} in {kind}" for kind, n in executed.items()) or "none at all"
    found = f"on this CPU OpenVINO computes its convolutions and matrix products: {counted}."
    if precision == "fp32" and any(kind in executed for kind in _REDUCED):
        raise InputError(f"{name}: fp32 was asked for, but {found}", remedy="Use another runtime.")
    if precision == "fp16" and not _most(executed, ("f16",)):
        raise InputError(
            f"{name}: fp16 was asked for, but {found}",
            remedy="Use --precision fp32, or a CPU with arithmetic in FP16 (Arm, or Intel's "
            "avx512_fp16 or amx_fp16).",
        )
    if precision == "int8" and not _most(executed, _BYTES):
        raise InputError(
            f"{name}: it is quantised, but {found}",
            remedy="Use the network before it was quantised, with --precision fp32.",
        )
    return executed


def _most(executed: Mapping[str, int], kinds: Sequence[str]) -> bool:
    return 0 < sum(executed.values()) <= 2 * sum(executed.get(kind, 0) for kind in kinds)
