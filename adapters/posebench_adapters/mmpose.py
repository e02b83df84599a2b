"""mmpose's networks: RTMO, HRNet, and any other top-down heat-map model by its configuration.

The cards only, so that listing models stays cheap; what loads them is in ``_rtmo_model`` and
``_mmpose_top_down``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posebench_adapters._hrnet_cards import HRNET_CARDS, HRNET_DEMO
from posebench_adapters._rtmo_cards import RTMO_CARDS

from posebench.types import ModelCard

if TYPE_CHECKING:
    from posebench.config import EvalProtocol
    from posebench.protocols import OpenSession, PoseModel

DECODE_VERSION = 1
SCHEME_IS_CONFIGURATION = True
CARDS = (*RTMO_CARDS, *HRNET_CARDS, HRNET_DEMO)


def card_for(path: Path) -> ModelCard:
    """The card of ``mmpose:CONFIG``, see ``_mmpose_top_down.card_for``."""
    from posebench_adapters import _mmpose_top_down

    known = {alias: card for card in CARDS for alias in card.aliases}
    if not path.is_file() and path.name.removesuffix(".py") in known:
        return known[path.name.removesuffix(".py")]
    return _mmpose_top_down.card_for(path)


def recommend(card: ModelCard, weights: Path) -> Mapping[str, Mapping[str, Any]]:
    """Protocol overrides from the file itself, see ``_mmpose_top_down.recommend``."""
    from posebench_adapters import _mmpose_top_down

    return _mmpose_top_down.recommend(card, weights) if card.paradigm == "top-down" else {}


def load(
    card: ModelCard,
    weights: Path | None,
    protocol: EvalProtocol,
    open_session: OpenSession | None,
) -> PoseModel:
    """Load a model, see ``_rtmo_model.load`` and ``_mmpose_top_down.load``."""
    from posebench_adapters import _mmpose_top_down, _rtmo_model

    if card.paradigm == "top-down":
        return _mmpose_top_down.load(card, weights, protocol, open_session)
    return _rtmo_model.load(card, weights, protocol, open_session)
