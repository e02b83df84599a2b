"""A tiny MPII in HRNet's layout: the five pictures of mmpose's tests and their annotations.

Two of the five people are in the real validation file, which gives their head boxes. For the others
a box is put around upper neck and head top.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from support import require

from posebench.types import Float64Array

REAL = Path("mpii", "mpii-val-third.mat")
REAL_HEADS = {"005808361.jpg": 0, "004645041.jpg": 1}
"""Columns of people of the sample in the real file."""


def sample(data: Path) -> list[dict[str, Any]]:
    """The five people as in ``valid.json``."""
    path = data / "openmmlab-samples" / "mpii" / "test_mpii.json"
    people: list[dict[str, Any]] = json.loads(path.read_text())
    return people


def truth_of(people: list[dict[str, Any]], data: Path) -> dict[str, Float64Array]:
    """``gt_valid.mat`` of people as in ``valid.json``."""
    real = read_mat(data / REAL)["headboxes_src"]
    joints = np.array([person["joints"] for person in people], np.float64)
    missing = 1 - np.array([person["joints_vis"] for person in people])
    heads = [_head(person, real) for person in people]
    return {
        "pos_gt_src": joints.transpose(1, 2, 0),
        "jnt_missing": missing.T.astype(np.uint8),
        "headboxes_src": np.array(heads, np.float64).transpose(1, 2, 0),
    }


def _head(person: Mapping[str, Any], real: Any) -> Any:
    """(2, 2) upper left and lower right corner."""
    if person["image"] in REAL_HEADS:
        return real[:, :, REAL_HEADS[person["image"]]]
    neck, top = np.array(person["joints"])[[8, 9]]
    half = np.abs(top - neck).max() / 2
    return (top + neck) / 2 - half, (top + neck) / 2 + half


def write_mat(path: Path, content: Mapping[str, Any]) -> Path:
    """Write a MATLAB file."""
    require("scipy")
    from scipy.io import savemat

    savemat(str(path), dict(content))
    return path


def read_mat(path: Path) -> dict[str, Any]:
    """Read a MATLAB file."""
    require("scipy")
    from scipy.io import loadmat

    content: dict[str, Any] = loadmat(str(path))
    return content


def write_folder(
    folder: Path,
    data: Path,
    people: list[dict[str, Any]] | None = None,
    truth: Mapping[str, Any] | None = None,
) -> Path:
    """The data set with the sample's pictures; ``truth`` replaces arrays of ``gt_valid.mat``."""
    people = sample(data) if people is None else people
    (folder / "annot").mkdir(parents=True)
    (folder / "images").mkdir()
    (folder / "annot" / "valid.json").write_text(json.dumps(people))
    write_mat(folder / "annot" / "gt_valid.mat", truth_of(people, data) | dict(truth or {}))
    for name in {person["image"] for person in people}:
        source = data / "openmmlab-samples" / "mpii" / name
        if source.exists():
            shutil.copy(source, folder / "images" / name)
    return folder
