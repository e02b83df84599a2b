"""A COCO annotation file as arrays, checked, and kept in the cache by its content."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from posebench.cache import HashedFile, atomic_path, cache_dir, collector_paused, read_arrays
from posebench.datasets.box_area import areas_from_boxes
from posebench.datasets.crowdpose import is_crowdpose, read_crowd_index
from posebench.datasets.ids import check_unique, positions, rows_as_pycocotools
from posebench.datasets.jsonfile import Entries, parse, read_hashed
from posebench.datasets.skeletons import COCO17, recognise
from posebench.datasets.wholebody import has_parts, invalid_but_labelled, read_parts
from posebench.errors import InputError
from posebench.types import BoolArray, Float64Array, IntArray

CACHE_VERSION = 2

Strings = npt.NDArray[np.str_]

_INSTANCES = "Use a keypoint annotation file, e.g. person_keypoints_val2017.json."


@dataclass(frozen=True, eq=False)
class Annotations:
    """What an annotation file says about keypoints. I images, G annotations, C classes.

    Attributes:
        sha256: Digest of the file, as text.
        image_ids: (I,) unique, in the file's order.
        file_names: (I,) relative to the folder of the pictures, or ``""``.
        crowd_index: (I,) how crowded a picture is, 0..1 (CrowdPose); NaN where it is not stated.
        category_ids: (C,) ids of the categories with keypoints, ascending.
        class_names: (C,) their names.
        other_category_ids: Ids of the categories without keypoints; they are left out.
        keypoint_names: (K,) names, or none if the file has none.
        edges: (E, 2) zero-based limbs.
        image_index: (G,) position in ``image_ids``.
        annotation_ids: (G,) ids.
        class_ids: (G,) zero-based class.
        keypoints: (G, K, 3) x, y, v.
        boxes: (G, 4) x, y, width, height, px.
        part_keypoints: (G, 116, 3) feet, face and hands of COCO-WholeBody, else (G, 0, 3).
        areas: (G,) px², as stated; for CrowdPose, which states none, .53 of the box.
        is_crowd: (G,) bool.
        num_keypoints: (G,) as stated, or counted where it is not.
        notes: What a user should know, one sentence each.
    """

    sha256: Strings
    image_ids: IntArray
    file_names: Strings
    crowd_index: Float64Array
    category_ids: IntArray
    class_names: Strings
    other_category_ids: IntArray
    keypoint_names: Strings
    edges: IntArray
    image_index: IntArray
    annotation_ids: IntArray
    class_ids: IntArray
    keypoints: Float64Array
    part_keypoints: Float64Array
    boxes: Float64Array
    areas: Float64Array
    is_crowd: BoolArray
    num_keypoints: IntArray
    notes: Strings


def load_annotations(
    path: Path, *, pycocotools_ids: bool = False, reading: HashedFile | None = None
) -> Annotations:
    """Read, check and convert an annotation file, or take it from the cache.

    Args:
        path: COCO annotation JSON.
        pycocotools_ids: Do with repeated annotation ids, and with annotations of pictures that
            are not listed, what pycocotools does, instead of refusing them.
        reading: The file, if another thread reads it already.

    Raises:
        InputError: The file is not what it should be; names the entry, the field and the remedy.
    """
    raw, digest = read_hashed(reading or HashedFile(path))
    cached = cache_dir("ground-truth", f"{digest}-{CACHE_VERSION}.npz")
    if not pycocotools_ids and (found := _read_cache(cached)) is not None:
        return found
    with collector_paused():
        annotations = _Converter(path, parse(raw, path), digest, pycocotools_ids).convert()
    if not pycocotools_ids:
        with suppress(OSError):  # A cache that cannot be written only costs time.
            _write_cache(cached, annotations)
    return annotations


def _read_cache(path: Path) -> Annotations | None:
    try:
        return Annotations(**read_arrays(path))
    except (OSError, ValueError, TypeError, EOFError, BadZipFile):
        return None


def _write_cache(path: Path, annotations: Annotations) -> None:
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **vars(annotations))


class _Converter:
    """One decoded document on its way to arrays."""

    def __init__(self, path: Path, document: Any, digest: str, pycocotools_ids: bool) -> None:
        if not isinstance(document, dict):
            raise InputError(
                f"{path}: not a COCO annotation file: a list, or a single value.",
                remedy="Is it a results file? Give that as --predictions.",
            )
        self.path = path
        self.document = document
        self.digest = digest
        self.pycocotools_ids = pycocotools_ids
        self.notes: list[str] = []

    def convert(self) -> Annotations:
        images = self._entries("images")
        image_ids, file_names, crowd_index = self._images(images)
        every = self._entries("annotations")
        categories, others = self._categories(every)
        category_ids = np.array([category["id"] for category in categories], np.int64)
        rows, owners = self._used_rows(every, image_ids, category_ids)
        entries = every if np.array_equal(rows, np.arange(len(every))) else every.select(rows)
        names, edges, count = self._keypoints(categories, entries)
        keypoints = entries.vectors("keypoints", 3 * count, _INSTANCES).reshape(-1, count, 3)
        boxes = entries.vectors("bbox", 4, "Give each annotation its box as [x, y, w, h].")
        return Annotations(
            sha256=np.array(self.digest),
            image_ids=image_ids,
            file_names=file_names,
            crowd_index=crowd_index,
            category_ids=category_ids,
            class_names=np.array([str(c.get("name", c["id"])) for c in categories]),
            other_category_ids=others,
            keypoint_names=np.array(names, np.str_),
            edges=np.array(edges, np.int64).reshape(-1, 2),
            image_index=owners,
            annotation_ids=self._ids(entries),
            class_ids=np.searchsorted(category_ids, entries.integers("category_id")),
            keypoints=keypoints,
            part_keypoints=self._parts(names, entries),
            boxes=boxes,
            areas=areas_from_boxes(boxes) if is_crowdpose(names) else self._areas(entries),
            is_crowd=self._crowds(entries),
            num_keypoints=self._counts(entries, keypoints),
            notes=np.array(self.notes, np.str_),
        )

    def _entries(self, name: str) -> Entries:
        if name not in self.document:
            raise InputError(f"{self.path}: no {name!r} in it.", remedy=_INSTANCES)
        return Entries.of(self.path, name, self.document[name], "id")

    def _images(self, entries: Entries) -> tuple[IntArray, Any, Float64Array]:
        ids = entries.integers("id")
        names = [str(row.get("file_name", "")) for row in entries.rows]
        _, first = np.unique(ids, return_index=True)
        if len(first) < len(ids):
            self._check_same_file(entries, ids, names)
            self.notes.append(f"{len(ids) - len(first)} repeated entries in images were merged.")
        kept = np.sort(first)
        file_names = np.array([names[i] for i in kept], np.str_)
        return ids[kept], file_names, read_crowd_index(entries)[kept]

    def _check_same_file(self, entries: Entries, ids: IntArray, names: list[str]) -> None:
        seen: dict[int, str] = {}
        for row, (image_id, name) in enumerate(zip(ids.tolist(), names, strict=True)):
            if seen.setdefault(image_id, name) != name:
                problem = f"file_name is {name!r}, but {seen[image_id]!r} in an earlier entry"
                raise entries.error(row, problem, "Give each picture an id of its own.")

    def _categories(self, annotations: Entries) -> tuple[list[dict[str, Any]], IntArray]:
        """Categories with keypoints by ascending id, and the ids of the others."""
        entries = self._entries("categories")
        ids = entries.integers("id")
        check_unique(entries, ids, "id", "Give each category an id of its own.")
        with_points = {
            str(row.get("category_id"))
            for row in annotations.rows
            if row.get("keypoints") is not None
        }
        rows = [entries.rows[int(i)] for i in np.argsort(ids, kind="stable")]
        used = [row for row in rows if row.get("keypoints") or str(row["id"]) in with_points]
        if not used:
            raise InputError(f"{self.path}: no category has keypoints.", remedy=_INSTANCES)
        return used, np.array([row["id"] for row in rows if row not in used], np.int64)

    def _used_rows(
        self, entries: Entries, image_ids: IntArray, category_ids: IntArray
    ) -> tuple[IntArray, IntArray]:
        """Rows of the annotations that are scored, and the positions of their images."""
        categories = entries.integers("category_id")
        known = np.isin(categories, [row["id"] for row in self.document["categories"]])
        if not known.all():
            row = int(np.argmin(known))
            raise entries.error(row, f"category_id {categories[row]} is not in categories")
        owners = positions(entries.integers("image_id"), image_ids)
        if (owners < 0).any() and not self.pycocotools_ids:
            row = int(np.argmin(owners))
            problem = f"image_id {entries.rows[row]['image_id']} is not in images"
            raise entries.error(row, problem, "Add the picture, or remove its annotations.")
        rows = np.flatnonzero((owners >= 0) & np.isin(categories, category_ids))
        if self.pycocotools_ids:
            rows = rows_as_pycocotools(entries.integers("id"), owners, rows, image_ids)
        return rows, owners[rows]

    def _keypoints(
        self, categories: list[dict[str, Any]], entries: Entries
    ) -> tuple[Sequence[str], Any, int]:
        """Names (or none), limbs and number of the keypoints that all categories share."""
        named = [c for c in categories if c.get("keypoints")]
        if not named:
            first = entries.rows[0].get("keypoints")
            return [], [], len(first) // 3 if isinstance(first, list) else 0
        names = named[0]["keypoints"]
        for category in named:
            if category["keypoints"] != names or not isinstance(names, list):
                raise InputError(
                    f"{self.path}: the categories {named[0].get('name')!r} and "
                    f"{category.get('name')!r} do not share one list of keypoint names.",
                    remedy="Evaluate them one at a time.",
                )
        return [str(name) for name in names], self._edges(named[0]), len(names)

    def _parts(self, names: Sequence[str], entries: Entries) -> Float64Array:
        """Keypoints beyond the body, where it is COCO's and there are any."""
        if recognise(names, len(names)) is not COCO17 or not has_parts(entries):
            return np.zeros((len(entries), 0, 3))
        parts = read_parts(entries)
        if differing := invalid_but_labelled(entries, parts):
            self.notes.append(
                f"{differing} parts have labelled keypoints but a flag that says invalid; the "
                "keypoints decide, as in xtcocotools."
            )
        return parts

    def _edges(self, category: dict[str, Any]) -> list[tuple[int, int]]:
        try:
            return [(int(a) - 1, int(b) - 1) for a, b in category.get("skeleton") or []]
        except (TypeError, ValueError) as error:
            raise InputError(
                f"{self.path}: skeleton of the category {category.get('name')!r} is not a list of "
                "pairs of keypoint numbers."
            ) from error

    def _ids(self, entries: Entries) -> IntArray:
        ids = entries.integers("id", remedy="Give each annotation an id of its own.")
        if not self.pycocotools_ids:
            check_unique(entries, ids, "id", "Give each annotation an id of its own.")
        return ids

    def _areas(self, entries: Entries) -> Float64Array:
        areas = entries.numbers("area", remedy="Give each annotation its area in px².")
        if (areas < 0).any():
            raise entries.error(int(np.argmax(areas < 0)), "area is negative")
        return areas

    def _crowds(self, entries: Entries) -> Any:
        missing = sum("iscrowd" not in row for row in entries.rows)
        if missing:
            self.notes.append(f"{missing} annotations without iscrowd were taken as no crowd.")
        return entries.flags("iscrowd")

    def _counts(self, entries: Entries, keypoints: Float64Array) -> IntArray:
        counted = np.count_nonzero(keypoints[:, :, 2] > 0, axis=1)
        stated = entries.integers("num_keypoints", default=-1)
        missing = np.array(["num_keypoints" not in row for row in entries.rows], np.bool_)
        if missing.any():
            self.notes.append(
                f"{int(missing.sum())} annotations without num_keypoints: the keypoints with "
                "v > 0 were counted."
            )
        differing = int(((stated != counted) & ~missing).sum())
        if differing:
            self.notes.append(
                f"{differing} annotations state a num_keypoints other than their number of "
                "keypoints with v > 0; the stated number decides who is ignored."
            )
        return np.where(missing, counted, stated)
