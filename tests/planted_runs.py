"""A small dataset of two people a picture, and runs of models with errors planted into them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from records import KEYPOINTS, make_dataset, make_record

from posebench.datasets.coco import CocoDataset
from posebench.predictions import collect, write_shard
from posebench.recording import scored_identity
from posebench.store import side_files, write_record
from posebench.types import Float64Array, Prediction

WIDTH, HEIGHT = 320, 200
_LEFTS = (20.0, 180.0)
_ROWS = (0.06, 0.03, 0.06, 0.22, 0.4, 0.55, 0.6, 0.8, 1.0)
"""Height of nose, eyes, ears, shoulders, elbows, wrists, hips, knees and ankles, as shares."""
_APART = (0.0, 0.05, 0.1, 0.3, 0.45, 0.5, 0.2, 0.25, 0.3)

Plant = Callable[[Float64Array], Float64Array]
"""From the (N, 17, 2) people of a picture to those that are predicted."""


@dataclass(frozen=True)
class PlantedWorld:
    """Where the dataset lies."""

    annotations: Path
    images: Path
    names: tuple[str, ...]

    def dataset(self, limit: int | None = None) -> CocoDataset:
        return CocoDataset.open(self.annotations, self.images, name="planted", limit=limit)


def nobody_second(people: Float64Array) -> Float64Array:
    """The second person is missed."""
    return people[:1]


def arms_exchanged(people: Float64Array) -> Float64Array:
    """Elbows and wrists of the first person are taken for those of its other side."""
    order = np.arange(len(KEYPOINTS))
    for joint in ("elbow", "wrist"):
        left, right = (KEYPOINTS.index(f"{side}_{joint}") for side in ("left", "right"))
        order[[left, right]] = right, left
    return np.stack([people[0][order], *people[1:]])


def somebody_else(people: Float64Array) -> Float64Array:
    """A person is found where nobody is."""
    far = people[:1] + np.array([0.0, 5000.0])
    return np.concatenate([people, far])


def make_world(folder: Path, names: tuple[str, ...]) -> PlantedWorld:
    """Draw pictures of these names, and write the annotations."""
    images = folder / "images"
    images.mkdir(parents=True)
    annotations: list[dict[str, Any]] = []
    for number, name in enumerate(names, start=1):
        noise = np.random.default_rng(number).integers(60, 120, (HEIGHT, WIDTH, 3), np.uint8)
        _, png = cv2.imencode(".png", noise)
        (images / name).write_bytes(png.tobytes())
        for person in figures():
            annotations.append(_annotation(len(annotations) + 1, number, person))
    listed = [{"id": i, "file_name": name, "width": WIDTH, "height": HEIGHT}
              for i, name in enumerate(names, start=1)]  # fmt: skip
    category = {"id": 1, "name": "person", "keypoints": KEYPOINTS, "skeleton": []}
    document = {"images": listed, "annotations": annotations, "categories": [category]}
    (folder / "annotations.json").write_text(json.dumps(document))
    return PlantedWorld(folder / "annotations.json", images, names)


def figures() -> Float64Array:
    """(2, 17, 2) px: the people of every picture."""
    sides = [[(0.5, _ROWS[0])]]
    sides += [
        [(0.5 + apart, row), (0.5 - apart, row)]
        for apart, row in zip(_APART[1:], _ROWS[1:], strict=True)
    ]
    unit = np.array([point for pair in sides for point in pair])
    return np.stack([unit * [100.0, 160.0] + [left, 20.0] for left in _LEFTS])


def write_run(
    out: Path, world: PlantedWorld, label: str, plants: Mapping[int, Plant], **fields: Any
) -> Path:
    """A run that is right about everybody but for the plants; its folder.

    Args:
        out: Folder of the runs.
        world: The dataset.
        label: Of the model.
        plants: By image id.
        fields: Of the Record.
    """
    key = hashlib.sha256(label.encode()).hexdigest()
    folder = out / "planted" / key[:12] / key[:12]
    people = {i: figures() for i in range(1, len(world.names) + 1)}
    people |= {i: plant(figures()) for i, plant in plants.items()}
    found = collect(list(people), [_prediction(points) for points in people.values()])
    (folder / "predictions").mkdir(parents=True)
    write_shard(folder / "predictions" / "shard-00000.npz", found)
    dataset = world.dataset()
    info = make_dataset(
        name="planted",
        identity=scored_identity(dataset),
        images=len(world.names),
        people=2 * len(world.names),
    )
    files = side_files(folder, None)
    record = make_record(label, accuracy_id=key, dataset=info, files=files, **fields)
    write_record(folder, record)
    return folder


def _annotation(number: int, image_id: int, person: Float64Array) -> dict[str, Any]:
    low, size = person.min(axis=0), np.ptp(person, axis=0)
    return {
        "id": number,
        "image_id": image_id,
        "category_id": 1,
        "iscrowd": 0,
        "area": float(size.prod()) / 2,
        "bbox": [*low.tolist(), *size.tolist()],
        "num_keypoints": len(KEYPOINTS),
        "keypoints": np.c_[person, np.full(len(person), 2)].ravel().tolist(),
    }


def _prediction(points: Float64Array) -> Prediction:
    count = len(points)
    scores = np.linspace(0.9, 0.7, count).astype(np.float32)
    low, high = points.min(axis=1), points.max(axis=1)
    return Prediction(
        keypoints=points.astype(np.float32),
        keypoint_scores=np.full((count, len(KEYPOINTS)), 0.8, np.float32),
        box_scores=scores,
        scores=scores,
        boxes=np.concatenate([low, high], axis=1).astype(np.float32),
    )
