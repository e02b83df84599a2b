"""Ultralytics pose models: YOLOv8, YOLO11 and YOLO26, published or the user's own.

The cards only, so that listing models stays cheap; what loads one is in ``_ultralytics_model``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posebench_adapters._ultralytics_cards import CARDS

from posebench.types import ModelCard

if TYPE_CHECKING:
    from posebench.config import EvalProtocol
    from posebench.protocols import OpenSession, PoseModel

__all__ = ["CARDS", "DECODE_VERSION", "load", "recommend"]

DECODE_VERSION = 1


def load(
    card: ModelCard,
    weights: Path | None,
    protocol: EvalProtocol,
    open_session: OpenSession | None,
) -> PoseModel:
    """Load a model, see ``_ultralytics_model.load``."""
    from posebench_adapters import _ultralytics_model

    return _ultralytics_model.load(card, weights, protocol, open_session)


def recommend(card: ModelCard, weights: Path) -> Mapping[str, Mapping[str, Any]]:
    """Protocol overrides from the file itself, see ``_ultralytics_model.recommend``."""
    from posebench_adapters import _ultralytics_model

    return _ultralytics_model.recommend(card, weights)
