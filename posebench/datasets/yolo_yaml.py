"""A YOLO-pose `data.yaml`: where the pictures of a split lie and what the labels mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from posebench.datasets.images import SUFFIXES
from posebench.errors import InputError

_UNREADABLE = frozenset({".avif", ".dng", ".gif", ".heic", ".jp2", ".mpo", ".tif", ".tiff"})


@dataclass(frozen=True)
class DataFile:
    """What a ``data.yaml`` says, checked.

    Attributes:
        path: Of the file itself.
        root: Folder that the splits are relative to.
        splits: Folders or lists of pictures by split.
        class_names: Name of each class.
        keypoints: K.
        dims: 2 or 3 numbers a keypoint.
        flip_idx: For each keypoint the index that a horizontal flip gives it, or None.
        keypoint_names: K names, or none.
    """

    path: Path
    root: Path
    splits: dict[str, tuple[Path, ...]]
    class_names: tuple[str, ...]
    keypoints: int
    dims: int
    flip_idx: tuple[int, ...] | None
    keypoint_names: tuple[str, ...]


def read_data_file(path: Path) -> DataFile:
    """Read and check a ``data.yaml``.

    Raises:
        InputError: Missing, not YAML, or a field that is absent or does not fit.
    """
    document = _load(path)
    root = path.parent / _text(document.get("path") or ".", "path", path)
    keypoints, dims = _keypoint_shape(document, path)
    class_names = _class_names(document.get("names"), path)
    return DataFile(
        path=path,
        root=root,
        splits={s: _split(document[s], s, root, path) for s in _splits(document)},
        class_names=class_names,
        keypoints=keypoints,
        dims=dims,
        flip_idx=_flip_idx(document.get("flip_idx"), keypoints, path),
        keypoint_names=_keypoint_names(document.get("kpt_names"), keypoints, path),
    )


def list_pictures(data: DataFile, split: str) -> list[Path]:
    """Pictures of a split, sorted by path relative to the root; each one once.

    Raises:
        InputError: No such split or folder, or no picture in it.
    """
    if split not in data.splits:
        raise InputError(
            f"{data.path}: no split {split!r}.",
            remedy=f"It has: {', '.join(data.splits) or 'none'}.",
        )
    found = {picture for source in data.splits[split] for picture in _pictures(source, data, split)}
    if not found:
        places = ", ".join(str(source) for source in data.splits[split])
        raise InputError(
            f"{data.path}: {split}: no pictures in {places}.",
            remedy=f"Their names must end in {', '.join(sorted(SUFFIXES))}.",
        )
    return sorted(found, key=lambda picture: relative_name(picture, data.root))


def relative_name(picture: Path, root: Path) -> str:
    """Path of a picture relative to the root, with slashes; absolute if it lies elsewhere."""
    inside = picture.is_relative_to(root)
    return (picture.relative_to(root) if inside else picture).as_posix()


def _load(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(document, dict):
        raise InputError(f"{path}: not a mapping of `path`, `val`, `names` and `kpt_shape`.")
    return document


def _text(value: Any, field: str, path: Path) -> str:
    if not isinstance(value, str):
        raise InputError(f"{path}: {field} must be a path, not {value!r:.60}.")
    return value


def _splits(document: dict[str, Any]) -> list[str]:
    return [split for split in ("train", "val", "test") if document.get(split)]


def _split(value: Any, split: str, root: Path, path: Path) -> tuple[Path, ...]:
    entries = value if isinstance(value, list) else [value]
    return tuple(root / _text(entry, split, path) for entry in entries)


def _pictures(source: Path, data: DataFile, split: str) -> Sequence[Path]:
    if source.is_dir():
        files = [file for file in source.rglob("*") if file.is_file()]
        unreadable = sorted(file for file in files if file.suffix.lower() in _UNREADABLE)
        if unreadable:
            raise InputError(
                f"{unreadable[0]}: pictures of this format cannot be read.",
                remedy=f"Convert them to one of {', '.join(sorted(SUFFIXES))}.",
            )
        return [file for file in files if file.suffix.lower() in SUFFIXES]
    if source.is_file() and source.suffix == ".txt":
        lines = source.read_text(encoding="utf-8").splitlines()
        return [source.parent / line.strip() for line in lines if line.strip()]
    raise InputError(
        f"{data.path}: {split}: {source} is neither a folder nor a .txt list of pictures.",
        remedy="`path` is relative to the data file, the splits are relative to `path`.",
    )


def _keypoint_shape(document: dict[str, Any], path: Path) -> tuple[int, int]:
    match document.get("kpt_shape"):
        case [int(keypoints), (2 | 3) as dims] if keypoints > 0:
            return keypoints, dims
        case shape:
            raise InputError(
                f"{path}: kpt_shape must be [number of keypoints, 2 or 3], not {shape!r:.60}.",
                remedy="For COCO's 17 keypoints with visibility: kpt_shape: [17, 3]",
            )


def _class_names(names: Any, path: Path) -> tuple[str, ...]:
    """From a list, or from a mapping of the numbers 0, 1, ... to names."""
    if isinstance(names, dict) and sorted(names, key=str) == sorted(range(len(names)), key=str):
        names = [names[number] for number in range(len(names))]
    if not isinstance(names, list) or not names:
        raise InputError(
            f"{path}: names must list the classes, not {names!r:.60}.", remedy="names: [person]"
        )
    return tuple(str(name) for name in names)


def _flip_idx(value: Any, keypoints: int, path: Path) -> tuple[int, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or sorted(value, key=str) != sorted(range(keypoints), key=str):
        raise InputError(
            f"{path}: flip_idx must hold each of 0 to {keypoints - 1} once, not {value!r:.60}."
        )
    return tuple(value)


def _keypoint_names(value: Any, keypoints: int, path: Path) -> tuple[str, ...]:
    """From a list, or from a mapping of class number to list as newer data files have it."""
    if isinstance(value, dict):
        value = next(iter(value.values()), None)
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) != keypoints:
        raise InputError(f"{path}: kpt_names must hold {keypoints} names, not {value!r:.60}.")
    return tuple(str(name) for name in value)
