"""``onnx:PATH``: any exported pose network that says how it is to be read.

It has no cards of its own, and importing it must stay cheap; the work is in ``_onnx_model``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from posebench.types import ModelCard

if TYPE_CHECKING:
    from posebench.config import EvalProtocol
    from posebench.protocols import OpenSession, PoseModel

CARDS: tuple[ModelCard, ...] = ()
DECODE_VERSION = 1


def card_for(path: Path) -> ModelCard:
    """The card of an exported file, see ``_onnx_model.card_for``."""
    from posebench_adapters import _onnx_model

    return _onnx_model.card_for(path)


def load(
    card: ModelCard,
    weights: Path | None,
    protocol: EvalProtocol,
    open_session: OpenSession | None,
) -> PoseModel:
    """Load an exported network, see ``_onnx_model.load``."""
    from posebench_adapters import _onnx_model

    return _onnx_model.load(card, weights, protocol, open_session)
