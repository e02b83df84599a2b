"""From a torch module to an ONNX file that says what it is, and not where it was made."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import onnx
import torch
from torch import nn

OPSET = 18
INPUT = "images"


def to_onnx(
    graph: nn.Module, input_size: tuple[int, int], outputs: Sequence[str], *, dynamic_batch: bool
) -> onnx.ModelProto:
    """Export a module that takes pictures.

    Args:
        graph: On the CPU, in evaluation mode; takes (B, 3, H, W) float32.
        input_size: (H, W).
        outputs: Names of what it returns.
        dynamic_batch: Let B be of any size instead of 1.
    """
    # A batch of one would be taken for a constant.
    example = torch.zeros(2 if dynamic_batch else 1, 3, *input_size)
    shapes = {INPUT: {0: torch.export.Dim("batch", min=1)}} if dynamic_batch else None
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            graph,
            (example,),
            opset_version=OPSET,
            dynamo=True,
            input_names=[INPUT],
            output_names=list(outputs),
            dynamic_shapes=shapes,
            verbose=False,
        )
    return program.model_proto


def save_onnx(
    model: onnx.ModelProto, path: Path, *, producer: str, metadata: Mapping[str, str]
) -> None:
    """Write a file with these metadata alone; it appears whole or not at all.

    Args:
        model: Is changed: it loses what the exporter noted in it.
        path: Of the file.
        producer: Name of the package that made it.
        metadata: How the file is to be read.

    Raises:
        OSError: The file cannot be written.
    """
    for part in (model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]
    del model.functions[:]
    model.producer_name, model.producer_version = producer, ""
    onnx.helper.set_model_props(model, dict(metadata))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.partial")
    onnx.save(model, temporary)
    temporary.replace(path)


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter's remarks on its own workings."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
