"""Small Ultralytics networks with weights that are untrained, but spread the scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from posebench_adapters._ultralytics_network import import_ultralytics

SOURCES = {
    "yolov8n-pose": "v8/yolov8-pose.yaml",
    "yolo11n-pose": "11/yolo11-pose.yaml",
    "yolo26n-pose": "26/yolo26-pose.yaml",
}


def describe(folder: Path, name: str, **changes: Any) -> Path:
    """An architecture file like the model's own, with some fields changed."""
    ultralytics = import_ultralytics()
    source = Path(ultralytics.__file__).parent / "cfg" / "models" / SOURCES[name]
    document = yaml.safe_load(source.read_text(encoding="utf-8")) | changes
    path = folder / f"{name}-custom.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def checkpoint(folder: Path, name: str, **changes: Any) -> Path:
    """A ``.pt`` as Ultralytics saves it, of such an architecture.

    In an untrained network the signal dies out, so that all scores are equal and rounding decides
    who comes first. Other initial weights carry it to the end.
    """
    import torch

    ultralytics = import_ultralytics()
    torch.manual_seed(7)
    yolo = ultralytics.YOLO(describe(folder, name, **changes))
    for module in yolo.model.modules():
        if isinstance(module, torch.nn.Conv2d) and module.weight.requires_grad:
            torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                torch.nn.init.zeros_(module.bias)
    head = yolo.model.model[-1]
    for branches in (head.cv3, getattr(head, "one2one_cv3", None) or []):
        for branch in branches:
            branch[-1].weight.data *= 40
    path = folder / f"{name}-custom.pt"
    yolo.save(path)
    return path
