"""A small COCO dataset in which the plug-in's stick figure is right about everybody."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

KEYPOINTS = (
    "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow "
    "right_elbow left_wrist right_wrist left_hip right_hip left_knee right_knee left_ankle "
    "right_ankle"
).split()
SHARE = 0.8
"""Height of the person as a share of the picture; the weights of a perfect figure."""


@dataclass(frozen=True)
class StickWorld:
    """Where the dataset lies."""

    annotations: Path
    images: Path
    weights: Path

    @property
    def options(self) -> list[str]:
        """Command-line options that run on it."""
        return ["--annotations", str(self.annotations), "--images", str(self.images)]


def as_yolo(world: StickWorld) -> Path:
    """The same people as a YOLO-pose folder; its data file."""
    document = json.loads(world.annotations.read_text())
    sizes = {
        image["id"]: np.array([image["width"], image["height"]]) for image in document["images"]
    }
    names = {image["id"]: image["file_name"] for image in document["images"]}
    labels = world.images.parent / "labels"
    labels.mkdir()
    for annotation in document["annotations"]:
        size = sizes[annotation["image_id"]]
        x, y, w, h = annotation["bbox"]
        box = np.array([x + w / 2, y + h / 2, w, h]) / np.tile(size, 2)
        points = np.array(annotation["keypoints"]).reshape(-1, 3)
        points[:, :2] /= size
        line = " ".join(f"{value:.6f}" for value in [*box, *points.ravel()])
        label = labels / names[annotation["image_id"]]
        label.with_suffix(".txt").write_text(f"0 {line}\n")
    data = world.images.parent / "data.yaml"
    data.write_text("val: images\nnames: [person]\nkpt_shape: [17, 3]\n")
    return data


def make_stickworld(folder: Path, pictures: int = 4) -> StickWorld:
    """Draw the pictures and write the annotations and the weights."""
    from posebench_stick import _FIGURE

    images = folder / "images"
    images.mkdir(parents=True)
    document: dict[str, Any] = {
        "images": [],
        "annotations": [],
        "categories": [{"id": 1, "name": "person", "keypoints": KEYPOINTS, "skeleton": []}],
    }
    for number in range(1, pictures + 1):
        width, height = 120 + 10 * number, 160
        name = f"{number:03d}.png"
        picture = np.random.default_rng(number).integers(0, 255, (height, width, 3), np.uint8)
        cv2.imwrite(str(images / name), picture)
        size = np.array([0.4, 1.0]) * SHARE * height
        corner = (np.array([width, height]) - size) / 2
        points = np.concatenate([corner + _FIGURE * size, np.full((17, 1), 2.0)], axis=1)
        document["images"].append(
            {"id": number, "file_name": name, "width": width, "height": height}
        )
        document["annotations"].append(
            {
                "id": number,
                "image_id": number,
                "category_id": 1,
                "keypoints": [round(float(v), 2) for v in points.ravel()],
                "num_keypoints": 17,
                "bbox": [round(float(v), 2) for v in (*corner, *size)],
                "area": round(float(size.prod()), 2),
                "iscrowd": 0,
            }
        )
    annotations = folder / "stick.json"
    annotations.write_text(json.dumps(document))
    weights = folder / "weights.txt"
    weights.write_text(str(SHARE))
    return StickWorld(annotations, images, weights)
