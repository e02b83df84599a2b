"""Where the picture of an image id lies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from posebench.datasets.annotations import load_annotations
from posebench.datasets.coco import CocoDataset
from posebench.datasets.images import SUFFIXES
from posebench.datasets.skeletons import make_skeleton, recognise
from posebench.errors import InputError

_NUMBERED = re.compile(r"(?:COCO_\w+_)?(\d+)")


class NumberedPictures:
    """A folder whose pictures are named by their ids: ``000000000139.jpg`` is id 139.

    Zeros may be left out, and the names of COCO 2014 (``COCO_val2014_000000000139.jpg``) are known.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise InputError(f"{folder}: not a folder.", remedy="Give the folder of the pictures.")
        self._folder = folder
        self._found: dict[int, list[Path]] = {}
        for path in sorted(folder.iterdir()):
            number = _NUMBERED.fullmatch(path.stem)
            if number and path.suffix.lower() in SUFFIXES:
                self._found.setdefault(int(number[1]), []).append(path)

    def image_path(self, image_id: int) -> Path:
        """Where the picture lies, or would lie if it were there.

        Raises:
            InputError: Several pictures have that number.
        """
        paths = self._found.get(image_id, [self._folder / f"{image_id:012d}.jpg"])
        if len(paths) > 1:
            names = " and ".join(path.name for path in paths[:2])
            raise InputError(
                f"{self._folder}: {names} both have the number of image id {image_id}.",
                remedy="Say with --annotations which file is which picture.",
            )
        return paths[0]


def open_dataset(
    annotations: Path, images: Path, *, sigmas: Sequence[float] | None, scored: bool
) -> CocoDataset:
    """Annotations whose pictures are drawn.

    Args:
        annotations: COCO annotation JSON.
        images: Folder that ``file_name`` is relative to.
        sigmas: As in ``CocoDataset.open``.
        scored: Predictions are matched too, so that an unknown skeleton needs sigmas.

    Raises:
        InputError: The annotations are invalid, or ``images`` is not a folder.
    """
    if scored or not images.is_dir():
        return CocoDataset.open(annotations, images, sigmas=sigmas)
    content = load_annotations(annotations)
    names, count = [str(name) for name in content.keypoint_names], content.keypoints.shape[1]
    known = recognise(names, count)
    edges = [(int(a), int(b)) for a, b in content.edges]
    # Nothing is scored, so any sigma will do.
    skeleton = known or make_skeleton(names, count, sigmas=[1.0] * count, edges=edges)
    return CocoDataset(annotations.stem, skeleton, content, images)


@dataclass(frozen=True)
class Found:
    """Which pictures there are.

    Attributes:
        there: Image id and file of each.
        missing: What the others are called.
    """

    there: Sequence[tuple[int, Path]]
    missing: Sequence[str]


def find_pictures(image_ids: Sequence[int], images: Path, dataset: CocoDataset | None) -> Found:
    """Look for pictures: by the ``file_name`` of the annotations, or by the number in their name.

    Raises:
        InputError: ``images`` is not a folder, a ``file_name`` is missing or leads out of it,
            several pictures have a number, or none is there.
    """
    source = dataset or NumberedPictures(images)
    known = set(image_ids) if dataset is None else set(dataset.image_ids)
    paths = {i: source.image_path(i) for i in image_ids if i in known}
    there = [(i, path) for i, path in paths.items() if path.is_file()]
    found = dict(there)
    missing = [
        paths[i].name if i in paths else f"image id {i}" for i in image_ids if i not in found
    ]
    if there:
        return Found(there, missing)
    by_number = dataset is None
    raise InputError(
        f"{images}: none of the {len(missing)} pictures of the predictions is there, "
        f"e.g. {missing[0]}.",
        remedy="Give their folder with --images"
        + (", or with --annotations how they are called." if by_number else "."),
    )
