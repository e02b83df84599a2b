"""What is compared: a good Record with what its figures were computed from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from posebench.cache import file_sha256
from posebench.errors import InputError, PredictionsMissingError
from posebench.metrics.accumulate import KEYPOINT_FIGURES, figures
from posebench.metrics.head_distances import HeadDistances
from posebench.metrics.matches import Matches
from posebench.record import Record
from posebench.store import (
    BOX_MATCHES,
    HEAD_DISTANCES,
    MATCHES,
    read_record,
    record_paths,
)

LABEL_MARK = "::"
"""Between a folder and the label of one of its models."""
_SHOWN = 8
_SAME_AP = 1e-9
"""Figures of one result differ by less, whatever summed them."""
_AGAIN = "Copy the folder again from where it was made, or run the model again."


@dataclass(frozen=True, eq=False)
class Result:
    """A Record and the files beside it.

    Attributes:
        path: Of the Record.
        record: Good, with accuracy.
        keypoints: Who was matched by keypoints; None where PCKh is the score.
        boxes: Who was matched by boxes; None if the model predicts none, or an older posebench
            scored it.
        joints: Distances in heads; None where AP is the score.
    """

    path: Path
    record: Record
    keypoints: Matches | None
    boxes: Matches | None
    joints: HeadDistances | None

    @property
    def label(self) -> str:
        """The model, as it was asked for."""
        return self.record.model.label


def load_result(reference: str | Path) -> Result:
    """Find a Record and read it with the files beside it.

    Args:
        reference: A Record's file, a folder with one good Record in it or below, or
            ``FOLDER::LABEL`` for the one of a model.

    Raises:
        InputError: No good Record is there, or more than one, or a file beside it was changed, is
            damaged or gives another AP than the Record.
        PredictionsMissingError: It has no accuracy, or nothing that tells it picture by picture.
    """
    path, record = _find(reference)
    keypoints, boxes, joints = (
        side_file(path, record, name) for name in (MATCHES, BOX_MATCHES, HEAD_DISTANCES)
    )
    _check_scored(path, record, keypoints, joints)
    return Result(
        path=path,
        record=record,
        keypoints=_scored_matches(keypoints, record) if keypoints else None,
        boxes=Matches.load(boxes) if boxes else None,
        joints=HeadDistances.load(joints) if joints else None,
    )


def _check_scored(path: Path, record: Record, keypoints: Path | None, joints: Path | None) -> None:
    """Refuse a Record without what its main figure was computed from."""
    by_pckh = "pckh" in record.accuracy
    if not by_pckh and "keypoints" not in record.accuracy:
        reason = record.model.untrained or "it was not scored"
        raise PredictionsMissingError(f"{path}: the Record has no accuracy ({reason}).")
    if (joints if by_pckh else keypoints) is None:
        name = HEAD_DISTANCES if by_pckh else MATCHES
        raise PredictionsMissingError(
            f"{path.parent / name}: missing, and without it the predictions of "
            f"{record.model.label} cannot be compared picture by picture.",
            remedy="Publish the run again with its files, or run the model again.",
        )


def side_file(path: Path, record: Record, name: str) -> Path | None:
    """A file that the Record names, or None if it names none or the file is not there.

    Args:
        path: Of the Record.
        record: The Record.
        name: Of the file, relative to the Record's folder.

    Raises:
        InputError: The file is not the one that the Record was written with.
    """
    file = path.parent / name
    if name not in record.files or not file.is_file():
        return None
    if file_sha256(file) != record.files[name]:
        raise InputError(
            f"{file}: changed since {path.name} was written.",
            remedy=_AGAIN,
        )
    return file


def _scored_matches(file: Path, record: Record) -> Matches:
    """The matches, whose AP is the Record's.

    Raises:
        InputError: They are damaged, or have another AP.
    """
    matches = Matches.load(file)
    try:
        found = figures(matches, {"AP": KEYPOINT_FIGURES["AP"]})["AP"].value
    except (IndexError, TypeError, ValueError) as error:
        raise InputError(f"{file}: damaged ({error}).", remedy=_AGAIN) from error
    told = record.figure("keypoints", "AP")
    if found != told and (found is None or told is None or abs(found - told) > _SAME_AP):
        raise InputError(f"{file}: gives AP {found}, the Record has {told}.", remedy=_AGAIN)
    return matches


def _find(reference: str | Path) -> tuple[Path, Record]:
    folder, mark, label = str(reference).partition(LABEL_MARK)
    wanted = label if mark and not Path(reference).exists() else None
    place = Path(reference if wanted is None else folder)
    found = [(path, read_record(path)) for path in record_paths([place])]
    good = [
        (path, record)
        for path, record in found
        if record.status == "ok" and wanted in (None, record.model.label)
    ]
    if len(good) != 1:
        raise _not_one(reference, found, good)
    return good[0]


def _not_one(
    reference: str | Path,
    found: Sequence[tuple[Path, Record]],
    good: Sequence[tuple[Path, Record]],
) -> InputError:
    remedy = f"Give one file, its folder, or FOLDER{LABEL_MARK}LABEL where labels differ."
    if good:
        told = f"{len(good)} good Records, and one is compared: {_listed(good)}."
        return InputError(f"{reference}: {told}", remedy=remedy)
    others = f"; there are {_listed(found)}" if found else ""
    return InputError(f"{reference}: no good Record{others}.", remedy=remedy)


def _listed(found: Sequence[tuple[Path, Record]]) -> str:
    told = [f"{r.model.label} ({r.status}) in {path}" for path, r in found[:_SHOWN]]
    more = [f"{len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    return "; ".join([*told, *more])
