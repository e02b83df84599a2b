"""Which predictions, annotations and pictures belong to the Records of an HTML report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from posebench.datasets.coco import CocoDataset
from posebench.recording import scored_identity
from posebench.report.groups import Group, labels
from posebench.store import files_are_whole, read_record, record_paths

PREDICTIONS = "predictions"
"""Folder in that of a run."""


@dataclass(frozen=True)
class Predicted:
    """What was predicted.

    Attributes:
        annotations: COCO annotation JSON.
        images: Folder of the pictures.
        folders: Where Records with predictions beside them are looked for.
    """

    annotations: Path
    images: Path
    folders: Sequence[Path]


def prediction_folders(folders: Sequence[Path]) -> dict[str, Path]:
    """By accuracy id, the folder of the shards; only where no file was changed since the run.

    Raises:
        InputError: A folder is not there, or a Record is not readable.
    """
    found = {}
    for path in record_paths(folders):
        if not (path.parent / PREDICTIONS).is_dir():
            continue
        record = read_record(path)
        if record.accuracy_id and files_are_whole(path.parent, record):
            found[record.accuracy_id] = path.parent / PREDICTIONS
    return found


def models_of(group: Group, folders: Mapping[str, Path]) -> dict[str, Path]:
    """By their labels in the table, the models whose predictions are there, each once.

    Args:
        group: The table.
        folders: By accuracy id.
    """
    found: dict[str, tuple[str, Path]] = {}
    for label, record in zip(labels(group.records), group.records, strict=True):
        identity = record.accuracy_id or ""
        if record.status == "ok" and identity in folders and identity not in found:
            found[identity] = label, folders[identity]
    return dict(found.values())


def dataset_of(group: Group, predicted: Predicted) -> CocoDataset | None:
    """The annotations and pictures that a table was measured on; None if they are others.

    Raises:
        InputError: The annotations are invalid, or ``images`` is not a folder.
    """
    record = group.records[0]
    assert record.dataset is not None and record.protocol is not None, "as in every group"
    sigmas = record.protocol.evaluation.sigmas
    name = record.dataset.name
    whole = CocoDataset.open(predicted.annotations, predicted.images, sigmas=sigmas, name=name)
    limited = replace(whole, limit=record.dataset.images)
    for dataset in (whole, limited):
        if scored_identity(dataset) == record.dataset.identity:
            return dataset
    return None
