"""Draw the pictures of docs/synthetic.md: ``python docs/draw_synthetic.py``."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from posebench.datasets.skeletons import COCO17
from posebench.datasets.synthetic.render import Picture, render
from posebench.datasets.synthetic.splits import SPLITS
from posebench.types import Image

FOLDER = Path(__file__).parent / "images"
SEED = 1
SHOWN = {
    "easy": (0, 2, 6, 13, 16, 18),
    "default": (1, 3, 4, 8, 10, 11),
    "crowded": (0, 2, 3, 4, 5, 7),
}
TILE = (320, 240)
VISIBLE, HIDDEN, CROWD = (60, 200, 255), (255, 60, 255), (0, 0, 220)  # BGR


def decoded(picture: Picture) -> Image:
    """BGR."""
    image = cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(image, np.uint8)


def labelled(picture: Picture) -> Image:
    """With skeletons, and the crowd's box."""
    image = decoded(picture)
    for annotation in picture.annotations:
        x, y, width, height = annotation["bbox"]
        if annotation["iscrowd"]:
            cv2.rectangle(image, (x, y), (x + width, y + height), CROWD, 2)
        keypoints = np.array(annotation["keypoints"]).reshape(17, 3)
        for a, b in COCO17.edges:
            if keypoints[a, 2] and keypoints[b, 2]:
                ends = keypoints[[a, b], :2].round().astype(int)
                cv2.line(image, ends[0], ends[1], (255, 255, 255), 1, cv2.LINE_AA)
        for u, v, visible in keypoints.round().astype(int).tolist():
            if visible:
                colour = VISIBLE if visible == 2 else HIDDEN
                cv2.circle(image, (u, v), 3, colour, -1, cv2.LINE_AA)
    return image


def tile(image: Image) -> Image:
    """Fitted into a tile on white."""
    scale = min(TILE[0] / image.shape[1], TILE[1] / image.shape[0])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    canvas = np.full((TILE[1] + 4, TILE[0] + 4, 3), 255, np.uint8)
    top, left = (canvas.shape[0] - small.shape[0]) // 2, (canvas.shape[1] - small.shape[1]) // 2
    canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
    return canvas


def sheet(images: list[Image], columns: int) -> Image:
    """Tiles in rows."""
    tiles = [tile(image) for image in images]
    rows = [np.hstack(tiles[k : k + columns]) for k in range(0, len(tiles), columns)]
    return np.vstack(rows)


def main() -> None:
    """Write one sheet a split, and one with labels."""
    FOLDER.mkdir(exist_ok=True)
    quality = [cv2.IMWRITE_JPEG_QUALITY, 88]
    for name, indices in SHOWN.items():
        pictures = [render(SPLITS[name], SEED, index) for index in indices]
        path = str(FOLDER / f"synthetic-{name}.jpg")
        cv2.imwrite(path, sheet([decoded(p) for p in pictures], 3), quality)
    pictures = [render(SPLITS["crowded"], SEED, index) for index in (4, 5)]
    path = str(FOLDER / "synthetic-labels.jpg")
    cv2.imwrite(path, sheet([labelled(p) for p in pictures], 2), quality)


if __name__ == "__main__":
    main()
