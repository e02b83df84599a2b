"""torchvision beside a CPU-only torch.

The torchvision wheel on PyPI is linked against CUDA. With a torch built for the CPU its compiled
part does not load, and the import ends in "operator torchvision::nms does not exist". Nothing that
posebench runs needs more of that part than box NMS, so exactly this operator is supplied, and only
in that case.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from posebench.pipelines.nms import nms

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


def _register_nms() -> None:
    import torch

    def box_nms(boxes: Any, scores: Any, iou_threshold: float) -> Any:
        kept = nms(
            boxes.detach().numpy().astype(np.float32),
            scores.detach().numpy().astype(np.float32),
            iou_threshold,
            max_candidates=len(boxes),
            max_detections=len(boxes),
        )
        return torch.from_numpy(kept)

    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.impl("nms", box_nms, "CPU")
    _registered.append(library)
