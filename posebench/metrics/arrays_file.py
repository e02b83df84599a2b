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

_REMEDY = "Evaluate the predictions again."

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
        arrays = self._read(path)
        self._check_version(arrays.pop("format_version", None), path)
        wanted = {field.name for field in fields(kind)}
        found = {"without": wanted - set(arrays), "with unknown": set(arrays) - wanted}
        told = [f"{what} {', '.join(sorted(names))}" for what, names in found.items() if names]
        if told:
            raise InputError(
                f"{path}: a damaged {self.file}, {' and '.join(told)}.", remedy=_REMEDY
            )
        return kind(**arrays)

    def _read(self, path: Path) -> dict[str, Any]:
        try:
            return dict(read_arrays(path))
        except (OSError, ValueError, BadZipFile, EOFError) as error:
            raise InputError(f"{path}: not a readable {self.file} ({error}).") from error

    def _check_version(self, version: Any, path: Path) -> None:
        """Refuse another version, and what is none: an array of one whole number is."""
        if version is None or version.shape != () or not np.issubdtype(version.dtype, np.integer):
            raise InputError(
                f"{path}: not a {self.file}, its format_version is no whole number.",
                remedy=_REMEDY,
            )
        if int(version) != self.version:
            raise InputError(
                f"{path}: {self.name} {int(version)}, this posebench reads {self.version}.",
                remedy=_REMEDY,
            )
