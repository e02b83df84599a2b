"""Exporting the rfdetr package's detection models."""

from __future__ import annotations

from pathlib import Path

from posebench_adapters._rfdetr_model import (
    CLASSES,
    fill,
    graph,
    import_rfdetr,
    quiet,
    read_state,
)

from posebench.pipelines.rfdetr_boxes import COCO_LABELS
from posebench.types import ModelCard

OUTPUTS = ("dets", "labels")
_CONFIGS = {
    "rfdetr-nano": "RFDETRNanoConfig",
    "rfdetr-small": "RFDETRSmallConfig",
    "rfdetr-medium": "RFDETRMediumConfig",
}
_REMEDY = "Give a detection checkpoint of the rfdetr package."


def export(card: ModelCard, weights: Path, path: Path) -> None:
    """Write the ONNX file of a detection checkpoint.

    Args:
        card: Says which size it is.
        weights: ``.pth`` with COCO's categories.
        path: Of the file.

    Raises:
        WeightsError: It cannot be read, or is not of this size and these categories.
        ImportError: A package is missing.
    """
    import onnx

    state = read_state(weights, (CLASSES,), _REMEDY)
    config, models = import_rfdetr()
    with quiet():
        settings = getattr(config, _CONFIGS[card.name])(
            pretrain_weights=None, device="cpu", num_classes=COCO_LABELS - 1
        )
        network = models.build_model_from_config(settings).eval()
        fill(network, state, weights)
        model = graph(network, settings.resolution, OUTPUTS)
    onnx.save(model, path)
