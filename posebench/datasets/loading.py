"""From what the user wrote to a Dataset."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from posebench.cache import CACHE_VARIABLE, cache_dir
from posebench.config import DatasetRef
from posebench.datasets.coco import CocoDataset
from posebench.datasets.known import KNOWN, fetch
from posebench.datasets.mpii import PEOPLE_FILE, MpiiDataset
from posebench.datasets.synthetic.dataset import SyntheticDataset
from posebench.datasets.synthetic.names import SPLIT_OF, is_synthetic
from posebench.datasets.yolo_pose import YoloPoseDataset
from posebench.errors import InputError
from posebench.protocols import Dataset

_DATA_FILE = "data.yaml"
MPII_VAL = "mpii-val"


def open_dataset(
    ref: DatasetRef, *, sigmas: Sequence[float] | None = None, download: bool = False
) -> Dataset:
    """Open a dataset by its files or by its name.

    A name is that of a known dataset, that of rendered people (``synthetic-easy:500:1``), of a
    YOLO-pose data file, or of a folder with a ``data.yaml`` or an ``annot/valid.json`` (MPII).

    Args:
        ref: What the user asked for.
        sigmas: Standard deviations of the OKS; None takes those of the dataset.
        download: Get a known dataset that is not in the cache.

    Raises:
        InputError: No such dataset, or it cannot be opened.
    """
    if ref.annotations is not None:
        return CocoDataset.open(
            ref.annotations, ref.images, sigmas=sigmas, limit=ref.limit, name=ref.name
        )
    name = ref.name or ""
    if name in KNOWN:
        annotations, images = fetch(name, download=download)
        return CocoDataset.open(annotations, images, sigmas=sigmas, limit=ref.limit, name=name)
    if is_synthetic(name):
        return SyntheticDataset.open(name, sigmas=sigmas, limit=ref.limit)
    if name == MPII_VAL or (Path(name) / PEOPLE_FILE).is_file():
        return _open_mpii(name, ref, sigmas)
    return YoloPoseDataset.open(_data_file(name), sigmas=sigmas, limit=ref.limit)


def _open_mpii(name: str, ref: DatasetRef, sigmas: Sequence[float] | None) -> MpiiDataset:
    if sigmas is not None:
        raise InputError(
            f"--sigmas: {name} is scored by PCKh, which has none.", remedy="Leave it out."
        )
    if name != MPII_VAL:
        return MpiiDataset.open(Path(name), limit=ref.limit)
    folder = cache_dir("datasets", MPII_VAL)
    if not (folder / PEOPLE_FILE).is_file():
        raise InputError(
            f"{MPII_VAL} is not in the cache ({folder}), and is not downloaded: its licence has to "
            "be accepted.",
            remedy=f"Put annot/valid.json and annot/gt_valid.mat of HRNet's data and MPII's "
            f"pictures as images/ into {folder}; {CACHE_VARIABLE} moves the cache.",
        )
    return MpiiDataset.open(folder, name=MPII_VAL, limit=ref.limit)


def _data_file(name: str) -> Path:
    path = Path(name)
    if path.suffix.lower() in (".yaml", ".yml"):
        return path
    if path.is_dir():
        if (path / _DATA_FILE).is_file():
            return path / _DATA_FILE
        raise InputError(
            f"{path}: a folder without a {_DATA_FILE} (YOLO-pose) or {PEOPLE_FILE} (MPII).",
            remedy="For COCO annotations: --annotations FILE.json --images DIR.",
        )
    known = [*KNOWN, MPII_VAL, *SPLIT_OF]
    close = difflib.get_close_matches(name.partition(":")[0], known, n=1)
    suggestion = f"Did you mean {close[0]}? " if close else ""
    raise InputError(
        f"unknown dataset {name!r}.",
        remedy=f"{suggestion}Known: {', '.join(known)}; or give a YOLO-pose {_DATA_FILE}.",
    )
