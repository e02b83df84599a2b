"""The COCO annotation file of rendered pictures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from posebench.datasets.skeletons import COCO17
from posebench.datasets.synthetic.folder import PictureFolder, file_name
from posebench.datasets.synthetic.splits import GENERATOR_VERSION

_LICENCE_ID = 1
_PERSON_ID = 1


def coco_document(folder: PictureFolder, size: int) -> Iterator[bytes]:
    """The annotations of the first ``size`` pictures as JSON, piece by piece.

    To the byte the same every time, and never held in memory as a whole. Image ids are 1, 2, ...
    in the order of the pictures, and so are annotation ids.

    Raises:
        OSError: The labels of a picture cannot be read.
    """
    head = {"info": _info(folder, size), "licenses": [_LICENCE], "categories": [_PERSON]}
    yield orjson.dumps(head)[:-1] + b',"annotations":['
    images: list[dict[str, Any]] = []
    count = 0
    for index in range(size):
        labels = folder.labels(index)
        images.append(_image(index, labels))
        for annotation in labels["annotations"]:
            count += 1
            ids = {"id": count, "image_id": index + 1, "category_id": _PERSON_ID}
            yield (b"," if count > 1 else b"") + orjson.dumps({**ids, **annotation})
    yield b'],"images":' + orjson.dumps(images) + b"}"


def _info(folder: PictureFolder, size: int) -> dict[str, Any]:
    return {
        "description": "People rendered by posebench. No photographs: every label is exact.",
        "contributor": "posebench",
        "generator_version": GENERATOR_VERSION,
        "split": folder.split,
        "seed": folder.seed,
        "size": size,
    }


def _image(index: int, labels: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": index + 1,
        "file_name": file_name(index),
        "width": labels["width"],
        "height": labels["height"],
        "license": _LICENCE_ID,
    }


_LICENCE = {
    "id": _LICENCE_ID,
    "name": "Apache License 2.0",
    "url": "https://www.apache.org/licenses/LICENSE-2.0",
}
_PERSON = {
    "id": _PERSON_ID,
    "name": "person",
    "supercategory": "person",
    "keypoints": COCO17.keypoints,
    "skeleton": [[a + 1, b + 1] for a, b in COCO17.edges],  # COCO counts keypoints from 1
}
