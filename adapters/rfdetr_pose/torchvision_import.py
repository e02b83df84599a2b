"""torchvision beside a torch that it was not built for.

The torchvision wheel on PyPI is linked against CUDA. With a torch built for the CPU its compiled
part does not load, and the import ends in "operator torchvision::nms does not exist", which takes
down every package that imports it: transformers and Lightning do so wherever it is installed.
The one operator that is missed is box NMS; exactly this one is supplied, and only in that case.
"""

from __future__ import annotations

import sys
from typing import Any

_MISSING = "operator torchvision::nms does not exist"
_registered: list[Any] = []  # torch forgets a library when nobody holds it


def import_torchvision() -> None:
    """Import torchvision, supplying box NMS if its compiled part cannot be loaded.

    Raises:
        ImportError: torchvision is not installed.
    """
    try:
        import torchvision
    except RuntimeError as error:
        if _MISSING not in str(error):
            raise
        for name in [n for n in sys.modules if n == "torchvision" or n.startswith("torchvision.")]:
            del sys.modules[name]
        _register_nms()
        import torchvision.extension

        torchvision.extension._has_ops = lambda: True


def repair_torchvision() -> None:
    """See to it that packages which import torchvision can; nothing if it is not installed."""
    try:
        import_torchvision()
    except ImportError:
        return


def box_nms(boxes: Any, scores: Any, iou_threshold: float) -> Any:
    """Greedy non-maximum suppression.

    Args:
        boxes: (N, 4) tensor of left, top, right, bottom.
        scores: (N,) tensor.
        iou_threshold: Boxes that overlap a better one by more than this are dropped.

    Returns:
        int64 tensor of the kept indices, best first; ties keep their order.
    """
    import torch

    order = torch.argsort(scores, descending=True, stable=True)
    boxes = boxes[order]
    sides = (boxes[:, 2:] - boxes[:, :2]).clamp(min=0)
    areas = sides.prod(1)
    alive = torch.ones(len(order), dtype=torch.bool)
    for i in range(len(order)):
        if alive[i]:
            low = torch.maximum(boxes[i, :2], boxes[i + 1 :, :2])
            high = torch.minimum(boxes[i, 2:], boxes[i + 1 :, 2:])
            inside = (high - low).clamp(min=0).prod(1)
            alive[i + 1 :] &= inside <= iou_threshold * (areas[i] + areas[i + 1 :] - inside)
    return order[alive]


def _register_nms() -> None:
    import torch

    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.impl("nms", box_nms, "CPU")
    _registered.append(library)
