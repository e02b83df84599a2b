"""From a ``.pt2`` file to a network that can be called.

A ``.pt2`` file is an archive that ``torch.export.load`` may unpickle parts of, and load machine
code from, without a way to tell it not to. So only files are loaded that posebench exported itself
into its cache, or whose digest the user named as trusted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posebench.artifacts.exported import format_of, read_metadata
from posebench.cache import cache_dir, file_sha256
from posebench.checkpoints import is_trusted
from posebench.errors import InputError, WeightsError
from posebench.sessions.torch_half import to_half
from posebench.types import TensorSpec

OUTPUT_NAMES = "output_names"
"""Key of the metadata: a JSON list. torch itself names outputs after its operators."""
Forward = Callable[..., Any]


@dataclass(frozen=True)
class Network:
    """A network on its device.

    Attributes:
        forward: Takes the inputs in order, gives a tensor or a nest of them; FP32 both ways.
        inputs: What it takes.
        outputs: What it gives.
        metadata: That the exporter wrote.
    """

    forward: Forward
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    metadata: Mapping[str, str]


def load_network(path: Path, *, device: str, half: bool, compiled: bool) -> Network:
    """Load a file and prepare it; what is compiled is compiled when it is first called.

    Args:
        path: The ``.pt2`` file.
        device: ``cpu``, ``cuda`` or ``cuda:N``, which exists.
        half: Compute in FP16.
        compiled: With ``torch.compile``.

    Raises:
        InputError: It is no such file or is damaged, or cannot be computed in FP16.
        WeightsError: It is neither posebench's own nor trusted.
    """
    import torch

    metadata = _checked_metadata(path)
    program = _load_program(path)
    if device != "cpu":
        from torch.export.passes import move_to_device_pass

        program = move_to_device_pass(program, device)
    inputs, outputs = _specs(program, metadata, path)
    forward = program.module()
    if half:
        to_half(forward)
    if compiled:
        forward = torch.compile(forward, fullgraph=True)
    return Network(forward, inputs, outputs, metadata)


def _checked_metadata(path: Path) -> dict[str, str]:
    """What can be read without running anything of the file."""
    if path.is_dir() or format_of(path) != "pt2":
        raise InputError(
            f"{path}: has nothing that torch could run.",
            remedy="The torch runtime takes .pt2 files, which posebench makes of the checkpoints "
            "of rfdetr-pose and rdpose. Use --runtime onnxruntime or openvino for others.",
        )
    metadata = read_metadata(path)
    if not (_is_ours(path) or is_trusted(path)):
        raise WeightsError(
            f"{path}: a .pt2 file can run any code while it is loaded.",
            remedy=f"If you trust it, pass --trust-checkpoint sha256:{file_sha256(path)}",
        )
    return metadata


def _is_ours(path: Path) -> bool:
    return path.resolve().is_relative_to(cache_dir("exports").resolve())


def _load_program(path: Path) -> Any:
    import torch

    try:
        return torch.export.load(path)
    except Exception as error:  # a damaged file makes it raise anything
        raise InputError(f"{path}: torch cannot load it: {error}") from error


def _specs(
    program: Any, metadata: Mapping[str, str], path: Path
) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """What the network takes and gives."""
    signature = program.graph_signature
    values = {node.name: node.meta.get("val") for node in program.graph.nodes}
    found = [*signature.user_inputs, *signature.user_outputs]
    if program.call_spec.in_spec.child(1).num_children or not all(
        isinstance(name, str) and hasattr(values.get(name), "dtype") for name in found
    ):
        raise InputError(
            f"{path}: takes or gives something else than tensors, or takes them by name.",
            remedy="Export a module that takes its tensors in order.",
        )
    names = json.loads(metadata.get(OUTPUT_NAMES, "null")) or list(signature.user_outputs)
    if len(names) != len(signature.user_outputs):
        raise InputError(f"{path}: names {len(names)} outputs of {len(signature.user_outputs)}.")
    outputs = zip(names, signature.user_outputs, strict=True)
    return (
        tuple(_spec(name, values[name]) for name in signature.user_inputs),
        tuple(_spec(name, values[source]) for name, source in outputs),
    )


def _spec(name: str, value: Any) -> TensorSpec:
    shape: Sequence[Any] = value.shape
    sides = tuple(side if isinstance(side, int) else None for side in shape)
    return TensorSpec(name, sides, str(value.dtype).removeprefix("torch."))
