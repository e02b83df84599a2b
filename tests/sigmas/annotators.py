"""People whose true keypoints are known, drawn by annotators and found by models that scatter."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from posebench.datasets.annotations import load_annotations
from posebench.sigmas.same_pictures import Annotator
from posebench.types import Detections, Float64Array, GroundTruth, IntArray, Skeleton

NAMES = ("nose", "left_wing", "right_wing", "tail")
SIGMAS = np.array([0.03, 0.08, 0.08, 0.15])
PAIRS = ((1, 2),)
FAR = 1000.0
"""Between the corners of neighbours in a picture, px: nobody can be taken for another."""


@dataclass(frozen=True, eq=False)
class Flock:
    """Birds side by side. N of them on I pictures, in the order of the pictures.

    Attributes:
        image_index: (N,) picture of each.
        boxes: (N, 4) x, y, width, height, px.
        points: (N, K, 2) true keypoints, px.
        areas: (N,) px².
        names: K keypoints.
    """

    image_index: IntArray
    boxes: Float64Array
    points: Float64Array
    areas: Float64Array
    names: tuple[str, ...] = NAMES

    @property
    def pictures(self) -> int:
        return int(self.image_index.max()) + 1


def flock(
    rng: np.random.Generator, count: int, *, each: int = 4, names: tuple[str, ...] = NAMES
) -> Flock:
    index = np.arange(count) // each
    size = rng.uniform(40, 300, (count, 2))
    corner = np.stack([(np.arange(count) % each) * FAR, np.zeros(count)], axis=1)
    points = corner[:, None] + rng.random((count, len(names), 2)) * size[:, None]
    areas = size.prod(axis=1) * rng.uniform(0.3, 0.8, count)
    return Flock(index, np.column_stack([corner, size]), points, areas, names)


def scattered(
    birds: Flock, rng: np.random.Generator, sigmas: Float64Array = SIGMAS
) -> Float64Array:
    """(N, K, 2) placements with E[d² / s²] = sigma², alike in x and y."""
    spread = sigmas * np.sqrt(birds.areas)[:, None] / np.sqrt(2)
    placed: Float64Array = birds.points + rng.normal(size=birds.points.shape) * spread[..., None]
    return placed


def document(
    birds: Flock, placed: Float64Array, labelled: Float64Array | None = None, *, first_id: int = 1
) -> dict[str, Any]:
    """A COCO annotation file of it; ``labelled`` (N, K) are the v, 2 by default."""
    v = np.full(placed.shape[:2], 2.0) if labelled is None else labelled
    triplets = np.concatenate([np.where(v[..., None] > 0, placed, 0), v[..., None]], axis=2)
    return {
        "images": [{"id": 10 + i, "file_name": f"{i}.jpg"} for i in range(birds.pictures)],
        "categories": [{"id": 1, "name": "bird", "keypoints": list(birds.names)}],
        "annotations": [
            {
                "id": first_id + n,
                "image_id": 10 + int(birds.image_index[n]),
                "category_id": 1,
                "keypoints": triplets[n].ravel().tolist(),
                "num_keypoints": int((v[n] > 0).sum()),
                "bbox": birds.boxes[n].tolist(),
                "area": float(birds.areas[n]),
                "iscrowd": 0,
            }
            for n in range(len(birds.areas))
        ],
    }


def write(content: dict[str, Any], path: Path) -> Path:
    path.write_text(json.dumps(content))
    return path


def annotator(content: dict[str, Any], path: Path) -> Annotator:
    return Annotator(path, load_annotations(write(content, path)))


def draw(
    birds: Flock, seed: int, count: int, folder: Path, *, missing: float = 0.0
) -> list[Annotator]:
    """``count`` annotators who scatter by SIGMAS and leave out a share of the keypoints."""
    rng = np.random.default_rng(seed)
    drawn = []
    for number in range(count):
        labelled = np.where(rng.random(birds.points.shape[:2]) < missing, 0.0, 2.0)
        content = document(birds, scattered(birds, rng), labelled)
        drawn.append(annotator(content, folder / f"{number}.json"))
    return drawn


def truth_of(birds: Flock, sigmas: Float64Array = SIGMAS) -> GroundTruth:
    count, points = birds.points.shape[:2]
    return GroundTruth(
        image_ids=np.arange(birds.pictures) + 10,
        image_index=birds.image_index,
        annotation_ids=np.arange(count) + 1,
        keypoints=np.concatenate([birds.points, np.full((count, points, 1), 2.0)], axis=2),
        boxes=birds.boxes,
        areas=birds.areas,
        is_crowd=np.zeros(count, np.bool_),
        num_keypoints=np.full(count, points),
        skeleton=Skeleton("bird", birds.names, tuple(sigmas.tolist())),
        class_ids=np.zeros(count, np.int64),
        class_names=("bird",),
    )


def found_by(birds: Flock, placed: Float64Array, scores: Float64Array | None = None) -> Detections:
    count = len(birds.areas)
    return Detections(
        image_index=birds.image_index,
        keypoints=placed,
        scores=np.ones(count) if scores is None else scores,
        class_ids=np.zeros(count, np.int64),
    )


IMPROBABLE = 1e-9
"""Probability with which a right estimate may leave the bounds of a test."""


def mean_is_plausible(mean: float, count: int) -> bool:
    """Whether the mean of ``count`` exponential variates of mean 1 may be this far from it.

    Chernoff's bound of a sum of Gamma(count, 1): P(mean beyond a) <= exp(-count (a - 1 - ln a)).
    """
    return bool(count * (mean - 1 - np.log(mean)) < np.log(2 / IMPROBABLE))


def median_is_plausible(median: float, count: int) -> bool:
    """The same of their median, by Hoeffding's bound of the share below any place."""
    reach = np.sqrt(np.log(2 / IMPROBABLE) / (2 * count)) + 1 / count
    return bool(abs(1 - np.exp(-median) - 0.5) < reach)
