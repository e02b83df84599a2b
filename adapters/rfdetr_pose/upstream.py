"""The one place that imports transformers' RF-DETR."""

from __future__ import annotations

from rfdetr_pose.torchvision_import import repair_torchvision

repair_torchvision()

from transformers.models.rf_detr.configuration_rf_detr import (  # noqa: E402
    RfDetrConfig,
    RfDetrDinov2Config,
)
from transformers.models.rf_detr.modeling_rf_detr import (  # noqa: E402
    RfDetrDinov2Embeddings,
    RfDetrForObjectDetection,
)
from transformers.models.rf_detr.modeling_rf_detr import (  # noqa: E402
    RfDetrMLPPredictionHead as MLP,
)

__all__ = [
    "MLP",
    "RfDetrConfig",
    "RfDetrDinov2Config",
    "RfDetrDinov2Embeddings",
    "RfDetrForObjectDetection",
]
