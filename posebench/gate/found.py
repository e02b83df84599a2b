"""The Records of a side of the gate, and what to say of those that are not there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from posebench.gate.kinds import Kind
from posebench.record import Record
from posebench.store import read_record, record_paths

UNKNOWN = "unknown dataset"
"""Of a run that failed before its dataset was opened."""
_SHOWN = 6


@dataclass(frozen=True)
class Found:
    """A Record and its file.

    Attributes:
        kind: What tells it from others of its label.
    """

    path: Path
    record: Record
    kind: Kind

    @property
    def key(self) -> tuple[str, str]:
        """Dataset and label."""
        dataset = self.record.dataset
        return (dataset.name if dataset else UNKNOWN, self.record.model.label)

    @property
    def good(self) -> bool:
        """Whether it has figures."""
        return self.record.status == "ok"


def read_found(path: Path) -> list[Found]:
    """The Records of a file or folder.

    Raises:
        SchemaError: A file is no Record, or of a newer schema.
    """
    records = ((file, read_record(file)) for file in record_paths([path]))
    return [Found(file, record, Kind.of(record)) for file, record in records]


def of_known_kind(found: Found, known: Iterable[Found]) -> Found:
    """A failed run with the kind that it would have had, if only one comes into question."""
    kinds = {one.kind for one in known if one.good and one.key == found.key}
    fitting = [kind for kind in kinds if kind.fits(found.kind)]
    return replace(found, kind=fitting[0]) if len(fitting) == 1 else found


def lack_of(place: Path, wanted: Found, found: Sequence[Found]) -> str:
    """That a model is not there, and what is: other kinds of it, or other models."""
    dataset, label = wanted.key
    if not found:
        return f"there are no Records in {place}"
    of_label = {f"{label}{one.kind.words}{_failed(one)}" for one in found if one.key == wanted.key}
    others = {f"{one.key[1]} on {one.key[0]}{_failed(one)}" for one in found}
    there = sorted(of_label or others)
    more = f" and {len(there) - _SHOWN} more" if len(there) > _SHOWN else ""
    told = f"{label}{wanted.kind.words} on {dataset}"
    return f"{place} has no good Record of {told}, but {'; '.join(there[:_SHOWN])}{more}"


def _failed(found: Found) -> str:
    return "" if found.good else f" [{found.record.status}]"
