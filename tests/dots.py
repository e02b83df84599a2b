"""People of three dots, red, green and blue, and a "network" whose heat maps are the planes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from posebench.config import EvalProtocol, resolve_protocol
from posebench.pipelines.heatmap_head import HeatmapHead
from posebench.pipelines.top_down import TopDownModel
from posebench.types import (
    Artifact,
    Image,
    ModelCost,
    PersonBoxes,
    Spans,
    Tensor,
    TensorSpec,
)

COLOURS = np.eye(3, dtype=np.float32)
SIDE = {"input_height": 128, "input_width": 96}
CELL = 4


class PlaneSession:
    """Gives each colour plane, one value a cell of 4 x 4 px."""

    provider = "fake"
    metadata: Mapping[str, str] = {}
    built: tuple[Artifact, ...] = ()

    def __init__(self, batch: int | None = None) -> None:
        shape = (batch, 3, SIDE["input_height"], SIDE["input_width"])
        cells = (batch, 3, SIDE["input_height"] // CELL, SIDE["input_width"] // CELL)
        self.inputs = [TensorSpec("images", shape, "float32")]
        self.outputs = [TensorSpec("heatmaps", cells, "float32")]
        self.batches: list[int] = []
        self.closed = False

    def bind(self, tensors: Mapping[str, Tensor]) -> PlaneBinding:
        self.batches.append(len(tensors["images"]))
        return PlaneBinding(np.asarray(tensors["images"], np.float32))

    def close(self) -> None:
        self.closed = True


class PlaneBinding:
    def __init__(self, images: Tensor) -> None:
        n, c, h, w = images.shape
        blocks = images.reshape(n, c, h // CELL, CELL, w // CELL, CELL)
        self.outputs: Mapping[str, Tensor] = {"heatmaps": blocks.mean(axis=(3, 5))}

    def run(self) -> Spans:
        return Spans(compute_ms=1.0)


HEAD = HeatmapHead("dots-3", 3, (), (0.1, 0.1, 0.1), {})


def protocol(**sections: Mapping[str, Any]) -> EvalProtocol:
    own: dict[str, Mapping[str, Any]] = {
        "preprocess": {**SIDE, "scale": 1 / 255, "pad_value": 0},
        "postprocess": {"nms": "oks", "nms_threshold": 0.9, "score_mode": "box-keypoint"},
        "top_down": {"warp": "udp", "decode": "argmax", "keypoint_score_threshold": 0.0},
    }
    return resolve_protocol(own, sections)


def model(session: PlaneSession | None = None, **sections: Mapping[str, Any]) -> TopDownModel:
    cost = ModelCost(0, 0.0, "a fake")
    return TopDownModel(
        session or PlaneSession(), HEAD, protocol(**sections), artifacts=(), cost=cost
    )


def picture(
    people: Sequence[Sequence[tuple[int, int]]], size: tuple[int, int] = (240, 320)
) -> Image:
    """A black picture with a dot of each colour where a person's keypoints are."""
    image = np.zeros((240, 320, 3), np.uint8)
    for points in people:
        for (x, y), colour in zip(points, COLOURS, strict=True):
            image[y - 3 : y + 4, x - 3 : x + 4] = (colour * 255).astype(np.uint8)
    return image


def around(people: Sequence[Sequence[tuple[int, int]]], margin: int = 12) -> PersonBoxes:
    """Boxes of the people, scored .9, .8, ..."""
    points = np.array(people, np.float32)
    low, high = points.min(axis=1) - margin, points.max(axis=1) + margin
    scores = np.linspace(0.9, 0.5, len(people), dtype=np.float32)
    return PersonBoxes(np.concatenate([low, high], axis=1), scores)
