"""The predictions that a user names: a file of results, shards, or a run of posebench."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path

from posebench.datasets.coco import CocoDataset
from posebench.datasets.detected import Results
from posebench.datasets.results import load_predictions
from posebench.diagnosis.run import Subject
from posebench.errors import InputError
from posebench.evaluation import count_people, with_sigmas
from posebench.metrics.accumulate import FigureSpec, figures
from posebench.metrics.coco import match_keypoints
from posebench.record import Record
from posebench.store import RECORD_PATTERN, read_record, record_paths
from posebench.types import GroundTruth

_FOLDER = "predictions"
_NAMED = 3
_MAX_DETS = 20
_TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class Predicted:
    """Predictions over annotations, and what they are called.

    Attributes:
        ground_truth: Annotated people.
        results: Predicted people.
        subject: Names and notes.
        max_dets: Detections a picture that are scored.
    """

    ground_truth: GroundTruth
    results: Results
    subject: Subject
    max_dets: int = _MAX_DETS


def read(
    predictions: Path, annotations: Path, *, sigmas: Sequence[float] | None = None
) -> Predicted:
    """Read predictions and the annotations they are compared with.

    Args:
        predictions: Results JSON, shard, folder of shards, or a run's folder or record, whose
            pictures, sigmas and number of scored people are then taken over.
        annotations: COCO keypoint annotation JSON.
        sigmas: Standard deviations of the OKS instead of the run's or the dataset's.

    Raises:
        InputError: A file is not what it should be, the two do not fit, or there is no picture.
    """
    path = _record_path(predictions)
    if path is not None:
        return _of_run(path, annotations, sigmas)
    dataset = CocoDataset.open(annotations, sigmas=sigmas)
    return _read(predictions, dataset, predictions.stem)


def _record_path(path: Path) -> Path | None:
    """The record that a path stands for: itself, or one in or below the run's folder."""
    if path.is_file():
        return path if fnmatch(path.name, RECORD_PATTERN) else None
    if not path.is_dir():
        return None
    found = sorted(path.parent.glob(RECORD_PATTERN)) if path.name == _FOLDER else []
    found = found or record_paths([path])
    runs = sorted({one.parent for one in found})
    if len(runs) > 1:
        told = ", ".join(map(str, runs[:_NAMED])) + (", ..." if len(runs) > _NAMED else "")
        raise InputError(f"{path}: {len(runs)} runs ({told}).", remedy="Give one of them.")
    good = [one for one in found if read_record(one).status == "ok"]
    return next(iter([*good, *found]), None)


def _of_run(path: Path, annotations: Path, sigmas: Sequence[float] | None) -> Predicted:
    record = read_record(path)
    protocol, scored, folder = record.protocol, record.dataset, path.parent / _FOLDER
    if record.status != "ok" or protocol is None or scored is None:
        raise InputError(f"{path}: its run has the status {record.status!r}.", remedy="Run again.")
    if "keypoints" not in record.accuracy:
        raise InputError(f"{path}: it was not scored by the OKS, which is what is diagnosed.")
    if not folder.is_dir():
        raise InputError(
            f"{path}: there are no predictions beside it; published results do not keep them.",
            remedy=f"Give a folder of runs/ that has {_FOLDER}/, or the predictions themselves.",
        )
    own = protocol.evaluation.sigmas
    dataset = CocoDataset.open(annotations, sigmas=own, limit=scored.images, name=scored.name)
    _check_same(path, record, annotations, dataset.ground_truth())
    found = _read(folder, dataset, record.model.label, protocol.evaluation.max_dets)
    _check_ap(path, record, annotations, found)
    subject = replace(found.subject, identity=scored.identity, identity_of="dataset")
    return replace(found, subject=subject, ground_truth=with_sigmas(found.ground_truth, sigmas))


def _read(
    predictions: Path, dataset: CocoDataset, label: str, max_dets: int = _MAX_DETS
) -> Predicted:
    results = load_predictions(predictions, dataset, dataset.ground_truth())
    dataset = dataset.for_keypoints(results.detections.keypoints.shape[1])
    truth = dataset.ground_truth()
    if not len(truth.image_ids):
        raise InputError(f"{dataset.name}: there is no picture in the annotations.")
    notes = (*dataset.notes, *results.notes)
    return Predicted(
        truth, results, Subject(label, dataset.name, dataset.identity(), notes), max_dets
    )


def _check_same(path: Path, record: Record, annotations: Path, truth: GroundTruth) -> None:
    """Refuse annotations of other pictures or people than the run's, as far as numbers tell."""
    assert record.dataset is not None, "it was scored"
    wanted = record.dataset.images, record.dataset.people
    found = len(truth.image_ids), count_people(truth)
    if wanted != found:
        raise InputError(
            f"{path}: the run has {wanted[0]} pictures with {wanted[1]} people, {annotations} has "
            f"{found[0]} with {found[1]}.",
            remedy=f"Give the annotations of {record.dataset.name}.",
        )


def _check_ap(path: Path, record: Record, annotations: Path, found: Predicted) -> None:
    """Refuse annotations or predictions that do not give the run's own AP."""
    assert record.dataset is not None, "it was scored"
    wanted = record.accuracy["keypoints"].figures["AP"].value
    matches = match_keypoints(found.ground_truth, found.results.detections, max_dets=found.max_dets)
    ap = figures(matches, {"AP": FigureSpec()})["AP"].value
    if wanted == ap or (wanted is not None and ap is not None and abs(wanted - ap) <= _TOLERANCE):
        return
    raise InputError(
        f"{path}: AP is {_told(wanted)} in the Record, but {_told(ap)} by {annotations}.",
        remedy=f"Give the annotations of {record.dataset.name} that it was scored with.",
    )


def _told(ap: float | None) -> str:
    """As many digits as two figures may differ in."""
    return "missing" if ap is None else f"{100 * ap:.7g}"
