"""Exporting RTMDet's person detectors, built by mmdet from the configurations that come with it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from posebench_adapters._mmpose_checkpoint import load_state
from posebench_adapters._mmpose_config import config_roots, read_config
from posebench_adapters._mmpose_import import import_mmpose, quiet
from posebench_adapters._onnx_export import graph_of
from posebench_adapters._rfdetr_model import fill

from posebench.pipelines.rtmdet import OUTPUTS
from posebench.types import ModelCard

_SCOPE = "mmdet"
_PEOPLE = {"model.bbox_head.num_classes": 1}
_NANO = {
    "model.backbone.deepen_factor": 0.33,
    "model.backbone.widen_factor": 0.25,
    "model.backbone.use_depthwise": True,
    "model.neck.in_channels": [64, 128, 256],
    "model.neck.out_channels": 64,
    "model.neck.num_csp_blocks": 1,
    "model.neck.use_depthwise": True,
    "model.bbox_head.in_channels": 64,
    "model.bbox_head.feat_channels": 64,
    "model.bbox_head.share_conv": False,
    "model.bbox_head.exp_on_reg": False,
    "model.bbox_head.use_depthwise": True,
}
"""mmdet has no configuration of this size; the numbers are those of mmpose's demo."""
_CONFIGS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "rtmdet-nano-person": ("rtmdet_l_8xb32-300e_coco", {**_PEOPLE, **_NANO}),
    "rtmdet-m-person": ("rtmdet_m_8xb32-300e_coco", _PEOPLE),
}


def package_versions() -> dict[str, str]:
    """Versions of what an exported network depends on.

    Raises:
        ImportError: One of the packages is not installed.
    """
    return {name: version(name) for name in ("torch", "mmdet", "onnx")}


def export(card: ModelCard, weights: Path, path: Path) -> None:
    """Write the ONNX file of a checkpoint.

    Args:
        card: Says which size it is.
        weights: ``.pth`` or ``.safetensors``.
        path: Of the file.

    Raises:
        WeightsError: It cannot be read, or is not of this size.
        MissingExtraError: mmpose is not installed.
        ImportError: Another package is missing.
    """
    import onnx
    import torch

    network = build(card.name)
    fill(network, load_state(weights), weights)
    inputs = {"images": torch.zeros(1, 3, *card.input_size)}
    with quiet():
        model = graph_of(_flat_outputs(network), inputs, OUTPUTS)
    onnx.save(model, path)


def build(name: str) -> Any:
    """The untrained network of a card, as mmdet builds it, in eval mode."""
    import_mmpose()
    config = network_config(name)
    with quiet():
        import_module("mmdet.utils").register_all_modules(init_default_scope=False)
        with import_module("mmengine.registry").DefaultScope.overwrite_default_scope(_SCOPE):
            network = import_module("mmdet.registry").MODELS.build(config.model)
        return import_module("mmengine.model").revert_sync_batchnorm(network).eval()


def network_config(name: str) -> Any:
    """Mmengine's ``Config`` of a card's network."""
    base, changes = _CONFIGS[name]
    config = read_config(config_roots()[1] / "rtmdet" / f"{base}.py")
    config.merge_from_dict(dict(changes))
    return config


def _flat_outputs(network: Any) -> Any:
    """The network with one row a cell and probabilities instead of logits, to be exported."""
    import torch

    def rows(maps: Any) -> Any:
        return torch.cat([one.flatten(2).transpose(1, 2) for one in maps], dim=1)

    class Flat(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, images: Any) -> Any:
            logits, distances = self.network(images, mode="tensor")
            return rows(logits).sigmoid(), rows(distances)

    return Flat().eval()
