"""People of MPII Human Pose, as its annotations were converted to JSON.

A person has a centre and a scale in units of 200 px instead of a box; both are moved and enlarged
so that limbs stay inside, and MATLAB's counting from 1 is undone (HRNet, lib/dataset/mpii.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rdpose.config import ModelConfig
from rdpose.data.crop import BOX_PADDING, Float32Array, Region, region_around
from rdpose.data.json_files import load_json
from rdpose.data.layout import MPII_SOURCE
from rdpose.data.samples import (
    BoolArray,
    Person,
    check_people,
    check_pictures,
    neighbouring_centers,
)
from rdpose.errors import DatasetError

PX_PER_SCALE = 200.0
_DOWN = 15.0  # px that the centre moves down for each unit of the scale


def read_people(annotations: Path, images: Path, config: ModelConfig) -> list[Person]:
    """The people of a file in its order; ``image_id`` is the position in the file.

    Args:
        annotations: ``train.json`` or another with joints.
        images: Folder of the pictures.
        config: Of the model.

    Raises:
        DatasetError: A file is missing or is not such a file, or nobody has a labelled joint.
    """
    rows = load_json(annotations, MPII_SOURCE)
    people = _people(rows, annotations, images, config)
    if not any(person.visible.any() for person in people):
        check_people([], annotations)
    return check_people(people, annotations)


def read_unlabelled(annotations: Path, images: Path, config: ModelConfig) -> list[Person]:
    """The people of ``test.json``, whose joints are kept by MPII.

    Raises:
        DatasetError: A file is missing or is not such a file.
    """
    people = _people(load_json(annotations, MPII_SOURCE), annotations, images, config)
    check_pictures({person.image for person in people}, annotations)
    return people


def _people(rows: Any, source: Path, images: Path, config: ModelConfig) -> list[Person]:
    count = config.joint_set.count
    try:
        labels = [_joints(row, count) for row in rows]
        neighbours = _neighbours([row["image"] for row in rows], labels)
        return [
            Person(images / row["image"], i, _region(row, config), *labels[i], neighbours[i])
            for i, row in enumerate(rows)
        ]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{source}: not MPII's annotations as JSON: {error!r}.") from error


def _joints(row: Mapping[str, Any], count: int) -> tuple[Float32Array, BoolArray]:
    if "joints" not in row:
        return np.zeros((count, 2), np.float32), np.zeros(count, np.bool_)
    joints = np.array(row["joints"], np.float32) - 1
    if joints.shape != (count, 2):
        raise ValueError(f"{row['image']}: joints of shape {joints.shape}, not ({count}, 2)")
    return joints, np.array(row["joints_vis"]) > 0


def _neighbours(
    names: Sequence[str], labels: Sequence[tuple[Float32Array, BoolArray]]
) -> list[Float32Array]:
    rows: dict[str, list[int]] = defaultdict(list)
    for i, name in enumerate(names):
        rows[name].append(i)
    found: list[Float32Array] = [np.zeros((0, 2), np.float32)] * len(names)
    for members in rows.values():
        joints = np.stack([labels[i][0] for i in members])
        visible = np.stack([labels[i][1] for i in members])
        for i, centers in zip(members, neighbouring_centers(joints, visible), strict=True):
            found[i] = centers
    return found


def _region(row: Mapping[str, Any], config: ModelConfig) -> Region:
    """-1 as the centre's x says that it is not known; it is then neither moved nor enlarged."""
    center, scale = np.array(row["center"], np.float64), float(row["scale"])
    known = center[0] != -1
    center += (0.0, _DOWN * scale) if known else (0.0, 0.0)
    center -= 1
    half = np.full(2, scale * PX_PER_SCALE / 2)
    corners = np.concatenate([center - half, center + half])
    return region_around(corners, config.input_size, BOX_PADDING if known else 1.0)
