"""RDPose: HRNet with feature decoupling, trained by the in-house package of that name.

The cards only, so that listing models stays cheap; what loads one is in ``_rdpose_model``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posebench_adapters._rdpose_cards import RDPOSE_CARDS

from posebench.types import ModelCard

if TYPE_CHECKING:
    from posebench.config import EvalProtocol
    from posebench.protocols import OpenSession, PoseModel

DECODE_VERSION = 1
CARDS = RDPOSE_CARDS


def card_for(path: Path) -> ModelCard:
    """The card of ``rdpose:FILE``, see ``_rdpose_model.card_for``."""
    from posebench_adapters import _rdpose_model

    return _rdpose_model.card_for(path)


def recommend(card: ModelCard, weights: Path) -> Mapping[str, Mapping[str, Any]]:
    """Protocol overrides from the file itself, see ``_rdpose_model.recommend``."""
    from posebench_adapters import _rdpose_model

    return _rdpose_model.recommend(weights)


def load(
    card: ModelCard,
    weights: Path | None,
    protocol: EvalProtocol,
    open_session: OpenSession | None,
) -> PoseModel:
    """Load a model, see ``_rdpose_model.load``."""
    from posebench_adapters import _rdpose_model

    return _rdpose_model.load(card, weights, protocol, open_session)
