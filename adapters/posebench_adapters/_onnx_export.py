"""torch modules to ONNX graphs: without paths of the machine, with every shape that is fixed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

OPSET = 18


def graph_of(
    module: Any, inputs: Mapping[str, Any], outputs: Sequence[str], open_axis: str | None = None
) -> Any:
    """The ONNX model of a torch module.

    Args:
        module: In eval mode.
        inputs: Example tensors by the names of ``forward``'s arguments, in order.
        outputs: Names for what it gives.
        open_axis: Name of the first axis of every input if it may have any length.

    Raises:
        OnnxExporterError: torch cannot export it.
    """
    import torch

    axes = {0: torch.export.Dim(open_axis, min=1)} if open_axis else {}
    model = torch.onnx.export(
        module,
        tuple(inputs.values()),
        opset_version=OPSET,
        dynamo=True,
        input_names=list(inputs),
        output_names=list(outputs),
        dynamic_shapes={name: axes for name in inputs} if axes else None,
        verbose=False,
    ).model_proto
    for part in (model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]  # holds paths of the machine that exported it
    return model
