"""MPII Human Pose as HRNet's data folder has it: pictures, ``valid.json`` and ``gt_valid.mat``.

Both files count pixels from 1; everything here counts from 0, as pictures and models do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from posebench.datasets.mpii_mat import MpiiTruth, read_truth
from posebench.datasets.mpii_people import MpiiPeople, check_same_people, read_people
from posebench.datasets.selection import only_images
from posebench.datasets.skeletons import MPII16
from posebench.errors import InputError
from posebench.types import Float64Array, GroundTruth, Skeleton

PEOPLE_FILE = Path("annot", "valid.json")
TRUTH_FILE = Path("annot", "gt_valid.mat")
IMAGES = "images"
AREA_SOURCE = "square of the annotated scale"

_IDENTITY_VERSION = 1
_FROM_ONE = 1
_SCALE_PX = 200
"""MPII's ``scale`` is the height of a person in units of 200 px."""
_DOWN_PX = 15
"""The centre lies so many px, times the scale, below the annotated one, as in HRNet's code."""


@dataclass(frozen=True, eq=False)
class MpiiDataset:
    """Annotated people of MPII, looked for in the box that HRNet crops. Satisfies ``Dataset``.

    Image ids are 1 to I in the order in which the pictures first appear.

    Attributes:
        folder: Holds ``annot/valid.json``, ``annot/gt_valid.mat`` and ``images``.
        name: Short name.
        people: Pictures, centres and scales.
        truth: Joints and heads.
        limit: Only the first so many pictures; None for all.
    """

    folder: Path
    name: str
    people: MpiiPeople
    truth: MpiiTruth
    limit: int | None = None

    @classmethod
    def open(
        cls, folder: Path, *, name: str | None = None, limit: int | None = None
    ) -> MpiiDataset:
        """Read the annotations.

        Args:
            folder: Of the data set.
            name: Short name; by default the folder's.
            limit: Only the first so many pictures.

        Raises:
            InputError: A file is missing or does not fit the other.
            MissingExtraError: scipy is not installed.
        """
        if not (folder / IMAGES).is_dir():
            raise InputError(f"{folder / IMAGES}: not a folder.", remedy="Put the pictures there.")
        people, truth = read_people(folder / PEOPLE_FILE), read_truth(folder / TRUTH_FILE)
        check_same_people(people, truth, folder / TRUTH_FILE)
        return cls(folder, name or folder.resolve().name, people, truth, limit)

    @property
    def skeleton(self) -> Skeleton:
        """MPII's 16 joints."""
        return MPII16

    @property
    def notes(self) -> Sequence[str]:
        """By what it is scored."""
        return ["scored by PCKh: each annotated person is looked for in the annotated box"]

    @property
    def image_ids(self) -> Sequence[int]:
        """1 to I."""
        return range(1, len(self.people.pictures[: self.limit]) + 1)

    def image_path(self, image_id: int) -> Path:
        """Where the picture lies."""
        return self.folder / IMAGES / self.people.pictures[image_id - 1]

    def ground_truth(self) -> GroundTruth:
        """The annotations of the pictures in use; joints are those of ``gt_valid.mat``."""
        return self._ground_truth

    def identity(self) -> str:
        """Digest of both files' content and of the number of pictures in use."""
        truth = self.truth
        digest = hashlib.sha256(repr((_IDENTITY_VERSION, len(self.image_ids))).encode())
        digest.update(hashlib.sha256(self.people.raw).digest())
        for array in (truth.joints, truth.visible, truth.head_sizes):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    @cached_property
    def _ground_truth(self) -> GroundTruth:
        truth, boxes = self.truth, hrnet_boxes(self.people)
        points = np.where(truth.visible[..., None], truth.joints - _FROM_ONE, 0)
        flags = np.where(truth.visible, 2.0, 0.0)
        count, images = len(boxes), len(self.people.pictures)
        whole = GroundTruth(
            image_ids=np.arange(1, images + 1, dtype=np.int64),
            image_index=self.people.image_index,
            annotation_ids=np.arange(1, count + 1, dtype=np.int64),
            keypoints=np.concatenate([points, flags[..., None]], axis=2),
            boxes=boxes,
            areas=boxes[:, 2] * boxes[:, 3],
            is_crowd=np.zeros(count, np.bool_),
            num_keypoints=truth.visible.sum(axis=1).astype(np.int64),
            skeleton=MPII16,
            class_ids=np.zeros(count, np.int64),
            area_source=AREA_SOURCE,
            head_sizes=truth.head_sizes,
        )
        return only_images(whole, np.arange(len(self.image_ids), dtype=np.int64))


def hrnet_boxes(people: MpiiPeople) -> Float64Array:
    """(G, 4) x, y, w, h px from 0: the squares that HRNet's ``lib/dataset/mpii.py`` crops by.

    They are not padded: HRNet enlarges them by 1.25, which is the protocol's ``box_padding``.
    """
    size = _SCALE_PX * people.scales
    centers = people.centers - _FROM_ONE
    centers[:, 1] += _DOWN_PX * people.scales
    corners = centers - size[:, None] / 2
    return np.concatenate([corners, size[:, None], size[:, None]], axis=1)
