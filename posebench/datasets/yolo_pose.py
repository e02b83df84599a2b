"""YOLO-pose folders: a `data.yaml`, pictures, and a label file beside each picture."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from posebench.datasets.box_area import AREA_PER_BOX_AREA, BOX_AREA_SOURCE, areas_from_boxes
from posebench.datasets.images import read_size
from posebench.datasets.skeletons import make_skeleton
from posebench.datasets.yolo_labels import LabelFormat, Labels, parse_labels
from posebench.datasets.yolo_yaml import DataFile, list_pictures, read_data_file, relative_name
from posebench.errors import InputError
from posebench.types import Float64Array, GroundTruth, Skeleton

_IDENTITY_VERSION = 1


@dataclass(frozen=True, eq=False)
class YoloPoseDataset:
    """Pictures and labels of one split of a YOLO-pose data file. Satisfies ``Dataset``.

    A picture without a label file is a picture without people. Image ids are 1 to I in the order
    of the paths relative to the root.

    Attributes:
        data: What the data file says.
        split: ``train``, ``val`` or ``test``.
        skeleton: Names, sigmas and flip pairs of the keypoints.
        pictures: I paths, in the order of the ids.
    """

    data: DataFile
    split: str
    skeleton: Skeleton
    pictures: tuple[Path, ...]

    @classmethod
    def open(
        cls,
        data_yaml: Path,
        *,
        split: str = "val",
        sigmas: Sequence[float] | None = None,
        limit: int | None = None,
    ) -> YoloPoseDataset:
        """Read the data file and every label of a split.

        Args:
            data_yaml: The data file.
            split: Which split.
            sigmas: K standard deviations of the OKS; needed unless the keypoints are COCO's 17.
            limit: Only the first so many pictures.

        Raises:
            InputError: The data file, a folder or a label does not fit; no sigmas are known.
        """
        data = read_data_file(data_yaml)
        pictures = tuple(list_pictures(data, split)[:limit])
        dataset = cls(data, split, _skeleton(data, sigmas), pictures)
        dataset._check_labelled()
        dataset.ground_truth()
        return dataset

    @property
    def name(self) -> str:
        """The data file's name, or its folder's if it is ``data.yaml``, and the split."""
        path = self.data.path.resolve()
        return f"{path.parent.name if path.stem == 'data' else path.stem}-{self.split}"

    @property
    def notes(self) -> Sequence[str]:
        """That the areas are not those of segments."""
        return [f"areas are {AREA_PER_BOX_AREA} x box: figures do not compare with COCO's own"]

    @property
    def image_ids(self) -> Sequence[int]:
        """1 to I."""
        return range(1, len(self.pictures) + 1)

    def image_path(self, image_id: int) -> Path:
        """Where the picture lies."""
        return self.pictures[image_id - 1]

    def ground_truth(self) -> GroundTruth:
        """The labels in pixels."""
        return self._ground_truth

    def identity(self) -> str:
        """Digest of the pictures' names, the label files' bytes and what the labels mean."""
        data = self.data
        meaning = (_IDENTITY_VERSION, data.class_names, data.keypoints, data.dims)
        digest = hashlib.sha256(repr((*meaning, self.skeleton.keypoints)).encode())
        for picture, label in zip(self.pictures, self._label_bytes, strict=True):
            content = hashlib.sha256(label).hexdigest()
            digest.update(f"{relative_name(picture, data.root)}\0{content}\n".encode())
        return digest.hexdigest()

    def _check_labelled(self) -> None:
        if not any(label_path(picture).exists() for picture in self.pictures):
            raise InputError(
                f"{self.data.path}: {self.split}: no picture has a label file.",
                remedy=f"That of {self.pictures[0]} would be {label_path(self.pictures[0])}.",
            )

    @cached_property
    def _label_bytes(self) -> tuple[bytes, ...]:
        paths = map(label_path, self.pictures)
        return tuple(path.read_bytes() if path.exists() else b"" for path in paths)

    @cached_property
    def _ground_truth(self) -> GroundTruth:
        data = self.data
        layout = LabelFormat(data.keypoints, data.dims, len(data.class_names))
        people = [
            _to_pixels(parse_labels(content, layout, label_path(picture)), picture)
            for picture, content in zip(self.pictures, self._label_bytes, strict=True)
        ]
        counts = [len(labels.class_ids) for labels in people]
        keypoints = np.concatenate([labels.keypoints for labels in people])
        boxes = np.concatenate([labels.boxes for labels in people])
        return GroundTruth(
            image_ids=np.asarray(self.image_ids, np.int64),
            image_index=np.repeat(np.arange(len(people), dtype=np.int64), counts),
            annotation_ids=np.arange(1, len(boxes) + 1, dtype=np.int64),
            keypoints=keypoints,
            boxes=boxes,
            areas=areas_from_boxes(boxes),
            area_source=BOX_AREA_SOURCE,
            is_crowd=np.zeros(len(boxes), np.bool_),
            num_keypoints=(keypoints[:, :, 2] > 0).sum(axis=1).astype(np.int64),
            skeleton=self.skeleton,
            class_ids=np.concatenate([labels.class_ids for labels in people]),
            class_names=data.class_names,
        )


def label_path(picture: Path) -> Path:
    """The label file of a picture: the last folder ``images`` of its path becomes ``labels``."""
    parts = list(picture.parts)
    folders = parts[:-1]
    if "images" in folders:
        parts[len(folders) - 1 - folders[::-1].index("images")] = "labels"
    return Path(*parts).with_suffix(".txt")


def _skeleton(data: DataFile, sigmas: Sequence[float] | None) -> Skeleton:
    skeleton = make_skeleton(
        data.keypoint_names, data.keypoints, sigmas=sigmas, source=str(data.path)
    )
    if data.flip_idx is None:
        return skeleton
    pairs = tuple((i, j) for i, j in enumerate(data.flip_idx) if i < j)
    return replace(skeleton, flip_pairs=pairs)


def _to_pixels(labels: Labels, picture: Path) -> Labels:
    """Normalised labels to x, y, w, h boxes and keypoints in pixels of the picture."""
    if not len(labels.class_ids):
        return labels
    height, width = read_size(picture)
    scale: Float64Array = np.asarray([width, height], np.float64)
    size = labels.boxes[:, 2:] * scale
    corner = labels.boxes[:, :2] * scale - size / 2
    keypoints = labels.keypoints.copy()
    keypoints[:, :, :2] *= scale
    return Labels(labels.class_ids, np.concatenate([corner, size], axis=1), keypoints)
