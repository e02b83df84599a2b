"""The annotated people of MPII as HRNet's ``valid.json`` lists them, in pixels counted from 1."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath

import numpy as np

from posebench.datasets.jsonfile import Entries, parse, read_bytes
from posebench.datasets.mpii_mat import MpiiTruth
from posebench.datasets.skeletons import MPII16
from posebench.errors import InputError
from posebench.types import Float64Array, IntArray

_SAME_PX = 1.0
_NO_CENTER = -1
_ENTRY = "Each entry needs image, center (x, y), scale, joints (16 of x, y) and joints_vis (16)."


@dataclass(frozen=True, eq=False)
class MpiiPeople:
    """A ``valid.json``, in its order. G people.

    Attributes:
        path: The file.
        raw: Its bytes.
        images: G file names of pictures.
        centers: (G, 2) float64 px, counted from 1.
        scales: (G,) float64, in units of 200 px.
        joints: (G, 16, 2) float64 px, counted from 1.
        visible: (G, 16) float64, 0 where a joint is not annotated.
    """

    path: Path
    raw: bytes
    images: tuple[str, ...]
    centers: Float64Array
    scales: Float64Array
    joints: Float64Array
    visible: Float64Array

    @cached_property
    def pictures(self) -> tuple[str, ...]:
        """File names of the I pictures, in the order in which they first appear."""
        return tuple(dict.fromkeys(self.images))

    @cached_property
    def image_index(self) -> IntArray:
        """(G,) position of each person's picture in ``pictures``."""
        place = {name: index for index, name in enumerate(self.pictures)}
        return np.array([place[name] for name in self.images], np.int64)


def read_people(path: Path) -> MpiiPeople:
    """Read a ``valid.json``.

    Raises:
        InputError: Naming the file, the entry, the field and the remedy.
    """
    raw = read_bytes(path)
    entries = Entries.of(path, "people", parse(raw, path), "image")
    if not len(entries):
        raise InputError(f"{path}: nobody is annotated in it.", remedy=_ENTRY)
    scales = entries.numbers("scale", remedy=_ENTRY)
    if (scales <= 0).any():
        raise entries.error(int(np.argmax(scales <= 0)), "scale is not above 0", _ENTRY)
    return MpiiPeople(
        path=path,
        raw=raw,
        images=_file_names(entries),
        centers=_centers(entries),
        scales=scales,
        joints=_joints(entries),
        visible=entries.vectors("joints_vis", 16, _ENTRY),
    )


def _centers(entries: Entries) -> Float64Array:
    """(G, 2) px; at an x of -1 HRNet would neither move nor enlarge the crop."""
    centers = entries.vectors("center", 2, _ENTRY)
    nowhere = centers[:, 0] == _NO_CENTER
    if nowhere.any():
        problem = "center has an x of -1, which stands for a person without one"
        remedy = "Take the person out of both files, or give the centre."
        raise entries.error(int(np.argmax(nowhere)), problem, remedy)
    return centers


def _file_names(entries: Entries) -> tuple[str, ...]:
    names = [entry.get("image") for entry in entries.rows]
    for row, name in enumerate(names):
        if not isinstance(name, str) or not name or _leads_out(name):
            raise entries.error(row, f"image is {name!r}, not a file name in images", _ENTRY)
    return tuple(map(str, names))


def _leads_out(name: str) -> bool:
    parts = PurePath(name)
    return parts.is_absolute() or ".." in parts.parts


def _joints(entries: Entries) -> Float64Array:
    """(G, 16, 2) the joints, whose points are lists of their own."""
    count = len(MPII16.keypoints)
    points = [entry.get("joints") for entry in entries.rows]
    for row, found in enumerate(points):
        if not isinstance(found, list) or len(found) != count:
            raise entries.error(row, f"joints is not a list of {count} points", _ENTRY)
    flat = [{"joints": point, "image": e["image"]} for e in entries.rows for point in e["joints"]]
    joints = Entries(entries.path, "joints", flat, entries.key).vectors("joints", 2, _ENTRY)
    return joints.reshape(-1, count, 2)


def check_same_people(people: MpiiPeople, truth: MpiiTruth, truth_path: Path) -> None:
    """Refuse two files that do not list the same people in the same order.

    Raises:
        InputError: Another number of people, or a joint that differs by more than a pixel.
    """
    remedy = "Take both from the same copy of the annotations."
    counts = len(people.scales), len(truth.joints)
    if counts[0] != counts[1]:
        problem = f"{people.path}: {counts[0]} people, but {truth_path} has {counts[1]}"
        raise InputError(f"{problem}.", remedy=remedy)
    both = truth.visible & (people.visible > 0)
    apart = np.abs(people.joints - truth.joints).max(axis=2, where=both[..., None], initial=0)
    far = (apart > _SAME_PX).any(axis=1)
    if far.any():
        person = int(np.argmax(far))
        problem = f"{people.path}: joints of person {person} ({people.images[person]}) lie "
        problem += f"{apart[person].max():.1f} px from pos_gt_src in {truth_path}"
        raise InputError(f"{problem}.", remedy=remedy)
