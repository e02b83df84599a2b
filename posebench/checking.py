"""The conformance suite on one requested model, in this process."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np

from posebench.box_source import DETECTOR, TOP_DOWN
from posebench.config import resolve_protocol
from posebench.datasets.images import SUFFIXES, read_image
from posebench.datasets.skeletons import COCO17
from posebench.datasets.synthetic.render import render
from posebench.datasets.synthetic.splits import SPLITS
from posebench.errors import InputError
from posebench.pipelines.detected import with_detector
from posebench.registry import (
    ModelRequest,
    import_adapter,
    recommended_protocol,
    resolve_reference,
)
from posebench.testing import CheckResult, check_model
from posebench.types import Artifact, Image, ModelCard, ModelCost, PersonBoxes, Prediction
from posebench.weights import natural_runtime, require_weights
from posebench.worker_runtime import RuntimeHandle

_MOST_IMAGES = 4


def check_request(
    request: ModelRequest, *, runtime: str | None, images: Path | None
) -> list[CheckResult]:
    """Load the model as a run would and check that it keeps the contract.

    Args:
        request: The model.
        runtime: Runtime to load it in; None for what its weights ask for.
        images: Folder of pictures, of which the first four are used; None for rendered people.

    Raises:
        WeightsUnavailableError: It has no weights.
        InputError: No picture in the folder.
    """
    entry = resolve_reference(request.reference)
    adapter = import_adapter(entry.adapter)
    weights = require_weights(entry.card, request.weights)
    pictures = _pictures(images) if images else _rendered()
    handle = RuntimeHandle(
        name=runtime or natural_runtime(weights.path), precision="fp32", device="cpu", threads=1
    )
    protocol = resolve_protocol(*_layers(adapter, entry.card, weights.path))
    model = adapter.load(entry.card, weights.path, protocol, handle.open_session)
    if entry.card.paradigm == TOP_DOWN:
        model = with_detector(WholePicture(), model)
    try:
        of_people = images is not None or entry.card.skeleton == COCO17.name
        return check_model(model, entry.card, pictures, people=of_people)
    finally:
        model.close()


def _layers(adapter: ModuleType, card: ModelCard, weights: Path) -> list[Mapping[str, Any]]:
    """The recommended protocol; boxes are the whole picture, not those of a detector."""
    recommended = recommended_protocol(adapter, card, weights)
    boxes = (DETECTOR, "boxes")
    return [{k: v for k, v in layer.items() if k not in boxes} for layer in recommended]


class WholePicture:
    """Stands in for a detector: one person, as large as the picture."""

    num_keypoints = 0

    def preprocess(
        self, images: Sequence[Image], boxes: Sequence[PersonBoxes] | None = None
    ) -> Sequence[Image]:
        """The pictures."""
        return images

    def infer(self, prepared: Sequence[Image]) -> Sequence[Image]:
        """The pictures."""
        return prepared

    def postprocess(self, raw: Sequence[Image]) -> list[Prediction]:
        """A box around each picture."""
        return [_around(image) for image in raw]

    def predict(
        self, images: Sequence[Image], boxes: Sequence[PersonBoxes] | None = None
    ) -> list[Prediction]:
        """A box around each picture."""
        return self.postprocess(images)

    def artifacts(self) -> Sequence[Artifact]:
        """None."""
        return ()

    def cost(self) -> ModelCost:
        """Nothing."""
        return ModelCost(0, 0.0, "no network")

    def close(self) -> None:
        """Nothing to free."""


def _around(image: Image) -> Prediction:
    height, width = image.shape[:2]
    one = np.ones(1, np.float32)
    return Prediction(
        keypoints=np.zeros((1, 0, 2), np.float32),
        keypoint_scores=np.zeros((1, 0), np.float32),
        box_scores=one,
        scores=one,
        boxes=np.array([[0, 0, width, height]], np.float32),
    )


def _pictures(folder: Path) -> list[Image]:
    paths = (p for p in sorted(folder.glob("*")) if p.suffix.lower() in SUFFIXES)
    pictures = [read_image(path) for path in itertools.islice(paths, _MOST_IMAGES)]
    if not pictures:
        raise InputError(f"{folder}: no picture ({', '.join(sorted(SUFFIXES))}) in it.")
    return pictures


def _rendered() -> list[Image]:
    """The first pictures of an easy split, the same every time."""
    jpegs = (render(SPLITS["easy"], 0, index).jpeg for index in range(_MOST_IMAGES))
    decoded = (cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) for jpeg in jpegs)
    return [np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8) for image in decoded]
