"""Dataclasses of arrays as ``.npz`` files that know the version of their format."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from zipfile import BadZipFile

import numpy as np

from posebench.cache import atomic_path, read_arrays
from posebench.errors import InputError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Held = TypeVar("Held", bound="DataclassInstance")


@dataclass(frozen=True)
class ArraysFormat:
    """How one kind of dataclass is kept.

    Attributes:
        version: Of the format; a file of another one is refused.
        file: What such a file is called in errors, e.g. ``matches file``.
        name: What its format is called, e.g. ``matches format``.
    """

    version: int
    file: str
    name: str

    def save(self, held: DataclassInstance, path: Path) -> None:
        """Write the fields, all of them arrays, without pickles; whole or not at all."""
        arrays: dict[str, Any] = dict(vars(held))
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(stream, format_version=np.int64(self.version), **arrays)

    def load(self, kind: type[Held], path: Path) -> Held:
        """Read what ``save`` wrote; the arrays cannot be written to.

        Raises:
            InputError: Not such a file, damaged, or written by another format version.
        """
        try:
            arrays = read_arrays(path)
        except (OSError, ValueError, BadZipFile, EOFError) as error:
            raise InputError(f"{path}: not a readable {self.file} ({error}).") from error
        version = int(arrays.pop("format_version", np.int64(0)))
        if version != self.version or {field.name for field in fields(kind)} != set(arrays):
            raise InputError(
                f"{path}: {self.name} {version}, this posebench reads {self.version}.",
                remedy="Evaluate the predictions again.",
            )
        return kind(**arrays)
