"""In which precision an engine really computes, as TensorRT's inspector reports it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Literal

from posebench.errors import InputError

MIN_HALF_SHARE = 0.5
"""Of an FP16 engine's floating-point values.

An engine that fell back to FP32 unnoticed has 0; a converted network keeps its coordinates, few
values, in FP32 and lies far above.
"""
_KINDS = {"HALF": "half", "FLOAT": "float"}
_Sized = tuple[str, int]
"""``half``, ``float`` or ``other``, and the number of elements."""


@dataclass(frozen=True)
class HalfShare:
    """How much of what is computed is FP16.

    Attributes:
        value: Share of the floating-point values, each tensor counted by its elements.
        source: Whose layers were counted: those of the engine, or those of the network that it was
            built from, whose types TensorRT must keep.
    """

    value: float
    source: Literal["engine", "network"]

    def __str__(self) -> str:
        return f"{self.value:.0%} FP16 in the {self.source}"


def network_half_share(trt: Any, network: Any) -> float | None:
    """Share of FP16 among the floating-point values that the layers of a network put out.

    Constants and what the network itself gives do not count. A side that is not known counts as 1.

    Args:
        trt: The module.
        network: A strongly typed ``INetworkDefinition``.

    Returns:
        The share; None if there are no such values.
    """
    layers = (network.get_layer(index) for index in range(network.num_layers))
    return _share(
        (_KINDS.get(tensor.dtype.name, "other"), _volume(tensor))
        for layer in layers
        if layer.type != trt.LayerType.CONSTANT
        for tensor in (layer.get_output(index) for index in range(layer.num_outputs))
        if not tensor.is_network_output
    )


def half_share(information: str, network_share: float | None, kept: Path) -> HalfShare:
    """Share of FP16 among the floating-point values that the layers of an engine put out.

    What the network itself takes and gives does not count, because a graph in FP16 keeps FP32
    there. An engine that is one fused layer has nothing else; then the network's share is taken.

    Args:
        information: JSON of ``EngineInspector.get_engine_information``, built with DETAILED
            verbosity.
        network_share: As :func:`network_half_share` counted it.
        kept: Where the JSON can be looked at, for the message.

    Raises:
        InputError: It cannot be read, or has no layer with the types of its outputs.
    """
    try:
        inner, ends = _sizes(information)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"what TensorRT says of its engine's layers cannot be read ({error!r}), so FP16 cannot "
            "be verified.",
            remedy=f"Use --precision fp32, or another version of TensorRT. It is kept in {kept}.",
        ) from error
    share = _share(inner)
    if share is not None:
        return HalfShare(share, "engine")
    if _share(ends) is not None and network_share is not None:
        return HalfShare(network_share, "network")
    raise InputError(
        "the engine does not say in which precision its layers compute, so FP16 cannot be "
        "verified.",
        remedy="Use --precision fp32, or another version of TensorRT. What it says is kept in "
        f"{kept}.",
    )


def check_half_share(share: HalfShare, name: str) -> None:
    """Refuse an engine that was to be FP16 and is not.

    Raises:
        InputError: The share is below :data:`MIN_HALF_SHARE`.
    """
    if share.value >= MIN_HALF_SHARE:
        return
    whose = "its TensorRT engine" if share.source == "engine" else "the network as TensorRT read it"
    raise InputError(
        f"{name}: FP16 was asked for, but only {share.value:.0%} of the values that {whose} "
        f"computes are FP16 (at least {MIN_HALF_SHARE:.0%} are needed). TensorRT takes the types "
        "from the graph and falls back to FP32 without a word, which is several times slower.",
        remedy="Give a graph in FP16, or use --precision fp32.",
    )


def _share(sizes: Iterable[_Sized]) -> float | None:
    """Of ``half`` among ``half`` and ``float``; None if there is neither."""
    counted = {"half": 0, "float": 0, "other": 0}
    for kind, size in sizes:
        counted[kind] += size
    floating = counted["half"] + counted["float"]
    return counted["half"] / floating if floating else None


def _volume(tensor: Any) -> int:
    try:
        return _elements(tensor.shape)
    except ValueError:  # TensorRT's answer where not even the number of sides is known
        return 1


def _elements(sides: Iterable[int]) -> int:
    return prod(abs(side) for side in sides)


def _sizes(information: str) -> tuple[list[_Sized], list[_Sized]]:
    """Of the tensors inside an engine, and of those at its ends."""
    # TensorRT writes names as they are, with the line breaks that are in them.
    document = json.loads(information, strict=False)
    names = set(_io_names(document))
    tensors = list(_outputs(document))
    inner = [_sized(tensor) for tensor in tensors if tensor.get("Name") not in names]
    return inner, [_sized(tensor) for tensor in tensors if tensor.get("Name") in names]


def _io_names(document: Mapping[str, Any]) -> Iterator[str]:
    """TensorRT 10 lists ``Bindings`` by name, 11 has ``I/O Tensors`` with more about each."""
    for entry in (*document.get("Bindings", ()), *document.get("I/O Tensors", ())):
        yield entry["Name"] if isinstance(entry, dict) else entry


def _outputs(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for layer in document.get("Layers", ()):
        # Without DETAILED verbosity a layer is its name alone.
        if isinstance(layer, dict):
            yield from layer.get("Outputs", ())


def _sized(tensor: Mapping[str, Any]) -> _Sized:
    """The type is one word (``Half``) or the end of a sentence (``Row major linear FP16 format``).

    Raises:
        TypeError: A side is no number.
    """
    text = str(tensor.get("Format/Datatype") or tensor.get("Datatype") or "").lower()
    kind = "other"
    if "half" in text or "fp16" in text:
        kind = "half"
    elif "fp32" in text or ("float" in text and "bfloat" not in text):
        kind = "float"
    return kind, _elements(tensor.get("Dimensions", ()))
