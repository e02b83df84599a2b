"""What a picture shows, in the terms of COCO, read from the same samples that were painted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from posebench.datasets.synthetic.body import Body
from posebench.datasets.synthetic.scene import Scene, facing
from posebench.datasets.synthetic.surface import View
from posebench.datasets.synthetic.visibility import (
    OwnFragments,
    Seen,
    label_keypoints,
    share_in_frame,
)
from posebench.types import BoolArray

Annotation = dict[str, Any]

SMALLEST_AREA = 120
"""px²; who shows less gets a box but no keypoints, as in COCO."""
SMALLEST_SHARE = 0.07
"""Of the whole body; who shows less gets a box but no keypoints."""
_MEDIUM_AREA, _LARGE_AREA = 32**2, 96**2  # the bounds of COCO's evaluation
_NO_KEYPOINTS = [(0.0, 0.0, 0)] * 17


def annotate(scene: Scene, view: View) -> list[Annotation]:
    """One annotation a person that shows, and one for the crowd, without ids."""
    seen = Seen.of(view)
    found = list(_people(scene, view, seen))
    boxes = [annotation["bbox"] for annotation in found]
    for k, annotation in enumerate(found):
        others = [_iou(boxes[k], other) for j, other in enumerate(boxes) if j != k]
        annotation["attributes"]["neighbour_iou"] = round(max(others, default=0.0), 3)
    first, last = len(scene.people), len(scene.people) + len(scene.crowd)
    crowd = (seen.pixels >= first) & (seen.pixels < last)
    if crowd.any():
        found.append({**_region(crowd), **_keypoints(_NO_KEYPOINTS), "iscrowd": 1})
    return found


def _people(scene: Scene, view: View, seen: Seen) -> Iterator[Annotation]:
    owners = view.geometry.owner[view.fragments.triangle]
    for owner, body in enumerate(scene.people):
        mask = seen.pixels == owner
        if not mask.any():
            continue
        rows = np.flatnonzero(owners == owner)
        own = OwnFragments(
            view.fragments.sample[rows].astype(np.int64),
            view.geometry.mesh.parts[view.fragments.triangle[rows]],
            view.fragments.nearness[rows],
        )
        hidden = _hidden_share(seen, owner, own)
        framed = share_in_frame(body, scene.camera)
        labels = _NO_KEYPOINTS
        if np.count_nonzero(mask) >= SMALLEST_AREA and framed * (1 - hidden) >= SMALLEST_SHARE:
            labels = label_keypoints(body, owner, scene.camera, seen, own)
        yield {
            **_region(mask),
            **_keypoints(labels),
            "iscrowd": 0,
            "attributes": _attributes(scene, body, mask, hidden, framed),
        }


def _hidden_share(seen: Seen, owner: int, own: OwnFragments) -> float:
    """Share of a silhouette, as far as it is in the picture, that others and things hide."""
    silhouette = np.zeros(seen.owners.size, bool)
    silhouette[own.sample] = True
    visible = np.count_nonzero(seen.owners == owner)
    return 1 - visible / np.count_nonzero(silhouette)


def _attributes(
    scene: Scene, body: Body, mask: BoolArray, hidden: float, framed: float
) -> dict[str, Any]:
    area = np.count_nonzero(mask)
    size = "small" if area < _MEDIUM_AREA else "medium" if area < _LARGE_AREA else "large"
    return {
        "action": body.pose.action,
        "facing": facing(body, scene.camera),
        "occlusion": round(float(hidden), 3),
        "truncation": round(1 - framed, 3),
        "size": size,
    }


def _keypoints(labels: list[tuple[float, float, int]]) -> dict[str, Any]:
    return {
        "keypoints": [value for label in labels for value in label],
        "num_keypoints": sum(label[2] > 0 for label in labels),
    }


def _region(mask: BoolArray) -> dict[str, Any]:
    """Box, area and run-length mask of the same pixels."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    left, top = int(columns[0]), int(rows[0])
    return {
        "bbox": [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top],
        "area": int(np.count_nonzero(mask)),
        "segmentation": {"size": list(mask.shape), "counts": _run_lengths(mask)},
    }


def _run_lengths(mask: BoolArray) -> list[int]:
    """COCO's uncompressed run-length encoding: columns one after the other, zeros first."""
    flat = mask.ravel(order="F")
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    lengths: list[int] = np.diff(np.concatenate([[0], changes, [flat.size]])).tolist()
    return [0, *lengths] if flat[0] else lengths


def _iou(first: list[int], second: list[int]) -> float:
    """Intersection over union of two boxes (x, y, width, height)."""
    width = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    height = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    shared = max(width, 0) * max(height, 0)
    return shared / (first[2] * first[3] + second[2] * second[3] - shared)
