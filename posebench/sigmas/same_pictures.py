"""Annotation files of the same pictures by different annotators: checked, and put side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from posebench.datasets.annotations import Annotations
from posebench.errors import InputError
from posebench.types import IntArray


@dataclass(frozen=True, eq=False)
class Annotator:
    """What one annotator drew.

    Attributes:
        path: The file, for messages.
        content: What is in it. G annotations.
    """

    path: Path
    content: Annotations


@dataclass(frozen=True, eq=False)
class SharedPictures:
    """Pictures that several annotators were given.

    Attributes:
        count: Pictures that are in two files or more.
        image_index: For each annotator (G,) the shared picture of each annotation, or -1.
        notes: What a user should know, one sentence each.
    """

    count: int
    image_index: tuple[IntArray, ...]
    notes: tuple[str, ...]


def shared_pictures(annotators: Sequence[Annotator]) -> SharedPictures:
    """Find the pictures that are in at least two files.

    A picture is known by its file_name if every file names all of its own, no name twice: tools
    number pictures anew at each export. Otherwise it is known by its id.

    Raises:
        InputError: A file is given twice or has nobody in it, the files have other keypoints or
            categories, or no picture is in two of them.
    """
    _check(annotators)
    by_name = all(_names_all(annotator.content) for annotator in annotators)
    keys = [_keys(annotator.content, by_name) for annotator in annotators]
    files_of = Counter(key for own in keys for key in own)
    shared = {key: i for i, key in enumerate(k for k, files in files_of.items() if files > 1)}
    if not shared:
        raise InputError(
            f"{annotators[0].path} and the others have no picture in common, by "
            f"{'file_name' if by_name else 'image id'}.",
            remedy="Give files of the same pictures by different annotators.",
        )
    alone = len(files_of) - len(shared)
    notes = (f"{alone} pictures are in one file only and were left out.",) if alone else ()
    index = tuple(
        np.array([shared.get(key, -1) for key in own], np.int64)[annotator.content.image_index]
        for annotator, own in zip(annotators, keys, strict=True)
    )
    return SharedPictures(len(shared), index, notes)


def _names_all(content: Annotations) -> bool:
    names = content.file_names
    return bool((names != "").all()) and len(np.unique(names)) == len(names)


def _keys(content: Annotations, by_name: bool) -> list[str]:
    """What each picture is known by, in the file's order."""
    return [str(key) for key in (content.file_names if by_name else content.image_ids)]


def _check(annotators: Sequence[Annotator]) -> None:
    for annotator in annotators:
        if not len(annotator.content.annotation_ids):
            raise InputError(
                f"{annotator.path}: nobody is annotated.",
                remedy="Give the file of an annotator who drew people.",
            )
    for one, other in combinations(annotators, 2):
        _check_pair(one, other)


def _check_pair(one: Annotator, other: Annotator) -> None:
    if str(one.content.sha256) == str(other.content.sha256):
        raise InputError(
            f"{one.path} and {other.path} have the same content: nothing was annotated twice.",
            remedy="Give the file of another annotator.",
        )
    _check_keypoints(one, other)
    if one.content.class_names.tolist() != other.content.class_names.tolist():
        raise InputError(
            f"categories: {', '.join(one.content.class_names)} in {one.path}, but "
            f"{', '.join(other.content.class_names)} in {other.path}.",
            remedy="Give the categories the same names and order of ids.",
        )


def _check_keypoints(one: Annotator, other: Annotator) -> None:
    counts = [annotator.content.keypoints.shape[1] for annotator in (one, other)]
    names = [annotator.content.keypoint_names.tolist() for annotator in (one, other)]
    difference = ""
    if counts[0] != counts[1]:
        difference = f"{counts[0]} keypoints in {one.path}, but {counts[1]} in {other.path}"
    elif names[0] and names[1] and names[0] != names[1]:
        k = next(i for i, (a, b) in enumerate(zip(*names, strict=True)) if a != b)
        difference = (
            f"keypoint {k + 1} is {names[0][k]!r} in {one.path}, but {names[1][k]!r} in "
            f"{other.path}"
        )
    if difference:
        raise InputError(f"{difference}.", remedy="Give files of one skeleton.")
