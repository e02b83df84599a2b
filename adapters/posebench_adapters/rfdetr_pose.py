"""RF-DETR Pose: the in-house models, listed so that they can be asked for by name.

No weights are published and the network is not part of this version, so a run records them as
skipped.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from posebench.errors import WeightsUnavailableError
from posebench.types import ModelCard

if TYPE_CHECKING:
    from posebench.config import EvalProtocol
    from posebench.protocols import OpenSession, PoseModel

DECODE_VERSION = 1

_NOTE = "No weights are published, and the network is not part of this version of posebench."
_STRETCH = {"preprocess": {"resize": "stretch"}, "postprocess": {"nms": "none"}}


def _card(letter: str, size: str, pixels: int) -> ModelCard:
    return ModelCard(
        name=f"rfdetr-pose-{letter}",
        family="RF-DETR-Pose",
        paradigm="one-stage",
        skeleton="coco17",
        input_size=(pixels, pixels),
        licence="Apache-2.0",
        aliases=(f"rfdetr-pose-{size}",),
        protocol=_STRETCH,
        note=_NOTE,
    )


CARDS = (
    _card("n", "nano", 384),
    _card("s", "small", 512),
    _card("m", "medium", 576),
    _card("l", "large", 768),
)


def load(
    card: ModelCard,
    weights: Path | None,
    protocol: EvalProtocol,
    open_session: OpenSession | None,
) -> PoseModel:
    """Refuse: there is no network to load weights into.

    Raises:
        WeightsUnavailableError: Always.
    """
    raise WeightsUnavailableError(
        f"{card.name}: {_NOTE}", remedy="An exported network runs as onnx:PATH with a sidecar."
    )
