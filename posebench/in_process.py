"""A requested model in this process, without a dataset: for checks and benchmarks."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np

from posebench.box_source import DETECTOR, TOP_DOWN
from posebench.config import resolve_protocol
from posebench.datasets.images import SUFFIXES, read_image
from posebench.datasets.synthetic.render import render
from posebench.datasets.synthetic.splits import SPLITS
from posebench.errors import InputError
from posebench.pipelines.detected import with_detector
from posebench.protocols import PoseModel
from posebench.registry import (
    ModelRequest,
    import_adapter,
    recommended_protocol,
    resolve_reference,
)
from posebench.types import Artifact, Image, ModelCard, ModelCost, PersonBoxes, Prediction
from posebench.weights import natural_runtime, require_weights
from posebench.worker_runtime import RuntimeHandle


@dataclass(frozen=True)
class InProcess:
    """A loaded model. Who loaded it closes it.

    Attributes:
        model: Of a top-down model, with one box around each picture.
        card: Its card.
        runtime: What its sessions were opened in.
    """

    model: PoseModel
    card: ModelCard
    runtime: RuntimeHandle


def load_in_process(
    request: ModelRequest,
    *,
    runtime: str | None = None,
    precision: str = "fp32",
    device: str = "cpu",
    threads: int = 1,
) -> InProcess:
    """Load a model as a run would.

    Args:
        request: The model.
        runtime: None for what its weights ask for.
        precision: ``fp32``, ``fp16`` or ``int8``.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        threads: Of the runtime; a native model has as many as this process gives it.

    Raises:
        WeightsUnavailableError: It has no weights.
        InputError: It does not run so.
    """
    entry = resolve_reference(request.reference)
    adapter = import_adapter(entry.adapter)
    weights = require_weights(entry.card, request.weights)
    handle = RuntimeHandle(
        name=runtime or natural_runtime(weights.path),
        precision=precision,
        device=device,
        threads=threads,
    )
    protocol = resolve_protocol(*_layers(adapter, entry.card, weights.path))
    model: PoseModel = adapter.load(entry.card, weights.path, protocol, handle.open_session)
    is_native = handle.describe(None).name == "native"
    if is_native and (runtime not in (None, "native") or (precision, device) != ("fp32", "cpu")):
        model.close()
        raise InputError(
            f"{request.label} runs natively: on the CPU and in fp32 only.",
            remedy="Leave runtime, precision and device out.",
        )
    if entry.card.paradigm == TOP_DOWN:
        model = with_detector(WholePicture(), model)
    return InProcess(model, entry.card, handle)


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


def rendered_people(count: int) -> list[Image]:
    """The first pictures of an easy split, the same every time."""
    jpegs = (render(SPLITS["easy"], 0, index).jpeg for index in range(count))
    decoded = (cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) for jpeg in jpegs)
    return [np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8) for image in decoded]


def pictures_in(folder: Path, most: int | None = None) -> list[Image]:
    """The pictures of a folder, in the order of their names.

    Raises:
        InputError: There is none, or one cannot be read.
    """
    paths = (p for p in sorted(folder.glob("*")) if p.suffix.lower() in SUFFIXES)
    pictures = [read_image(path) for path in itertools.islice(paths, most)]
    if not pictures:
        raise InputError(f"{folder}: no picture ({', '.join(sorted(SUFFIXES))}) in it.")
    return pictures
