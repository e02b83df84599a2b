"""A third party's adapter: a blob detector that draws the same stick figure everywhere.

It knows nothing of people, but everything of the contract: the tests register it by its entry
point, run it in a worker, and make it misbehave on purpose.
"""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from posebench.config import EvalProtocol
from posebench.errors import MissingExtraError
from posebench.protocols import OpenSession
from posebench.types import (
    Artifact,
    Image,
    ModelCard,
    ModelCost,
    PersonBoxes,
    Prediction,
    Weights,
)

DECODE_VERSION = 1


def _card(name: str, note: str) -> ModelCard:
    return ModelCard(
        name=f"stick-{name}",
        family="Stick",
        paradigm="one-stage",
        skeleton="coco17",
        input_size=(64, 64),
        licence="Apache-2.0",
        aliases=("matchstick",) if name == "figure" else (),
        weights=(Weights(f"https://127.0.0.1:9/stick-{name}.txt", "Apache-2.0"),),
        training_data=("nothing",),
        note=note,
    )


CARDS = (
    _card("figure", "One upright figure in the middle of each picture."),
    _card("crash", "Dies on the second picture."),
    _card("hang", "Never answers on the second picture."),
    _card("hungry", "Runs out of memory."),
    _card("extra", "Needs a package that is not installed."),
    _card("raise", "Raises while it loads."),
    _card("slow", "Takes its time over every picture."),
    _card("moody", "Never finds the same person twice."),
)

# x and y of the 17 COCO keypoints of a standing figure, as shares of its box.
_FIGURE = np.array(
    [
        (0.5, 0.08), (0.54, 0.06), (0.46, 0.06), (0.58, 0.08), (0.42, 0.08), (0.65, 0.22),
        (0.35, 0.22), (0.72, 0.38), (0.28, 0.38), (0.76, 0.52), (0.24, 0.52), (0.6, 0.54),
        (0.4, 0.54), (0.6, 0.75), (0.4, 0.75), (0.6, 0.95), (0.4, 0.95),
    ],
    np.float32,
)  # fmt: skip


class StickModel:
    """One figure a picture, its height from the weights file."""

    num_keypoints = 17

    def __init__(self, behaviour: str, weights: Path) -> None:
        self._behaviour = behaviour
        self._weights = weights
        self._share = float(weights.read_text())
        self._seen = 0

    def predict(
        self, images: Sequence[Image], boxes: Sequence[PersonBoxes] | None = None
    ) -> list[Prediction]:
        """Place the figure in the middle of each picture."""
        return [self._one(image) for image in images]

    def _one(self, image: Image) -> Prediction:
        self._seen += 1
        if self._seen > 1:
            self._misbehave()
        height, width = image.shape[:2]
        size = np.array([0.4, 1.0], np.float32) * self._share * height
        corner = (np.array([width, height], np.float32) - size) / 2
        one = np.ones(1, np.float32)
        return Prediction(
            keypoints=(corner + _FIGURE * size)[None],
            keypoint_scores=np.ones((1, 17), np.float32),
            box_scores=one,
            scores=one,
            boxes=np.concatenate([corner, corner + size])[None],
        )

    def _misbehave(self) -> None:
        if self._behaviour == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if self._behaviour == "hang":
            time.sleep(3600)
        if self._behaviour == "slow":
            time.sleep(0.02)
        if self._behaviour == "moody":
            self._share *= 0.99
        if self._behaviour == "hungry":
            raise MemoryError("no memory left for the figure")

    def artifacts(self) -> tuple[Artifact, ...]:
        """The weights file."""
        content = self._weights.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        return (Artifact("checkpoint", self._weights.name, "text", digest, len(content)),)

    def cost(self) -> ModelCost:
        """One number, no arithmetic worth counting."""
        return ModelCost(1, None, "the one number in the weights file")

    def close(self) -> None:
        """Nothing to free."""


def load(
    card: ModelCard, weights: Path | None, protocol: EvalProtocol, open_session: OpenSession | None
) -> StickModel:
    """Load a figure, or fail in the way that the card promises."""
    behaviour = card.name.removeprefix("stick-")
    print("a framework that prints to standard output")  # noqa: T201
    if behaviour == "extra":
        raise MissingExtraError("matches are not installed.", extra="matches")
    if behaviour == "raise":
        raise RuntimeError("the box of matches is empty")
    if weights is None:
        raise ValueError("a figure needs its weights file")
    return StickModel(behaviour, weights)
