"""A made-up dataset with the counts of COCO val2017, and detections jittered from it.

``python val2017_scale.py FOLDER [FACTOR]`` writes it.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from posebench.datasets.skeletons import COCO17
from posebench.predictions import PredictionSet, write_shard

SHARD_IMAGES = 256

# A standing person, as shares of the box.
_POSE = np.array(
    [
        *([0.5, 0.08], [0.54, 0.06], [0.46, 0.06], [0.6, 0.08], [0.4, 0.08], [0.68, 0.2]),
        *([0.32, 0.2], [0.78, 0.36], [0.22, 0.36], [0.8, 0.5], [0.2, 0.5], [0.6, 0.52]),
        *([0.4, 0.52], [0.6, 0.74], [0.4, 0.74], [0.6, 0.96], [0.4, 0.96]),
    ]
)


@dataclass(frozen=True)
class Counts:
    """How much of everything; the defaults are those of COCO val2017.

    Attributes:
        images: Pictures.
        with_people: Those with at least one annotation.
        people: Annotations, crowds included.
        crowds: Crowds among them.
        with_keypoints: Annotations with at least one labelled keypoint.
        detections: Detections in each picture with people.
    """

    images: int = 5000
    with_people: int = 2693
    people: int = 11004
    crowds: int = 227
    with_keypoints: int = 6352
    detections: int = 20

    def times(self, factor: int) -> Counts:
        """The same picture ``factor`` times over."""
        return Counts(
            self.images * factor,
            self.with_people * factor,
            self.people * factor,
            self.crowds * factor,
            self.with_keypoints * factor,
            self.detections,
        )


def write_problem(folder: Path, counts: Counts | None = None, seed: int = 0) -> None:
    """Write ``gt.json``, ``dt.json`` and ``shards/`` into ``folder``."""
    rng = np.random.default_rng(seed)
    people = _people(counts or Counts(), rng)
    (folder / "shards").mkdir(parents=True, exist_ok=True)
    (folder / "gt.json").write_text(json.dumps(_annotations(counts or Counts(), people, rng)))
    detections = _detections(counts or Counts(), people, rng)
    (folder / "dt.json").write_text(json.dumps(detections))
    _write_shards(folder / "shards", detections, (counts or Counts()).images)


def _people(counts: Counts, rng: np.random.Generator) -> list[dict[str, Any]]:
    images = np.sort(rng.choice(np.arange(1, counts.images + 1), counts.with_people, replace=False))
    extra = rng.choice(images, counts.people - counts.with_people)
    kinds = np.zeros(counts.people, np.int64)
    kinds[: counts.with_keypoints] = 1
    kinds[counts.with_keypoints : counts.with_keypoints + counts.crowds] = 2
    rng.shuffle(kinds)
    owners = np.concatenate([images, extra])
    return [
        _person(index + 1, int(owner), int(kind), rng)
        for index, (owner, kind) in enumerate(zip(owners, kinds, strict=True))
    ]


def _person(number: int, image: int, kind: int, rng: np.random.Generator) -> dict[str, Any]:
    height = float(np.exp(rng.uniform(np.log(20), np.log(440))))
    width = height * float(rng.uniform(0.3, 0.7))
    left, top = rng.uniform(0, max(1, 640 - width)), rng.uniform(0, max(1, 480 - height))
    keypoints = np.zeros((17, 3))
    if kind == 1:
        labelled = rng.random(17) < 0.75
        labelled[rng.integers(17)] = True
        shape = _POSE + rng.normal(0, 0.04, (17, 2))
        keypoints[:, :2] = np.round(shape * [width, height] + [left, top])
        keypoints[:, 2] = rng.integers(1, 3, 17)
        keypoints[~labelled] = 0
    return {
        "id": number,
        "image_id": image,
        "category_id": 1,
        "iscrowd": int(kind == 2),
        "area": round(width * height * float(rng.uniform(0.35, 0.7)), 4),
        "bbox": [round(float(v), 2) for v in (left, top, width, height)],
        "num_keypoints": int((keypoints[:, 2] > 0).sum()),
        "keypoints": [int(v) for v in keypoints.ravel()],
        "segmentation": [[round(float(v), 2) for v in rng.uniform(0, 640, 60)]],
    }


def _annotations(
    counts: Counts, people: list[dict[str, Any]], rng: np.random.Generator
) -> dict[str, Any]:
    images = [
        {"id": i, "file_name": f"{i:012d}.jpg", "width": 640, "height": 480}
        for i in range(1, counts.images + 1)
    ]
    order = rng.permutation(len(people))
    category = {"id": 1, "name": "person", "keypoints": list(COCO17.keypoints)}
    return {
        "images": images,
        "annotations": [people[i] for i in order],
        "categories": [category],
    }


def _detections(
    counts: Counts, people: list[dict[str, Any]], rng: np.random.Generator
) -> list[dict[str, Any]]:
    by_image: dict[int, list[dict[str, Any]]] = {}
    for person in people:
        by_image.setdefault(person["image_id"], []).append(person)
    return [
        _detection(image, own[n] if n < len(own) else None, rng)
        for image, own in sorted(by_image.items())
        for n in range(counts.detections)
    ]


def _detection(
    image: int, person: dict[str, Any] | None, rng: np.random.Generator
) -> dict[str, Any]:
    box = rng.uniform([0, 0, 15, 30], [500, 300, 140, 180]) if person is None else person["bbox"]
    points = _POSE * box[2:4] + box[:2]
    if person is not None and person["num_keypoints"]:
        known = np.array(person["keypoints"], float).reshape(17, 3)
        points = np.where(known[:, 2:] > 0, known[:, :2], points)
    spread = 0.01 * float(rng.gamma(2.0)) * float(np.hypot(box[2], box[3]))
    points = points + rng.normal(0, spread, (17, 2))
    score = rng.beta(5, 2) if person is not None else rng.beta(1, 6)
    triplets = np.column_stack([np.round(points, 2), np.round(rng.random(17), 2)])
    return {
        "image_id": image,
        "category_id": 1,
        "keypoints": triplets.ravel().tolist(),
        "score": round(float(score), 6),
    }


def _write_shards(folder: Path, detections: list[dict[str, Any]], images: int) -> None:
    owners = np.array([entry["image_id"] for entry in detections])
    points = np.array([entry["keypoints"] for entry in detections], np.float32).reshape(-1, 17, 3)
    scores = np.array([entry["score"] for entry in detections], np.float32)
    for start in range(0, images, SHARD_IMAGES):
        ids = np.arange(start + 1, min(start + SHARD_IMAGES, images) + 1)
        rows = np.flatnonzero((owners >= ids[0]) & (owners <= ids[-1]))
        counts = np.bincount(owners[rows] - ids[0], minlength=len(ids))
        shard = PredictionSet(
            image_ids=ids.astype(np.int64),
            offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            keypoints=points[rows, :, :2],
            keypoint_scores=points[rows, :, 2],
            box_scores=scores[rows],
            scores=scores[rows],
        )
        write_shard(folder / f"shard-{start // SHARD_IMAGES:05d}.npz", shard)


if __name__ == "__main__":
    factor = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    write_problem(Path(sys.argv[1]), Counts().times(factor))
