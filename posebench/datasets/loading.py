"""From what the user wrote to a Dataset."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from posebench.config import DatasetRef
from posebench.datasets.coco import CocoDataset
from posebench.datasets.known import KNOWN, fetch
from posebench.datasets.synthetic.dataset import SyntheticDataset
from posebench.datasets.synthetic.names import SPLIT_OF, is_synthetic
from posebench.datasets.yolo_pose import YoloPoseDataset
from posebench.errors import InputError
from posebench.protocols import Dataset

_DATA_FILE = "data.yaml"


def open_dataset(
    ref: DatasetRef, *, sigmas: Sequence[float] | None = None, download: bool = False
) -> Dataset:
    """Open a dataset by its files or by its name.

    A name is that of a known dataset, that of rendered people (``synthetic-easy:500:1``), of a
    YOLO-pose data file, or of a folder with a ``data.yaml``.

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
    return YoloPoseDataset.open(_data_file(name), sigmas=sigmas, limit=ref.limit)


def _data_file(name: str) -> Path:
    path = Path(name)
    if path.suffix.lower() in (".yaml", ".yml"):
        return path
    if path.is_dir():
        if (path / _DATA_FILE).is_file():
            return path / _DATA_FILE
        raise InputError(
            f"{path}: a folder without a {_DATA_FILE}.",
            remedy="For COCO annotations: --annotations FILE.json --images DIR.",
        )
    known = [*KNOWN, *SPLIT_OF]
    close = difflib.get_close_matches(name.partition(":")[0], known, n=1)
    suggestion = f"Did you mean {close[0]}? " if close else ""
    raise InputError(
        f"unknown dataset {name!r}.",
        remedy=f"{suggestion}Known: {', '.join(known)}; or give a YOLO-pose {_DATA_FILE}.",
    )
