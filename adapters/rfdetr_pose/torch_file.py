"""From a torch module to a ``.pt2`` file that says what it is."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

METADATA = "metadata.json"
OUTPUT_NAMES = "output_names"
"""Key of the metadata: torch itself names outputs after its operators."""


def save_program(
    graph: nn.Module,
    path: Path,
    *,
    input_size: tuple[int, int],
    outputs: Sequence[str],
    dynamic_batch: bool,
    metadata: Mapping[str, str],
) -> None:
    """Export a module that takes pictures; the file appears whole or not at all.

    Args:
        graph: On the CPU, in evaluation mode; takes ``images`` (B, 3, H, W) float32.
        path: Of the file.
        input_size: (H, W).
        outputs: Names of what it returns.
        dynamic_batch: Let B be of any size instead of 1.
        metadata: How the file is to be read.

    Raises:
        OSError: The file cannot be written.
    """
    # A batch of one would be taken for a constant.
    example = torch.zeros(2 if dynamic_batch else 1, 3, *input_size)
    shapes = {"images": {0: torch.export.Dim("batch", min=1)}} if dynamic_batch else None
    with torch.no_grad():
        program = torch.export.export(graph, (example,), dynamic_shapes=shapes)
    said = {**metadata, OUTPUT_NAMES: json.dumps(list(outputs))}
    archive = io.BytesIO()  # a file's name would become part of its bytes
    torch.export.save(program, archive, extra_files={METADATA: json.dumps(said)})
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.partial")
    temporary.write_bytes(archive.getvalue())
    temporary.replace(path)
