"""RDPose: heat maps of people whose features are decoupled from their neighbours' in training.

The network is HRNet or another that gives heat maps, with a feature decoupling module (FDM) and
its perturbed form (PDM) in training. ``python -m rdpose`` trains, tests and exports; nothing heavy
is imported before a name is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rdpose.checkpoint import load_checkpoint, save_checkpoint
    from rdpose.config import ModelConfig
    from rdpose.errors import CheckpointError, DatasetError, RDPoseError
    from rdpose.experiments import experiment
    from rdpose.export import export_onnx
    from rdpose.network import PoseNetwork

_HOMES = {
    "CheckpointError": "errors",
    "DatasetError": "errors",
    "ModelConfig": "config",
    "PoseNetwork": "network",
    "RDPoseError": "errors",
    "experiment": "experiments",
    "export_onnx": "export",
    "load_checkpoint": "checkpoint",
    "save_checkpoint": "checkpoint",
}

__all__ = [
    "CheckpointError",
    "DatasetError",
    "ModelConfig",
    "PoseNetwork",
    "RDPoseError",
    "experiment",
    "export_onnx",
    "load_checkpoint",
    "save_checkpoint",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'rdpose' has no attribute {name!r}")
    return getattr(import_module(f"rdpose.{_HOMES[name]}"), name)
