"""A dataset made of a COCO annotation file and a folder of pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePath

import numpy as np

from posebench.cache import HashedFile
from posebench.datasets.annotations import Annotations, load_annotations
from posebench.datasets.box_area import BOX_AREA_SOURCE
from posebench.datasets.selection import only_images
from posebench.datasets.skeletons import COCO17, COCO_WHOLEBODY133, CROWDPOSE14, make_skeleton
from posebench.datasets.wholebody import WHOLE
from posebench.errors import InputError
from posebench.types import Float64Array, GroundTruth, IntArray, Skeleton


@dataclass(frozen=True, eq=False)
class CocoDataset:
    """Pictures with annotated people, from COCO files.

    Attributes:
        name: Short name for tables and folders.
        skeleton: Names and sigmas of the keypoints.
        annotations: The whole annotation file.
        images: Folder of the pictures; None when they are not needed.
        limit: Number of pictures used, the smallest ids first; None for all.
        whole_body: Feet, face and hands too; only some annotation files have them.
    """

    name: str
    skeleton: Skeleton
    annotations: Annotations
    images: Path | None = None
    limit: int | None = None
    whole_body: bool = False

    @classmethod
    def open(
        cls,
        annotations: Path,
        images: Path | None = None,
        *,
        sigmas: Sequence[float] | None = None,
        limit: int | None = None,
        name: str | None = None,
        pycocotools_ids: bool = False,
        reading: HashedFile | None = None,
    ) -> CocoDataset:
        """Read an annotation file.

        Args:
            annotations: COCO keypoint annotation JSON.
            images: Folder that the ``file_name`` of each picture is relative to.
            sigmas: One number a keypoint; needed when they are not the 17 of COCO.
            limit: Use only so many pictures, the smallest ids first.
            name: Short name; by default the annotation file's.
            pycocotools_ids: Treat faulty ids as pycocotools does instead of refusing them.
            reading: The annotation file, if another thread reads it already.

        Raises:
            InputError: The annotations are invalid, or ``images`` is not a folder.
        """
        if images is not None and not images.is_dir():
            raise InputError(f"{images}: not a folder.", remedy="Give the folder of the pictures.")
        content = load_annotations(annotations, pycocotools_ids=pycocotools_ids, reading=reading)
        skeleton = make_skeleton(
            [str(keypoint) for keypoint in content.keypoint_names],
            content.keypoints.shape[1],
            sigmas=sigmas,
            edges=[(int(a), int(b)) for a, b in content.edges],
            source=str(annotations),
        )
        return cls(name or annotations.stem, skeleton, content, images, limit)

    @cached_property
    def _used(self) -> IntArray:
        """Positions in the file's images, in the dataset's order."""
        ids = self.annotations.image_ids
        if self.limit is None:
            return np.arange(len(ids))
        return np.argsort(ids, kind="stable")[: self.limit]

    @cached_property
    def _file_names(self) -> dict[int, str]:
        content = self.annotations
        names = content.file_names.tolist()
        return dict(zip(content.image_ids.tolist(), names, strict=True))

    @property
    def notes(self) -> Sequence[str]:
        """What a user should know about the annotations, one sentence each."""
        return [str(note) for note in self.annotations.notes]

    @cached_property
    def image_ids(self) -> Sequence[int]:
        """Every image id, in the dataset's order."""
        ids: list[int] = self.annotations.image_ids[self._used].tolist()
        return ids

    def image_path(self, image_id: int) -> Path:
        """Where a picture lies.

        Raises:
            InputError: No folder was given, the annotations do not name the file, or the name
                leads out of the folder.
        """
        if self.images is None:
            problem = f"{self.name}: no folder of pictures."
            raise InputError(problem, remedy="Give it with --images.")
        file_name = self._file_names.get(image_id)
        if not file_name:
            raise InputError(f"{self.name}: image id {image_id} has no file_name.")
        parts = PurePath(file_name)
        if parts.is_absolute() or ".." in parts.parts:  # a link is the user's own doing
            raise InputError(f"{self.name}: file_name {file_name!r} leads out of {self.images}.")
        return self.images / parts

    @property
    def crowd_index(self) -> Float64Array:
        """(I,) how crowded each picture is (CrowdPose), NaN where that is not annotated."""
        return self.annotations.crowd_index[self._used]

    def for_keypoints(self, count: int) -> CocoDataset:
        """The same pictures, with the whole body if that is what ``count`` keypoints are.

        Raises:
            InputError: The body has other sigmas than COCO's: those of the parts are unknown.
        """
        if count != WHOLE or not self.annotations.part_keypoints.shape[1]:
            return self
        if self.skeleton != COCO17:
            raise InputError(
                "--sigmas: the whole body is scored with the sigmas of COCO-WholeBody only.",
                remedy="Leave --sigmas out.",
            )
        return replace(self, skeleton=COCO_WHOLEBODY133, whole_body=True)

    def ground_truth(self) -> GroundTruth:
        """The annotations of the pictures in use, as arrays."""
        content = self.annotations
        keypoints, counts = content.keypoints, content.num_keypoints
        if self.whole_body:
            keypoints = np.concatenate([keypoints, content.part_keypoints], axis=1)
            counts = np.count_nonzero(keypoints[:, :, 2] > 0, axis=1)
        whole = GroundTruth(
            image_ids=content.image_ids,
            image_index=content.image_index,
            annotation_ids=content.annotation_ids,
            keypoints=keypoints,
            boxes=content.boxes,
            areas=content.areas,
            is_crowd=content.is_crowd,
            num_keypoints=counts,
            skeleton=self.skeleton,
            class_ids=content.class_ids,
            class_names=tuple(str(name) for name in content.class_names),
            area_source=BOX_AREA_SOURCE if self.skeleton.name == CROWDPOSE14.name else "segment",
        )
        return whole if self.limit is None else only_images(whole, self._used)

    def identity(self) -> str:
        """Hex digest of the annotation file, the image ids in use and the sigmas."""
        digest = hashlib.sha256(str(self.annotations.sha256).encode())
        digest.update(np.sort(np.asarray(self.image_ids, np.int64)).tobytes())
        digest.update(np.asarray(self.skeleton.sigmas, np.float64).tobytes())
        return digest.hexdigest()
